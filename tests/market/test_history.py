"""The recorded market: what is seen at an instant and nothing later, by windows, snapshots, quotes and the driver."""

from decimal import Decimal

import numpy as np
import pytest

from engine.indicators import IndicatorError
from engine.market.candle_files import HistoryFault
from engine.market.funding import Funding
from engine.market.history import HistoryMarket
from engine.model.market import CoinSnapshot, Column
from tests.market.tapes import HOUR_MS, MINUTE_MS, T0, Row, market_of, rising_rows

CLOSE = Column("close")
FIVE_MINUTES = 5 * MINUTE_MS


def seen(market: HistoryMarket, now_ms: int, columns: list[Column]) -> tuple[CoinSnapshot | None, list[list[float]]]:
    """Everything that can be read at an instant."""
    snapshot = market.look(now_ms)
    window = snapshot.window("BTC")
    assert window is not None
    return snapshot.coin("BTC"), [window.last(column, 1000) for column in columns]


def test_the_mark_is_the_open_of_the_bar_that_opens_now() -> None:
    market = market_of(rising_rows(3))

    snapshot = market.look(T0 + MINUTE_MS)

    assert snapshot.mark("BTC") == 101
    coin = snapshot.coin("BTC")
    assert coin is not None
    assert (coin.mark, coin.mid, coin.price_ms, coin.volume) == (Decimal(101), Decimal(101), T0 + MINUTE_MS, 10.0)


def test_inside_a_bar_its_open_is_all_that_is_known() -> None:
    snapshot = market_of(rising_rows(3)).look(T0 + MINUTE_MS + 59_999)

    assert snapshot.mark("BTC") == 101


def test_after_the_last_bar_its_close_stays_and_grows_old() -> None:
    market = market_of(rising_rows(3))

    coin = market.look(T0 + 10 * MINUTE_MS).coin("BTC")

    assert coin is not None
    assert (coin.mark, coin.price_ms) == (Decimal(103), T0 + 3 * MINUTE_MS)


def test_before_the_first_bar_there_is_no_price_and_no_window() -> None:
    snapshot = market_of(rising_rows(3)).look(T0 - 1)

    assert (snapshot.coin("BTC"), snapshot.mark("BTC"), snapshot.window("BTC"), list(snapshot)) == (
        None,
        None,
        None,
        [],
    )
    assert snapshot.mark("XYZ") is None


def test_a_window_ends_at_the_last_closed_bar() -> None:
    market = market_of(rising_rows(10))
    market.declare([CLOSE])

    window = market.look(T0 + 3 * MINUTE_MS + 1).window("BTC")

    assert window is not None
    assert (window.value(CLOSE), window.value(CLOSE, back=2)) == (103, 101)
    assert np.isnan([window.value(CLOSE, back=3), window.value(CLOSE, back=-1)]).all()
    assert window.last(CLOSE, 2) == [102, 103]
    assert window.last(CLOSE, 50) == [101, 102, 103]


def test_a_window_steps_through_coarser_bars_by_their_own_interval() -> None:
    market = market_of(rising_rows(23))
    close_5m = Column("close", 0, FIVE_MINUTES)
    market.declare([close_5m, Column("volume", 0, FIVE_MINUTES)])

    before, after = (market.look(T0 + minutes * MINUTE_MS).window("BTC") for minutes in (14, 15))

    assert before is not None
    assert after is not None
    assert (before.value(close_5m), before.value(close_5m, back=1), before.last(close_5m, 9)) == (110, 105, [105, 110])
    assert after.last(close_5m, 9) == [105, 110, 115]


def test_columns_are_over_base_bars_and_a_coarser_one_changes_where_its_bar_closes() -> None:
    market = market_of(rising_rows(12))
    close_5m = Column("close", 0, FIVE_MINUTES)
    market.declare([CLOSE, close_5m])

    columns = market.columns("BTC")

    assert columns[CLOSE].tolist() == [float(101 + i) for i in range(12)]
    assert np.array_equal(columns[close_5m], [np.nan] * 4 + [105.0] * 5 + [110.0] * 3, equal_nan=True)


def test_nothing_after_now_can_be_seen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rising_rows(400)
    columns = [
        CLOSE,
        Column("ema", 5),
        Column("rsi", 5, FIVE_MINUTES),
        Column("macd"),
        Column("volume", 0, FIVE_MINUTES),
    ]
    now = int(rng.integers(60, 390))

    def later_changed() -> list[Row]:
        noisy = [(t, *(np.array([o, h, l_, c]) * 2 + rng.uniform(0, 1)), v * 3) for t, o, h, l_, c, v in rows[now:]]
        opening = (rows[now][0], rows[now][1], *noisy[0][2:3], rows[now][1] / 2, *noisy[0][4:])
        return [*rows[:now], opening, *noisy[1:]]

    markets = [market_of(rows), market_of(later_changed())]
    for market in markets:
        market.declare(columns)
    instants = [T0 + now * MINUTE_MS, T0 + now * MINUTE_MS + 30_000, T0 + (now - 1) * MINUTE_MS]

    for instant in instants:
        original, changed = (seen(market, instant, columns) for market in markets)
        assert repr(original) == repr(changed), f"at bar {now} of seed {seed}"
    assert seen(markets[0], T0 + (now + 2) * MINUTE_MS, columns) != seen(
        markets[1], T0 + (now + 2) * MINUTE_MS, columns
    )


