"""The gateway: judges every intent by its own arithmetic, sends what is durable, and only once."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from engine.backtest.driver import step
from engine.exchange.sim.exchange import SimExchange
from engine.manager.gateway import STALE_MS
from engine.manager.halt import MODES, Halt, Mode, NoSwitch
from engine.manager.ports import ExchangeProvider
from engine.manager.record import Filled, Reported
from engine.manager.resolve import GRACE_MS, resolve
from engine.model.ids import TraderId
from engine.model.order import Envelope, Order, OrderReport, Rejected, Unresolved
from tests.arena.scripts import MINUTE_MS, T0, Scripted, buy, close
from tests.arena.small_arena import SmallArena, Trader
from tests.arena.venues import AnswerLost, Fenced, FencedAnswerLost, Relay, RequestLost, Stuttering, Unbounded

FLAT = {"BTC": [100.0] * 10, "ETH": [10.0] * 10}


def planted(
    arena: SmallArena, trader: str = "ann", cause: Any = "decision", leverage: int = 20, **terms: Any
) -> OrderReport:
    """What becomes of an intent that nobody planned and no rule judged."""
    known: dict[str, Any] = {"coin": "BTC", "side": "buy", "quantity": "1", "limit_price": "100", "style": "market_ioc"}
    fields = {**known, **terms}
    order = Order(
        client_order_id="0x" + "1" * 32,
        **{**fields, "quantity": Decimal(fields["quantity"]), "limit_price": Decimal(fields["limit_price"])},
    )
    seq, intended = arena.gateway.intend(
        order,
        trader=TraderId(trader),
        client_order_id=order.client_order_id,
        cause=cause,
        reference="planted",
        leverage=leverage,
    )
    return step(arena.gateway.send(seq, intended, TraderId(trader)))


INSANE: dict[str, dict[str, Any]] = {
    "a position beyond the cap": {"quantity": "1001"},
    "a quantity off the lot": {"quantity": "1.0001"},
    "no quantity": {"quantity": "0"},
    "a negative quantity": {"quantity": "-1"},
    "a quantity that is no number": {"quantity": "NaN"},
    "an infinite quantity": {"quantity": "Infinity"},
    "a limit far above the mark": {"limit_price": "121"},
    "a limit far below the mark": {"limit_price": "79"},
    "a limit that is no number": {"limit_price": "NaN"},
    "an infinite limit": {"limit_price": "-Infinity"},
    "more leverage than the trader may use": {"leverage": 21},
    "no leverage": {"leverage": 0},
    "a coin that there is not": {"coin": "DOGE"},
    "a trader that there is not": {"trader": "eve"},
    "a stop of a position that there is not": {"cause": "stop"},
    "an operator's order that opens": {"cause": "operator"},
}


@pytest.mark.parametrize("what", INSANE)
def test_the_gateway_refuses(what: str) -> None:
    arena = SmallArena({"ann": {}}, FLAT)
    sent = arena.gateway.submitted

    report = planted(arena, **INSANE[what])

    assert isinstance(report, Rejected)
    assert report.code == "gateway"
    assert arena.incidents() == ["gateway_refused"]
    assert arena.gateway.submitted == sent
    assert arena.fills() == []
    assert arena.state.accounts[arena.account].intents == {}


def test_the_same_order_in_its_right_mind_passes() -> None:
    arena = SmallArena({"ann": {}}, FLAT)

    planted(arena)

    assert arena.held("ann") == arena.venue_holds() == 1
    assert arena.incidents() == []


def test_a_coin_that_is_not_the_traders_own_is_refused_whatever_the_planner_says() -> None:
    arena = SmallArena({"ann": Trader(decider=Scripted({}), coins=("ETH",))}, FLAT)

    report = planted(arena)

    assert isinstance(report, Rejected)
    assert "BTC is not among the coins of ann: ETH" in report.detail


@pytest.mark.parametrize(("minutes", "opens"), [(10, True), (12, False)])
def test_nothing_is_opened_by_a_mark_that_is_too_old(minutes: int, opens: bool) -> None:
    arena = SmallArena({"ann": {}}, FLAT)  # ten bars: the last opens nine minutes after the start
    arena.clock.set(T0 + minutes * MINUTE_MS)

    report = planted(arena)

    assert isinstance(report, Rejected) != opens
    assert opens or "the age of the mark of BTC" in str(report)


@pytest.mark.parametrize(("late_ms", "opens"), [(STALE_MS, True), (STALE_MS + 1, False)])
def test_an_order_that_opens_does_not_leave_long_after_its_prices(late_ms: int, opens: bool) -> None:
    arena = SmallArena({"ann": {}}, FLAT)
    order = one_bitcoin()
    seq, intended = arena.gateway.intend(
        order, trader=TraderId("ann"), client_order_id=order.client_order_id, cause="decision", reference="planted"
    )

    arena.clock.set(arena.clock.now_ms() + late_ms)
    report = step(arena.gateway.send(seq, intended, TraderId("ann")))

    assert isinstance(report, Rejected) != opens
    assert opens or "decided on prices of 2001 ms ago" in str(report)


def test_an_order_that_is_still_to_be_sent_is_not_resolved() -> None:
    arena = SmallArena({"ann": {}}, FLAT)
    order = one_bitcoin()
    seq, intended = arena.gateway.intend(
        order, trader=TraderId("ann"), client_order_id=order.client_order_id, cause="decision", reference="planted"
    )

    step(resolve(arena.gateway, arena.recorder))
    assert list(arena.state.accounts[arena.account].intents) == [order.client_order_id]
    step(arena.gateway.send(seq, intended, TraderId("ann")))

    assert arena.held("ann") == arena.venue_holds() == 1


def one_bitcoin() -> Order:
    """An order that the gateway lets pass."""
    return Order(
        client_order_id="0x" + "2" * 32,
        coin="BTC",
        side="buy",
        quantity=Decimal(1),
        limit_price=Decimal(100),
        style="market_ioc",
    )


@pytest.mark.parametrize(("quantity", "passes"), [("10", True), ("10.001", False)])
def test_an_exit_reduces_and_never_turns_a_position_around(quantity: str, passes: bool) -> None:
    arena = SmallArena({"ann": {0: buy(quantity="10")}}, FLAT).observe()
    arena.slot("ann")

    report = planted(arena, cause="stop", side="sell", quantity=quantity)

    assert isinstance(report, Rejected) != passes
    assert arena.held("ann") == (0 if passes else 10)


class Switch(NoSwitch):
    """A kill switch in memory."""

    halt: Halt | None = None

    def read(self) -> Halt | None:
        return self.halt


@pytest.mark.parametrize("mode", MODES)
def test_nothing_that_opens_leaves_under_a_halt(mode: Mode) -> None:
    switch = Switch()
    arena = SmallArena({"ann": {0: buy(), 1: buy()}}, FLAT, switch=switch).observe()
    arena.slot("ann")
    switch.halt = Halt(mode=mode, reason="fire drill", by="ops", since_ms=0)

    closed = arena.at(1).slot("ann")

    assert (closed.outcome, closed.why) == ("acted", "BTC rejected: gateway")
    expected = Rejected(code="gateway", detail=f"halted ({mode}) by ops: fire drill")
    assert arena.records(Reported)[-1].report == expected
    assert arena.held("ann") == arena.venue_holds() == 1


def test_what_closes_leaves_under_a_halt() -> None:
    switch = Switch()
    arena = SmallArena({"ann": {0: buy(), 1: [close()]}}, FLAT, switch=switch).observe()
    arena.slot("ann")
    switch.halt = Halt(mode="no_opens", reason="fire drill", by="ops", since_ms=0)

    arena.at(1).slot("ann")

    assert arena.held("ann") == arena.venue_holds() == 0


class Log:
    """A journal that only notes what was asked of it, in order with what the venue was sent."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._seq = 0

    def append(self, kind: str, data: bytes, ts: int, trader: str | None) -> int:
        self._seq += 1
        self.lines.append(kind)
        return self._seq

    async def durable(self, seq: int) -> None:
        assert seq <= self._seq
        self.lines.append("durable")

    def body(self, kind: str, data: bytes, ts: int) -> str:
        return "body"

    def venue(self, sim: SimExchange) -> ExchangeProvider:
        log = self

        class Noting(Relay):
            async def submit(self, envelope: Envelope) -> OrderReport:
                log.lines.append("sent")
                return await super().submit(envelope)

        return Noting(sim)


