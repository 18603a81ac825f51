"""The synthetic market: a pure function of seed and time, sound bars, moods of the market, and no look ahead."""

import hashlib
import random
from decimal import Decimal

import numpy as np
import pytest

from engine.indicators import IndicatorError
from engine.market.bars import FIELDS, faults_in
from engine.market.history import HistoryMarket
from engine.market.instruments import instrument_table
from engine.market.noise import bell, keys, uniform
from engine.market.synthetic import SyntheticMarket
from engine.market.world import PROFILES, World
from engine.model.instrument import on_price_grid
from engine.model.market import Column
from tests.market.tapes import HOUR_MS, MINUTE_MS

NOW = 1_760_000_040_000  # 2025-10-09, at a full minute
DAY_MS = 24 * HOUR_MS
COLUMNS = (
    Column("ema", 20),
    Column("rsi", 14, 5 * MINUTE_MS),
    Column("ema", 50, 4 * HOUR_MS),
    Column("atr", 14, HOUR_MS),
    Column("funding_rate"),
    Column("open_interest"),
)


def world_of(seed: int, fine_ms: int = MINUTE_MS) -> World:
    return World(seed, list(instrument_table().values()), [PROFILES[coin] for coin in instrument_table()], fine_ms)


def everything(market: SyntheticMarket, now_ms: int) -> list[object]:
    """All that can be read of every coin at an instant."""
    snapshot = market.look(now_ms)
    found: list[object] = []
    for coin in market.coins:
        window = snapshot.window(coin)
        assert window is not None
        found += [snapshot.coin(coin), market.quote(coin, now_ms), *(window.last(column, 20) for column in COLUMNS)]
    return found


def test_the_same_seed_gives_the_same_market_in_whatever_order_it_is_asked(seed: int) -> None:
    order = random.Random(seed)
    instants = [NOW + order.randrange(-30 * DAY_MS, 30 * DAY_MS) for _ in range(6)]
    forwards, backwards = SyntheticMarket(5, ("BTC", "DOGE")), SyntheticMarket(5, ("BTC", "DOGE"))
    for market in (forwards, backwards):
        market.declare(COLUMNS)

    ahead = {instant: everything(forwards, instant) for instant in instants}
    back = {instant: everything(backwards, instant) for instant in reversed(instants)}

    assert all(repr(ahead[instant]) == repr(back[instant]) for instant in instants)