def test_an_undeclared_column_is_refused_when_it_is_read() -> None:
    window = market_of(rising_rows(9)).look(T0 + 5 * MINUTE_MS).window("BTC")

    assert window is not None
    for column in (CLOSE, Column("close", 0, FIVE_MINUTES)):
        with pytest.raises(KeyError, match="of BTC was not declared"):
            window.value(column)


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        (Column("open_interest"), "this market has no open_interest"),
        (Column("funding_rate"), "this market has no funding_rate"),
        (Column("ema", 20, 90_000), "must be a multiple of the base bar of 60000 ms"),
        (Column("ema", 1), "the period must lie in"),
    ],
)
def test_a_column_that_the_recording_cannot_give_is_refused_at_once(column: Column, complaint: str) -> None:
    market = market_of(rising_rows(9))

    assert market.lacks == {"open_interest", "oracle", "funding_rate"}
    with pytest.raises(IndicatorError, match=complaint):
        market.declare([column])


def test_a_snapshot_tells_changes_and_volumes_of_closed_bars() -> None:
    market = market_of(rising_rows(1600))

    coin = market.look(T0 + 1500 * MINUTE_MS).coin("BTC")

    assert coin is not None
    assert coin.volume == 10 + 1499
    assert coin.volume_average == pytest.approx(10 + 1499 - 9.5)  # of bars 1480 to 1499
    assert coin.change_1h == pytest.approx(1600 / 1540 - 1)  # the bar that closed an hour ago did so at 1540
    assert coin.change_4h == pytest.approx(1600 / 1360 - 1)
    assert coin.day_volume_usd == pytest.approx(sum((101 + i) * (10 + i) for i in range(60, 1500)))
    assert (coin.open_interest, coin.oracle, coin.funding_rate) == (None, None, None)


def test_what_needs_more_history_than_there_is_is_none() -> None:
    coin = market_of(rising_rows(100)).look(T0 + 10 * MINUTE_MS).coin("BTC")

    assert coin is not None
    assert (coin.volume_average, coin.change_1h, coin.change_4h, coin.day_volume_usd) == (None, None, None, None)


def test_a_touched_price_is_current_until_its_bar_ends_and_older_snapshots_keep_theirs() -> None:
    market = market_of(rising_rows(5), "BTC", "ETH")
    at_ms = T0 + 2 * MINUTE_MS
    before = market.look(at_ms)

    market.touch("BTC", Decimal("101.5"), at_ms)  # bar 2 spans 101.5 to 103.5

    after = market.look(at_ms)
    assert (before.mark("BTC"), after.mark("BTC"), after.mark("ETH")) == (Decimal(102), Decimal("101.5"), Decimal(102))
    quotes = [market.quote("BTC", instant) for instant in (at_ms - 1, at_ms + 59_999, at_ms + 60_000)]
    assert [quote and quote.price for quote in quotes] == [101, Decimal("101.5"), 103]


@pytest.mark.parametrize("price", ["101.4", "103.6"])
def test_a_touch_outside_of_its_bar_is_refused(price: str) -> None:
    market = market_of(rising_rows(5))

    with pytest.raises(ValueError, match=r"lies outside of the bar"):
        market.touch("BTC", Decimal(price), T0 + 2 * MINUTE_MS)
    with pytest.raises(ValueError, match=r"no bar is under way"):
        market.touch("BTC", Decimal(104), T0 + 5 * MINUTE_MS)


def test_a_quote_carries_the_volume_of_the_last_closed_bar() -> None:
    quote = market_of(rising_rows(5)).quote("BTC", T0 + 2 * MINUTE_MS)

    assert quote is not None
    assert (quote.price, quote.bar_volume, quote.bar_interval_ms) == (Decimal(102), 11.0, MINUTE_MS)


def test_bars_between_two_instants_are_those_that_closed_after_the_first_and_by_the_second() -> None:
    market = market_of(rising_rows(5))

    between = market.bars_between("BTC", T0 + MINUTE_MS, T0 + 3 * MINUTE_MS)

    assert [(bar.open_ms, bar.close) for bar in between] == [(T0 + MINUTE_MS, 102), (T0 + 2 * MINUTE_MS, 103)]
    assert market.bars_between("BTC", T0 + MINUTE_MS, T0 + 2 * MINUTE_MS - 1) == []
    assert len(market.bars_between("BTC", T0 - HOUR_MS, T0 + HOUR_MS)) == 5