def test_an_intent_is_durable_before_the_venue_hears_of_it() -> None:
    log = Log()
    arena = SmallArena({"ann": {0: [buy("BTC"), buy("ETH", "10")]}}, FLAT, journal=log, venue=log.venue).observe()
    log.lines.clear()

    arena.slot("ann")

    lines = [line for line in log.lines if line in ("Intended", "durable", "sent", "Reported", "Filled")]
    assert lines == ["Intended", "Intended", *["durable", "sent", "Reported", "Filled"] * 2]


def test_a_fill_that_is_told_again_and_again_is_booked_once() -> None:
    arena = SmallArena({"ann": {0: buy(), 1: buy(), 2: close()}}, FLAT, venue=Stuttering)

    arena.play(5)

    assert len(arena.records(Filled)) == len(arena.fills()) == 3
    assert arena.held("ann") == 0
    assert arena.incidents() == []


def test_an_order_whose_answer_was_lost_locks_its_coin_until_the_venue_is_asked() -> None:
    venues: list[AnswerLost] = []
    arena = SmallArena({"ann": {1: buy(), 2: buy(), 3: buy()}, "bob": {2: buy()}}, FLAT, venue=kept(venues, AnswerLost))
    venues[0].losing = True

    arena.at(1).observe().slot("ann")
    locked = arena.at(2).slot("ann")
    venues[0].losing = False
    free = arena.slot("bob")

    assert isinstance(arena.records(Reported, "ann")[0].report, Unresolved)
    assert (locked.outcome, locked.why) == ("denied", "BTC denied: order_under_way")
    assert free.outcome == "acted"

    arena.tick()

    assert arena.state.accounts[arena.account].intents == {}
    assert (arena.held("ann"), arena.held("bob"), arena.venue_holds()) == (1, 1, 2)
    assert arena.at(3).slot("ann").outcome == "acted"
    assert arena.drifts() == []
    assert arena.incidents() == []


