"""Whatever is traded: what the account is worth is what was paid in, realised, still open and funded, less fees."""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.sim.settings import SimSettings
from engine.model.order import Fill, MarginMode, SetLeverage
from tests.exchange.tape import FREE, HOUR_MS, MINUTE_MS, START_MS, Account, Tape

CHARGED = SimSettings(initial_balance_usd=Decimal(10_000), latency_jitter_ms=300, leverage=5)

trades = st.tuples(
    st.sampled_from(["BTC", "ETH"]),
    st.sampled_from(["buy", "sell"]),
    st.integers(min_value=1, max_value=2_000_000),  # lots of BTC
    st.integers(min_value=700, max_value=1300),  # tenths of a dollar
    st.integers(min_value=0, max_value=90),  # minutes until then
)


@dataclass
class Book:
    """Average-cost bookkeeping in fractions, the way it is taught: realised on what is closed, the rest stays open."""

    size: Fraction = Fraction(0)
    entry: Fraction = Fraction(0)
    realised: Fraction = field(default=Fraction(0))

    def take(self, fill: Fill) -> None:
        traded, price = Fraction(fill.signed_quantity), Fraction(fill.price)
        closed = min(abs(traded), abs(self.size)) if self.size * traded < 0 else Fraction(0)
        direction = 1 if self.size > 0 else -1
        self.realised += closed * direction * (price - self.entry)
        opened = abs(traded) - closed
        after = self.size + traded
        if opened:
            kept = abs(after) - opened
            self.entry = (kept * self.entry + opened * price) / abs(after)
        self.size = after


def a_flat_tape(minutes: int) -> Tape:
    tape = Tape(BTC=[100] * minutes, ETH=[100] * minutes)
    for hour in range(1, minutes // 60 + 1):
        for coin in ("BTC", "ETH"):
            tape.rates[coin, START_MS + hour * HOUR_MS] = Decimal(hour % 5 - 2) * Decimal("0.000125")
    return tape


def live(plan: list[tuple[str, str, int, int, int]], mode: MarginMode) -> Account:
    tape = a_flat_tape(1)
    tape.rates = a_flat_tape(90 * len(plan) + 60).rates
    account = Account(tape, CHARGED)
    for coin in ("BTC", "ETH"):
        account.send(SetLeverage(coin=coin, leverage=5, mode=mode))
    for coin, side, lots, tenths, wait in plan:
        account.clock.set(account.clock.now_ms() + wait * MINUTE_MS + 1)
        tape.touch(coin, str(Decimal(tenths) / 10))
        quantity = (Decimal(lots) / 100_000).quantize(Decimal("0.0001"))
        if quantity:
            account.send(account.order(side, str(quantity), coin=coin))  # type: ignore[arg-type]
    return account


@given(st.lists(trades, max_size=25), st.sampled_from(["cross", "isolated"]))
def test_equity_is_deposits_realised_open_and_funded_less_fees(
    plan: list[tuple[str, str, int, int, int]], mode: MarginMode
) -> None:
    account = live(plan, mode)

    books = {"BTC": Book(), "ETH": Book()}
    for fill in account.fills:
        books[fill.coin].take(fill)
    seen = account.sim.snapshot()
    unrealised = sum((Fraction(position.unrealized_usd) for position in seen.positions), Fraction(0))
    realised = sum((book.realised for book in books.values()), Fraction(0))
    fees = sum((Fraction(fill.fee_usd) for fill in account.fills), Fraction(0))
    funded = sum((Fraction(payment.usd) for payment in account.sim._ledger.funding), Fraction(0))
    worth = 10_000 + realised + unrealised + funded - fees
    assert abs(Fraction(seen.equity_usd) - worth) < Fraction(1, 10**12)
    assert {coin: book.size for coin, book in books.items() if book.size} == {
        position.coin: position.quantity for position in seen.positions
    }


@given(st.lists(trades, max_size=15), st.sampled_from(["cross", "isolated"]))
def test_the_same_life_twice_is_the_same_to_the_last_byte(
    plan: list[tuple[str, str, int, int, int]], mode: MarginMode
) -> None:
    first, second = live(plan, mode), live(plan, mode)

    assert msgspec.json.encode(first.sim._ledger) == msgspec.json.encode(second.sim._ledger)


@given(st.lists(trades, max_size=25), st.sampled_from(["cross", "isolated"]))
def test_the_account_never_owes_anything(plan: list[tuple[str, str, int, int, int]], mode: MarginMode) -> None:
    account = live(plan, mode)

    assert account.equity >= 0


def test_a_round_trip_costs_nothing_where_nothing_is_charged() -> None:
    account = Account(a_flat_tape(1), msgspec.structs.replace(FREE, max_participation_pct=Decimal(100)))

    account.buy("7")
    account.sell("7")

    assert account.equity == 10_000