def test_the_driver_finds_rows_by_instant() -> None:
    market = market_of(rising_rows(5))

    assert (market.first_ms, market.last_ms, market.interval_ms) == (T0 + MINUTE_MS, T0 + 5 * MINUTE_MS, MINUTE_MS)
    assert [market.index_at(T0 + offset) for offset in (-1, 59_999, 60_000, 10**9)] == [-1, -1, 0, 4]
    assert market.arrays("BTC").open.tolist() == [100, 101, 102, 103, 104]
    assert market.extremes("BTC", 1, 4) == (100.5, 104.5)


def test_funding_is_known_at_its_hour_and_shown_until_the_next() -> None:
    first_hour = T0 - HOUR_MS
    funding = Funding(first_ms=first_hour, rates=np.array([1e-5, 1.25e-5, np.nan, -2e-5]))
    table = np.array(rising_rows(200)).T
    market = HistoryMarket.of_arrays(table[0], {"BTC": tuple(table[1:6])}, MINUTE_MS, funding={"BTC": funding})
    market.declare([Column("funding_rate")])

    snapshots = [market.look(T0 + minutes * MINUTE_MS).coin("BTC") for minutes in (59, 61, 121)]

    assert [snapshot and snapshot.funding_rate for snapshot in snapshots] == [
        Decimal("0.0000125"),
        None,
        Decimal("-0.00002"),
    ]
    booked = [market.funding_rate("BTC", T0 + hour * HOUR_MS) for hour in (0, 1, 2, 3)]
    assert booked == [Decimal("0.0000125"), None, Decimal("-0.00002"), None]
    assert market.funding_rate("BTC", T0 + MINUTE_MS) is None
    assert market.missing_funding == {"BTC": 2}  # of the hours 1, 2 and 3: 1 is NaN, 3 is not among the rates
    column = market.columns("BTC")[Column("funding_rate")]
    assert np.array_equal(column[[58, 59, 119]], [1.25e-5, np.nan, -2e-5], equal_nan=True)


def test_eight_hourly_funding_is_booked_whole_and_shown_per_hour() -> None:
    start = T0 - T0 % (8 * HOUR_MS)
    rates = np.full(17, np.nan)
    rates[[0, 8, 16]] = 8e-5
    funding = Funding(first_ms=start, rates=rates, period_hours=8)

    assert (funding.at(start + 8 * HOUR_MS), funding.at(start + 9 * HOUR_MS)) == (8e-5, None)
    assert funding.hourly(start + 9 * HOUR_MS) == 1e-5
    assert funding.missing(start, start + 16 * HOUR_MS) == 0


def test_a_coin_is_left_out_where_its_bars_are_missing_and_its_columns_pass_over_the_hole() -> None:
    rows = rising_rows(40)
    market = market_of([*rows[:20], *rows[22:]], allow_gaps=True)
    ema = Column("ema", 3)
    market.declare([ema, CLOSE])

    marks = [market.look(T0 + minutes * MINUTE_MS).mark("BTC") for minutes in (19, 20, 21, 22, 23)]

    assert marks == [119, None, None, None, 123]  # at 22 there is an open, but no bar has just closed
    assert [bar.open for bar in market.bars_between("BTC", T0 + 19 * MINUTE_MS, T0 + 23 * MINUTE_MS)] == [119, 122]
    assert market.quote("BTC", T0 + 20 * MINUTE_MS) is None
    columns = market.columns("BTC")
    assert np.isnan(columns[ema][[20, 21]]).all()
    assert columns[ema][22] == pytest.approx((columns[ema][19] + columns[CLOSE][22]) / 2)


def test_arrays_with_faults_are_refused_with_all_of_them() -> None:
    table = np.array(rising_rows(6)).T
    bad_high, bad_close = table[2].copy(), table[4].copy()
    bad_high[1], bad_close[4] = 1.0, np.nan
    bars = {"BTC": (table[1], bad_high, table[3], table[4], table[5]), "ETH": (*table[1:4], bad_close, table[5])}

    with pytest.raises(HistoryFault) as refused:
        HistoryMarket.of_arrays(table[0], bars, MINUTE_MS)

    assert "BTC: row 1: high is below open or close" in refused.value.faults
    assert "ETH: row 4: close is not a finite number" in refused.value.faults


def test_a_gap_in_arrays_is_refused_unless_allowed() -> None:
    rows = rising_rows(6)

    with pytest.raises(HistoryFault, match="BTC: row 2: 2 bars are missing before it"):
        market_of([*rows[:2], *rows[4:]])


async def test_refreshing_fetches_nothing() -> None:
    market = market_of(rising_rows(3))

    await market.refresh(T0)

    assert market.look(T0).mark("BTC") == 100
