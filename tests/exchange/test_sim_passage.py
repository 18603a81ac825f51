"""However time is cut into pieces, and whether it is played or skipped, the account ends the same."""

from decimal import Decimal
from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.sim.settings import SimSettings
from engine.manager.ports import ExchangeProvider
from engine.model.order import Fill, SetLeverage, Side
from tests.exchange.tape import COINS, HOUR_MS, MINUTE_MS, START_MS, Account, Tape

MINUTES = 150
TERMS = SimSettings(initial_balance_usd=Decimal(10_000), max_participation_pct=None, latency_ms=0)


def a_random_tape(seed: int, swing: float) -> Tape:
    random = Random(seed)
    tape = Tape()
    for coin in ("BTC", "ETH"):
        price = 100.0
        for _ in range(MINUTES):
            close = round(price * (1 + random.uniform(-swing, swing)), 2)
            high = round(max(price, close) * (1 + random.uniform(0, swing)), 2)
            low = round(min(price, close) * (1 - random.uniform(0, swing)), 2)
            opened = round(min(max(price * (1 + random.uniform(-swing, swing) / 4), low), high), 2)
            tape.add(coin, (opened, high, low, close))
            price = close
    for hour in (1, 2):
        tape.rates["BTC", START_MS + hour * HOUR_MS] = Decimal("0.0005")
    return tape


def a_start(tape: Tape, seed: int, *, resting: bool) -> Account:
    random = Random(seed)
    account = Account(tape, TERMS)
    account.send(SetLeverage(coin="ETH", leverage=10, mode="isolated"))
    sides: list[Side] = ["buy", "sell"]
    for coin in ("BTC", "ETH"):
        account.send(account.order(random.choice(sides), str(random.randint(50, 900)), coin=coin))
        if resting:
            account.send(account.order("sell", "30", coin=coin, style="stop_market", limit="98", trigger="98"))
            account.send(account.order("sell", "40", coin=coin, style="post_only", limit="103"))
            account.send(account.order("buy", "40", coin=coin, style="post_only", limit="96"))
    return account


def end(account: Account) -> tuple[list[Fill], bytes]:
    return account.fills, msgspec.json.encode(account.sim.snapshot())


@given(st.integers(0, 10_000), st.sampled_from([0.002, 0.01, 0.03]))
def test_time_may_be_played_bar_by_bar_or_at_once(seed: int, swing: float) -> None:
    tape = a_random_tape(seed, swing)
    stepwise, at_once = a_start(tape, seed, resting=True), a_start(tape, seed, resting=True)

    for _ in range(MINUTES - 1):
        stepwise.minutes(1)
    at_once.minutes(MINUTES - 1)

    assert end(at_once) == end(stepwise)


@given(st.integers(0, 10_000), st.sampled_from([0.002, 0.01, 0.03]))
def test_skipping_inside_the_band_is_the_same_as_playing(seed: int, swing: float) -> None:
    tape = a_random_tape(seed, swing)
    played, skipped = a_start(tape, seed, resting=False), a_start(tape, seed, resting=False)

    for _ in range(MINUTES - 1):
        played.minutes(1)
        band = skipped.sim.liquidation_band()
        before = skipped.clock.now_ms()
        skipped.clock.set(before + MINUTE_MS)
        if band is not None and not leaves(tape, before, band):
            skipped.sim.skip(before + MINUTE_MS)
        else:
            skipped.sim.advance(before + MINUTE_MS)

    assert end(skipped) == end(played)


def leaves(tape: Tape, before_ms: int, band: Decimal) -> bool:
    """Whether in the next minute, or at the price after it, a coin leaves the band around its price of now."""
    for coin in COINS:
        now, then = tape.quote(coin, before_ms), tape.quote(coin, before_ms + MINUTE_MS)
        if now is None or then is None:
            continue
        bar = tape.bars_between(coin, before_ms, before_ms + MINUTE_MS)[0]
        lowest, highest = min(bar.low, float(then.price)), max(bar.high, float(then.price))
        mark = float(now.price)
        if lowest <= mark * (1 - float(band)) or highest >= mark * (1 + float(band)):
            return True
    return False


def test_a_short_that_a_bar_opens_on_its_way_up_meets_the_rest_of_that_way() -> None:
    account = Account(Tape(BTC=[(100, 125, 100, 110), 110]), TERMS)
    account.rest("sell", "1500", "post_only", "103")  # 154,500 USD: 7,725 of margin; at 110 it has lost 10,500 USD

    account.minutes(1)

    assert [fill.liquidation for fill in account.fills] == [False, True]
    assert Decimal(107) < account.fills[1].price < Decimal(109)


def test_the_simulated_venue_is_an_exchange_provider() -> None:
    provider: ExchangeProvider = Account(Tape(BTC=[100])).sim

    assert provider.account_id == "paper"
    assert provider.capabilities.trigger_orders
    assert provider.capabilities.bounded_acceptance
    assert provider.instruments["BTC"].max_leverage == 40
