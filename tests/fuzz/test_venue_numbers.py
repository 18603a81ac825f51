"""What a venue says is not believed either: no number that is none, or none of its kind, comes into the journal."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from engine.backtest.driver import step
from engine.manager import record as r
from engine.manager.border import is_readable
from engine.manager.fold import apply
from engine.manager.ports import VenueUnreachable
from engine.manager.state import State
from engine.model.order import (
    Accepted,
    Canceled,
    Envelope,
    Fill,
    FundingPayment,
    Order,
    OrderReport,
    Unresolved,
    VenueAccount,
)
from engine.model.position import Position
from tests.fuzz.replies import a_reply
from tests.fuzz.venue import Venue
from tests.fuzz.world import ME, World

D = Decimal
NUMBERS: tuple[Any, ...] = (
    D(0),
    D(-1),
    D("NaN"),
    D("sNaN"),
    D("Infinity"),
    D("-Infinity"),
    D("1E16"),
    1.5,
    2,
    "3",
    None,
    True,
)
LIES: dict[str, tuple[Any, ...]] = {
    "quantity": NUMBERS,
    "price": NUMBERS,
    "fee_usd": NUMBERS[2:],  # nothing is a fee, and a rebate is a negative one
    "time_ms": (0, -1, 1_760_961_600, 4_102_444_800_000, None, "1760961600000", 1.76e12),
    "side": ("hold", "", None, "BUY"),
    "trade_id": ("", None, 7),
}
CASES = [(field, value) for field, values in LIES.items() for value in values]


def a_fill(world: World, **changes: Any) -> Fill:
    """A fill that nobody ordered, true to the market but for the changes."""
    true = Fill(
        trade_id="liar-1",
        order_id=1,
        client_order_id=None,
        coin="ETH",
        side="buy",
        quantity=D("0.5"),
        price=world.market.prices["ETH"],
        fee_usd=D("0.1"),
        time_ms=world.clock.now_ms(),
    )
    return replace(true, **changes)


class Kept:
    """Every entry of a run, to be folded once more as a restart does."""

    def __init__(self) -> None:
        self.all: list[r.Entry] = []

    def entry(self, entry: r.Entry) -> None:
        self.all.append(entry)

    def refolded(self) -> State:
        state = State()
        for entry in self.all:
            record = r.decode(r.kind_of(entry.record), r.encode(entry.record))
            apply(state, r.Entry(seq=entry.seq, ts=entry.ts, trader=entry.trader, record=record))
        return state


@pytest.mark.parametrize(("field", "value"), CASES, ids=[f"{field} {value!r}" for field, value in CASES])
def test_a_fill_with_such_a_number_is_refused_once_and_the_others_are_booked(field: str, value: Any) -> None:
    world, kept = World(Random(3)), Kept()
    world.venue.lies = [a_fill(world, **{field: value})]

    for _ in range(3):
        step(world.gateway.collect())
    honest = world.sim.manual_trade("BTC", "buy", D("0.01"))
    world.recorder.sinks.append(kept)
    step(world.gateway.collect())

    records = world.records.new
    assert [record.what for record in records if isinstance(record, r.Incident)] == ["bad_fill", "foreign_fill"]
    assert [record.fill for record in records if isinstance(record, r.Filled)] == [honest]


def test_a_true_fill_that_nobody_ordered_goes_to_the_house() -> None:
    world = World(Random(3))
    world.venue.lies = [a_fill(world)]

    for _ in range(3):
        step(world.gateway.collect())

    assert [record.what for record in world.records.new if isinstance(record, r.Incident)] == ["foreign_fill"]
    assert world.state.accounts[world.account].book.house.positions["ETH"].quantity == D("0.5")


@pytest.mark.parametrize("number", [D("NaN"), D("Infinity"), D("1E16"), 1.5, "3", None], ids=repr)
@pytest.mark.parametrize("field", ["usd", "rate", "price", "quantity"])
def test_a_funding_payment_with_such_a_number_is_refused_once(field: str, number: Any) -> None:
    world = World(Random(3))
    world.sim.manual_trade("BTC", "buy", D("0.01"))
    step(world.gateway.collect())
    hour_ms = world.clock.now_ms() - world.clock.now_ms() % 3_600_000 + 3_600_000
    lie = FundingPayment(
        coin="BTC", time_ms=hour_ms, usd=D("-0.01"), quantity=D("0.01"), rate=D("0.00001"), price=D(60_000)
    )

    async def lies(since_ms: int) -> Sequence[FundingPayment]:
        return [replace(lie, **{field: number})]

    world.venue.funding = lies  # type: ignore[method-assign]
    world.clock.set(hour_ms + 60_000)
    world.records.new.clear()
    for _ in range(2):
        world.gateway._funded_ms = 0
        step(world.gateway.collect())

    assert [record.what for record in world.records.new if isinstance(record, r.Incident)] == ["bad_funding"]
    assert not [record for record in world.records.new if isinstance(record, r.Funded)]


UNREADABLE: dict[str, tuple[Any, ...]] = {
    "equity_usd": NUMBERS[2:],
    "deposits_usd": NUMBERS[2:],
    "withdrawable_usd": NUMBERS[2:],
    "time_ms": LIES["time_ms"],
}
REPORTS = [(field, value) for field, values in UNREADABLE.items() for value in values]


@pytest.mark.parametrize(("field", "value"), REPORTS, ids=[f"{field} {value!r}" for field, value in REPORTS])
def test_an_account_report_with_such_a_number_is_as_good_as_none(field: str, value: Any) -> None:
    world = World(Random(3))
    lie = replace(world.sim.snapshot(), **{field: value})

    async def lies() -> VenueAccount:
        return lie

    world.venue.account = lies  # type: ignore[method-assign]
    with pytest.raises(VenueUnreachable, match="cannot be read"):
        step(world.gateway.statement())


def test_a_position_without_a_quantity_makes_the_report_unreadable() -> None:
    world = World(Random(3))
    world.sim.manual_trade("BTC", "buy", D("0.01"))
    true = world.sim.snapshot()

    assert is_readable(true, true.time_ms)
    assert not is_readable(replace(true, positions=(replace(true.positions[0], quantity=D("NaN")),)), true.time_ms)


class Boaster(Venue):
    """Says of every order that this much of it was filled."""

    filled: Any = D(0)
    kind: type[Accepted] | type[Canceled] = Accepted

    async def submit(self, envelope: Envelope) -> OrderReport:
        if not isinstance(envelope.action, Order):
            return await self.sim.submit(envelope)
        terms: dict[str, Any] = {"filled_quantity": self.filled}
        return self.kind(**terms) if self.kind is Accepted else Canceled(reason="told so", **terms)


@pytest.mark.parametrize("kind", [Accepted, Canceled])
@pytest.mark.parametrize("filled", [D("NaN"), D("-1"), D("Infinity"), D("1E9"), 1.5, "1", None], ids=repr)
def test_a_report_of_a_quantity_that_cannot_be_leaves_the_outcome_unknown(filled: Any, kind: Any) -> None:
    kept = Kept()
    world = World(Random(3), sinks=[kept])
    boaster = Boaster(world.sim)
    boaster.kind, boaster.filled = kind, filled
    world.gateway.exchange = boaster  # type: ignore[assignment]
    order = Order(
        client_order_id="0x" + "7" * 32,
        coin="BTC",
        side="buy",
        quantity=D("0.001"),
        style="market_ioc",
        limit_price=world.market.prices["BTC"],
    )

    seq, intended = world.gateway.intend(
        order, trader=ME, client_order_id=order.client_order_id, cause="decision", reference="planted"
    )
    report = step(world.gateway.send(seq, intended, ME))

    assert isinstance(report, Unresolved)
    assert world.state.accounts[world.account].intents[order.client_order_id].unresolved
    assert kept.refolded().accounts[world.account].intents.keys() == {order.client_order_id}


def test_whatever_a_venue_makes_up_the_journal_folds_again_to_the_same_finite_books(seed: int) -> None:
    for case in range(6):
        rng, kept = Random(f"{seed}:lies:{case}"), Kept()
        world = World(rng, sinks=[kept])
        for number in range(30):
            trader = world.turn()
            fields = rng.sample(sorted(LIES), rng.randint(0, 2))
            lie = a_fill(
                world, **{"trade_id": f"liar-{number}", **{field: rng.choice(LIES[field]) for field in fields}}
            )
            world.venue.lies.append(lie)
            _, raw, finish = a_reply(rng, world.sight(trader), percent=False)
            world.decide(trader, raw, finish)

        account = world.state.accounts[world.account]
        for owner in account.book.accounts():
            numbers = [owner.cash_usd, *(number for held in owner.positions.values() for number in held_by(held))]
            assert all(number.is_finite() for number in numbers), f"seed {seed} case {case}"
        again = kept.refolded().accounts[world.account]
        assert again.book == account.book, f"seed {seed} case {case}"


def held_by(held: Position) -> tuple[Decimal, Decimal]:
    """The numbers of a position."""
    return held.quantity, held.cost_usd