def test_the_numbers_are_the_same_in_every_process_and_on_every_machine() -> None:
    world = world_of(2025)

    text = hashlib.sha256()
    for bars in (*world.bars(NOW // MINUTE_MS, 200, MINUTE_MS), *world.bars(NOW // (4 * HOUR_MS), 50, 4 * HOUR_MS)):
        for name in ("open", "high", "low", "close"):
            text.update(" ".join(f"{value:.8g}" for value in getattr(bars, name)).encode())
    text.update(" ".join(f"{rate:.9f}" for rate in world.funding_rates(NOW // HOUR_MS, 100).ravel()).encode())

    assert text.hexdigest()[:16] == "4f6cc10d5de939ac"


def test_seeds_and_coins_differ() -> None:
    prices = [SyntheticMarket(seed).price("BTC", NOW) for seed in range(20)]

    assert len(dict.fromkeys(prices)) == 20


def test_the_noise_is_bell_shaped_and_even() -> None:
    places = np.arange(200_000, dtype=np.int64) - 1000
    key = keys(3, ["a", "b"])

    bells, evens = bell(key, places), uniform(key, places)

    assert np.abs(bells.mean(axis=1)).max() < 0.01
    assert bells.std(axis=1) == pytest.approx([1, 1], abs=0.01)
    assert np.abs(bells).max() < 3.47
    assert abs((bells[0] * bells[1]).mean()) < 0.01
    assert evens.mean(axis=1) == pytest.approx([0.5, 0.5], abs=0.005)
    assert (evens.min() >= 0, evens.max() < 1) == (True, True)


def test_a_stretch_of_the_lattice_is_the_same_by_itself_as_within_a_longer_one(seed: int) -> None:
    lattice = world_of(seed).lattice
    first = NOW // 1000
    whole = lattice.prices(first, 5000)

    for offset, count in ((0, 1), (1, 1), (777, 3), (4095, 2), (1024, 3000)):
        assert np.array_equal(lattice.prices(first + offset, count), whole[:, offset : offset + count])
    coarse = lattice.prices(-(-first // 64), 70, 6)
    assert np.array_equal(coarse, whole[:, -first % 64 :: 64][:, :70])


@pytest.mark.parametrize("interval_ms", [1000, 3000, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS])
def test_bars_are_sound_and_on_the_price_grid(interval_ms: int) -> None:
    for bars, instrument in zip(
        world_of(1).bars(NOW // interval_ms, 40, interval_ms), instrument_table().values(), strict=True
    ):
        assert faults_in(bars.open_ms, bars.fields(), interval_ms, allow_gaps=False) == []
        assert np.array_equal(bars.open[1:], bars.close[:-1])
        prices = [Decimal(repr(float(value))) for name in FIELDS[:4] for value in getattr(bars, name)]
        assert all(on_price_grid(price, instrument) for price in prices)
        assert bars.volume.mean() > 0 or interval_ms < MINUTE_MS


def test_a_bar_contains_every_price_that_is_quoted_within_it(seed: int) -> None:
    market = SyntheticMarket(seed % 1000, ("BTC", "XRP"))

    for coin in market.coins:
        for bar in market.bars_between(coin, NOW, NOW + 5 * MINUTE_MS):
            quoted = [market.price(coin, bar.open_ms + offset) for offset in range(0, MINUTE_MS, 250)]
            assert bar.low <= min(quoted) <= max(quoted) <= bar.high
            assert (quoted[0], market.price(coin, bar.open_ms + MINUTE_MS)) == (bar.open, bar.close)


def test_coins_move_together_without_being_the_same() -> None:
    bars = world_of(11).bars(NOW // HOUR_MS, 24 * 30, HOUR_MS)

    correlation = np.corrcoef([np.diff(np.log(of_coin.close)) for of_coin in bars])

    others = correlation[~np.eye(len(bars), dtype=bool)]
    assert (others > 0.3).all()
    assert (others < 0.95).all()


def test_volatility_is_real_clustered_and_has_fat_tails() -> None:
    btc = world_of(4).bars(NOW // MINUTE_MS, 14 * 1440, MINUTE_MS)[0]
    moves = np.diff(np.log(btc.close))

    yearly = moves.std() * np.sqrt(365.25 * 1440)
    kurtosis = ((moves - moves.mean()) ** 4).mean() / moves.var() ** 2
    by_three_hours = moves[: len(moves) // 180 * 180].reshape(-1, 180).std(axis=1)

    assert 0.25 < yearly < 0.8
    assert kurtosis > 4  # 3 were Gaussian
    assert np.percentile(by_three_hours, 90) > 2 * np.percentile(by_three_hours, 10)  # calm and turbulent hours
    assert np.corrcoef(by_three_hours[:-1], by_three_hours[1:])[0, 1] > 0.2  # that last


def test_some_days_trend_and_others_range() -> None:
    btc = world_of(4).bars(NOW // HOUR_MS, 36 * 200, HOUR_MS)[0]
    moves = np.diff(np.log(btc.close))[: 36 * 199].reshape(-1, 36)

    efficiency = np.abs(moves.sum(axis=1)) / np.abs(moves).sum(axis=1)  # 1 is a straight line, near 0 a range

    assert np.percentile(efficiency, 90) > 0.25
    assert np.percentile(efficiency, 10) < 0.05


def test_prices_stay_within_reach_of_their_start_for_twenty_years() -> None:
    days = world_of(6).bars((NOW - 10 * 365 * DAY_MS) // DAY_MS, 20 * 365, DAY_MS)

    for bars, profile in zip(days, PROFILES.values(), strict=True):
        assert bars.low.min() > profile.start_price / 6
        assert bars.high.max() < profile.start_price * 6


def test_funding_reverts_to_the_base_rate_and_follows_the_trend() -> None:
    world = world_of(8)
    first = NOW // HOUR_MS
    rates = world.funding_rates(first, 24 * 60)
    closes = np.array([bars.close for bars in world.bars(first - 9, 24 * 60 + 8, HOUR_MS)])

    trend = np.log(closes[:, 8:] / closes[:, :-8])

    assert np.mean(rates == 1.25e-5) == pytest.approx(0.5, abs=0.25)
    assert np.abs(rates).max() <= 4e-4
    assert np.corrcoef(trend[0], rates[0])[0, 1] > 0.3


def test_a_window_never_shows_a_bar_that_has_not_closed() -> None:
    market = SyntheticMarket(3, ("ETH",))
    close, close_4h = Column("close"), Column("close", 0, 4 * HOUR_MS)
    market.declare([close, close_4h])
    four = NOW - NOW % (4 * HOUR_MS)

    for now in (NOW, NOW + 1, NOW + 59_999, NOW + MINUTE_MS, NOW + 200 * MINUTE_MS, four, four - 1):
        window = market.look(now).window("ETH")
        assert window is not None
        assert window.value(close) == market.price("ETH", now - now % MINUTE_MS)
        assert window.value(close_4h) == market.price("ETH", now - now % (4 * HOUR_MS))
        assert window.last(close, 3)[-1] == window.value(close)


def test_live_and_backtest_read_the_same_columns() -> None:
    market = SyntheticMarket(12, ("BTC", "HYPE"))
    market.declare(COLUMNS)
    end = NOW + 600 * MINUTE_MS

    recorded = HistoryMarket(market.recording(NOW - 600 * MINUTE_MS, end))
    columns = [column for column in COLUMNS if column.indicator != "open_interest"]
    recorded.declare(columns)

    for now in (NOW - 590 * MINUTE_MS, NOW, NOW + 333 * MINUTE_MS, end):
        live, past = market.look(now), recorded.look(now)
        assert [coin.mark for coin in live] == [coin.mark for coin in past]
        assert [coin.funding_rate for coin in live] == [coin.funding_rate for coin in past]
        for coin in market.coins:
            live_window, past_window = live.window(coin), past.window(coin)
            assert live_window is not None
            assert past_window is not None
            for column in columns:
                assert live_window.last(column, 10) == pytest.approx(past_window.last(column, 10), rel=1e-6)
    assert recorded.funding_rate("BTC", NOW - NOW % HOUR_MS) == market.funding_rate("BTC", NOW - NOW % HOUR_MS)


def test_a_snapshot_has_every_number_but_an_oracle() -> None:
    market = SyntheticMarket(2)

    for coin in market.look(NOW + 1234):
        profile = PROFILES[coin.coin]
        assert coin.price_ms == NOW + 1234
        assert coin.funding_rate is not None
        assert 0.2 < (coin.open_interest or 0) / profile.open_interest < 5
        assert 0.2 < (coin.open_interest_average or 0) / profile.open_interest < 5
        assert 0.05 < (coin.volume or 0) * 1440 / profile.day_volume < 20
        assert coin.day_volume_usd is not None
        assert 0.2 < coin.day_volume_usd / (profile.day_volume * float(coin.mark)) < 5
        assert abs(coin.change_1h or 1) < 0.2
        assert coin.oracle is None
    assert market.lacks == {"oracle"}


def test_many_bars_are_the_same_as_a_few_at_a_time() -> None:
    market = SyntheticMarket(2, ("SOL",))
    until = NOW + 300 * MINUTE_MS

    at_once = market.bars_between("SOL", NOW, until)
    one_by_one = [bar for at in range(NOW, until, MINUTE_MS) for bar in market.bars_between("SOL", at, at + MINUTE_MS)]

    assert len(at_once) == 300
    assert list(at_once) == one_by_one
    assert market.bars_between("SOL", NOW, NOW + MINUTE_MS - 1) == []


def test_a_touched_price_holds_until_its_bar_ends() -> None:
    market = SyntheticMarket(2, ("BTC", "ETH"))
    bar = market.bars_between("BTC", NOW, NOW + MINUTE_MS)[0]
    before = market.look(NOW)

    market.touch("BTC", Decimal(repr(bar.low)), NOW)

    assert float(market.look(NOW).mark("BTC") or 0) == bar.low
    assert float(before.mark("BTC") or 0) == bar.open
    quotes = [market.quote("BTC", instant) for instant in (NOW + 59_999, NOW + 60_000)]
    assert [quote and float(quote.price) for quote in quotes] == [bar.low, bar.close]
    with pytest.raises(ValueError, match="lies outside of the bar"):
        market.touch("BTC", Decimal(repr(bar.high)) * 2, NOW)


def test_start_prices_can_be_set() -> None:
    plain, shifted = SyntheticMarket(2), SyntheticMarket(2, start_prices={"BTC": 220_000})

    assert shifted.price("BTC", NOW) / plain.price("BTC", NOW) == pytest.approx(2, rel=1e-4)
    assert shifted.price("ETH", NOW) == plain.price("ETH", NOW)


def test_arguments_that_make_no_market_are_refused() -> None:
    for refused in (
        lambda: SyntheticMarket(1, ("BTC", "NOPE")),
        lambda: SyntheticMarket(1, ("BTC", "BTC")),
        lambda: SyntheticMarket(1, ()),
        lambda: SyntheticMarket(1, bar_ms=1500),
        lambda: SyntheticMarket(1, bar_ms=2 * HOUR_MS),
        lambda: SyntheticMarket(1, start_prices={"BTC": float("nan")}),
        lambda: SyntheticMarket(1).recording(NOW, NOW),
    ):
        with pytest.raises(ValueError, match=r"coins were|bar_ms was|start prices|no bar of"):
            refused()
    with pytest.raises(IndicatorError, match="must be a multiple of the base bar"):
        SyntheticMarket(1).declare([Column("ema", 20, 90_000)])


async def test_bars_of_a_second_carry_a_market_too() -> None:
    market = SyntheticMarket(9, ("BTC",), bar_ms=1000)
    market.declare([Column("ema", 20), Column("ema", 20, 10_000)])

    await market.refresh(NOW)
    window = market.look(NOW).window("BTC")

    assert window is not None
    assert np.isfinite([window.value(Column("ema", 20)), window.value(Column("ema", 20, 10_000))]).all()
    assert market.funding_rate("BTC", NOW) is None