def test_the_venue_s_word_about_an_order_is_recorded_as_evidence() -> None:
    venues: list[AnswerLost] = []
    arena = SmallArena({"ann": {1: buy(entry_price="99")}}, FLAT, venue=kept(venues, AnswerLost))
    venues[0].losing = True
    arena.sim.refuse_next("PerpMargin")
    arena.at(1).observe().slot("ann")

    left = step(resolve(arena.gateway, arena.recorder))

    last = arena.records(Reported)[-1]
    assert left == 0
    assert (last.report, last.evidence) == (Rejected(code="PerpMargin"), "venue status by client order id")
    assert arena.state.accounts[arena.account].intents == {}


def test_an_order_that_the_venue_does_not_know_is_given_up_only_when_it_can_no_longer_arrive() -> None:
    venues: list[RequestLost] = []
    arena = SmallArena({"ann": {0: buy()}}, FLAT, venue=kept(venues, RequestLost)).observe()
    venues[0].losing = True
    arena.slot("ann")
    until_ms = arena.orders("ann")[0].envelope.expires_after_ms
    assert until_ms == T0 + 10_000
    last_ms = until_ms + GRACE_MS - T0

    asked_ms = (5_000, last_ms, last_ms + 1, last_ms + 2)
    left = [step(resolve(arena.at(ms / MINUTE_MS).gateway, arena.recorder)) for ms in asked_ms]

    assert left == [1, 1, 1, 0]
    report = arena.records(Reported)[-1].report
    assert isinstance(report, Rejected)
    assert report.code == "never_accepted"
    assert arena.state.accounts[arena.account].intents == {}
    assert arena.fills() == []


def test_at_a_venue_that_bounds_nothing_an_unknown_order_stays_open() -> None:
    venues: list[Unbounded] = []
    arena = SmallArena({"ann": {0: buy()}}, FLAT, venue=kept(venues, Unbounded)).observe()
    venues[0].losing = True
    arena.slot("ann")

    left = step(resolve(arena.at(9).gateway, arena.recorder))

    assert left == 1


def test_a_used_up_nonce_proves_at_once_that_an_order_can_never_be() -> None:
    venues: list[Fenced] = []
    arena = SmallArena({"ann": {0: buy()}}, FLAT, venue=kept(venues, Fenced)).observe()
    venues[0].losing = True
    arena.slot("ann")

    left = step(resolve(arena.gateway, arena.recorder))

    assert (left, arena.records(Reported)[-1].evidence) == (0, "nonce fence")
    assert arena.venue_holds() == 0


def test_a_nonce_that_was_used_proves_nothing_and_the_fills_decide() -> None:
    venues: list[FencedAnswerLost] = []
    arena = SmallArena({"ann": {0: buy()}}, FLAT, venue=kept(venues, FencedAnswerLost)).observe()
    venues[0].losing = True
    arena.slot("ann")

    step(resolve(arena.gateway, arena.recorder))

    assert arena.held("ann") == arena.venue_holds() == 1
    assert all(not isinstance(said.report, Rejected) for said in arena.records(Reported))


def kept(venues: list[Any], kind: Callable[[SimExchange], Any]) -> Callable[[SimExchange], ExchangeProvider]:
    """Makes a venue of this kind and keeps it where the test can reach it."""

    def make(sim: SimExchange) -> ExchangeProvider:
        venues.append(kind(sim))
        return venues[-1]  # type: ignore[no-any-return]

    return make
