"""The cycle: one slot from look to outcome, and every way it can end."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.executor.ports import ModelUnavailable
from engine.manager.record import Answered, Control, Filled, Intended, Planned, Reported, SlotClosed, SlotOpened
from engine.model.decision import Approved, Denied
from tests.arena.chat import Speaker, a_buy, model_decider, says
from tests.arena.scripts import MINUTE_MS, T0, Scripted, buy, close, sell
from tests.arena.small_arena import LOOSE, STOPPED, SmallArena, Trader

HOLD = {"symbol": "BTC", "signal": "hold", "confidence": 0.5}
FLAT = {"BTC": [100.0] * 10, "ETH": [10.0] * 10}


def with_model(model: Speaker, timeout_ms: int = 60_000) -> SmallArena:
    """An arena in which ann asks this model."""
    return SmallArena({"ann": Trader(decider=model_decider(model, timeout_ms)), "bob": {}}, FLAT).observe()


def passing(arena: SmallArena, ms: int, answer: bytes) -> Callable[[], bytes]:
    """An answer during which so much time passes."""

    def think() -> bytes:
        arena.at((arena.clock.now_ms() - T0 + ms) / MINUTE_MS)
        return answer

    return think


def test_a_slot_is_opened_answered_planned_sent_and_closed_in_this_order() -> None:
    arena = with_model(Speaker(says(a_buy())))

    arena.slot("ann")

    kinds = [type(entry.record) for entry in arena.entries if entry.trader == "ann"]
    assert kinds == [SlotOpened, Answered, Planned, Intended, Reported, Filled, SlotClosed]


ENDS: dict[str, tuple[Speaker, str, str]] = {
    "acts": (Speaker(says(a_buy())), "acted", ""),
    "acts on one coin and is denied another": (
        Speaker(says(a_buy("ETH", 0.5), a_buy())),
        "acted",
        "ETH denied: minimum_notional",
    ),
    "is denied": (Speaker(says(a_buy(entry_price=110.0))), "denied", "BTC denied: price_band"),
    "is denied one coin and holds another": (
        Speaker(says(HOLD, a_buy("ETH", 0.5))),
        "denied",
        "ETH denied: minimum_notional",
    ),
    "has nothing to close": (
        Speaker(says({"symbol": "BTC", "signal": "close", "confidence": 0.9})),
        "denied",
        "BTC denied: size",
    ),
    "holds": (Speaker(says(HOLD)), "held", ""),
    "wants nothing": (Speaker(says()), "held", ""),
    "cannot be reached": (Speaker(ModelUnavailable("no route")), "failed", "model: no route"),
}


@pytest.mark.parametrize("what", ENDS)
def test_a_model_that(what: str) -> None:
    model, outcome, why = ENDS[what]
    arena = with_model(model)

    closed = arena.slot("ann")

    assert (closed.outcome, closed.why) == (outcome, why)
    assert arena.records(SlotClosed, "ann") == [closed]
    assert bool(arena.orders("ann")) == (outcome == "acted")


@pytest.mark.parametrize(
    "garbage", [b"I would buy.", b'{"decisions": [{"symbol": "BTC", "signal": "moon"}]}', b"\xff\xfe", b""]
)
def test_a_reply_that_cannot_be_read_is_a_failure_and_not_a_hold(garbage: bytes) -> None:
    model = Speaker(garbage, cost_usd="0.01")
    arena = with_model(model)

    closed = arena.slot("ann")

    assert closed.outcome == "failed"
    assert closed.why.startswith("reply: ")
    assert len(model.asked) == 2  # once more, and not a third time
    assert arena.orders("ann") == []
    assert arena.ledger("ann").model_cost_usd == Decimal("0.02")  # what was paid for is counted
    assert arena.ledger("ann").cash_usd == 10_000  # but it never leaves the venue


def test_a_reply_can_be_repaired_once() -> None:
    model = Speaker(b'{"decisions": [{"symbol": "BTC", "signal": "moon"}]}', says(a_buy()))
    arena = with_model(model)

    closed = arena.slot("ann")

    assert closed.outcome == "acted"
    assert arena.held("ann") == 1
    assert [len(messages) for messages in model.asked] == [2, 4]  # what was asked, what came back, what is wrong
    assert len(arena.records(Answered)) == 2


def test_a_reply_that_was_cut_off_is_not_asked_for_again() -> None:
    model = Speaker(b'{"decisions": [', finish_reason="length")
    arena = with_model(model)

    closed = arena.slot("ann")

    assert closed.outcome == "failed"
    assert len(model.asked) == 1


def test_a_repair_has_to_come_within_the_same_deadline() -> None:
    model = Speaker()
    arena = with_model(model, timeout_ms=1_000)
    model._answers = [passing(arena, 1_000, b"moon"), says(a_buy())]

    closed = arena.slot("ann")

    assert closed.outcome == "failed"
    assert len(model.asked) == 1
    assert arena.orders("ann") == []


def test_a_reply_after_the_deadline_is_kept_and_not_acted_on() -> None:
    model = Speaker()
    arena = with_model(model, timeout_ms=1_000)
    model._answers = [passing(arena, 1_001, says(a_buy()))]

    closed = arena.slot("ann")

    assert (closed.outcome, closed.why) == ("failed", "model: the answer came after the deadline")
    assert [answered.late for answered in arena.records(Answered)] == [True]
    assert closed.latency_ms == 1_001
    assert arena.orders("ann") == []


def test_what_is_decided_is_sized_and_judged_at_the_second_look() -> None:
    """The price doubles while the model thinks: 1,000 USD buy five coins then."""
    model = Speaker()
    arena = SmallArena({"ann": Trader(decider=model_decider(model))}, {"BTC": [100.0, 200.0, 200.0]}).observe()
    usd = {"symbol": "BTC", "signal": "buy_to_enter", "position_size_usd": 1000, "confidence": 0.9}
    model._answers = [passing(arena, MINUTE_MS, says(usd))]

    arena.slot("ann")

    assert arena.held("ann") == 5
    planned = arena.records(Planned)[0]
    assert (planned.first_look, planned.second_look) == (T0, T0 + MINUTE_MS)


def test_a_stop_that_fires_while_the_model_thinks_leaves_nothing_to_close() -> None:
    """The model wants to close what a stop has closed meanwhile: no second sale, no short."""
    model = Speaker(says(a_buy(quantity=10, stop_loss=95)))
    arena = SmallArena(
        {"ann": Trader(decider=model_decider(model), limits=STOPPED)},
        {"BTC": [100.0, (100.0, 100.0, 94.0, 94.0), 94.0, 94.0]},
    ).observe()
    arena.slot("ann")

    def stopped_out_meanwhile() -> bytes:
        arena.at(1.5).touch("BTC", "94").watch("ann")
        return says({"symbol": "BTC", "signal": "close", "confidence": 0.9})

    model._answers = [stopped_out_meanwhile]
    closed = arena.at(1).slot("ann")

    assert [intended.cause for intended in arena.orders("ann")] == ["decision", "stop"]
    assert (closed.outcome, arena.denials("ann")) == ("denied", ["size"])
    assert arena.held("ann") == arena.venue_holds() == 0


def test_an_account_that_goes_missing_while_the_model_thinks_fails_the_slot() -> None:
    model = Speaker()
    arena = with_model(model)

    def lost() -> bytes:
        arena.feed.observed = None
        return says(a_buy())

    model._answers = [lost]
    closed = arena.slot("ann")

    assert (closed.outcome, closed.why) == ("failed", "second look: account:missing")
    assert arena.orders("ann") == []


@pytest.mark.parametrize("command", ["stop", "pause", "error"])
def test_a_trader_that_is_halted_while_its_model_thinks_sends_nothing_any_more(command: str) -> None:
    model = Speaker()
    arena = with_model(model)

    def halted_meanwhile() -> bytes:
        arena.say(Control(command=command, reason="", by="test"), "ann")  # type: ignore[arg-type]
        arena.watch("ann")
        return says(a_buy())

    model._answers = [halted_meanwhile]
    arena.slot("ann")

    assert arena.orders("ann") == []
    assert arena.held("ann") == 0
    assert len(arena.records(SlotClosed, "ann")) == 1


def test_a_flip_whose_opening_is_denied_still_closes() -> None:
    sure = replace(LOOSE, min_confidence=Decimal(75))
    script = {0: buy(quantity="10", confidence=0.9), 1: sell(quantity="5", confidence=0.1)}
    arena = SmallArena({"ann": Trader(decider=Scripted(script), limits=sure)}).observe()
    arena.slot("ann")

    closed = arena.at(1).slot("ann")

    assert (closed.outcome, closed.why) == ("acted", "BTC denied: confidence")
    assert [type(verdict) for verdict in arena.records(Planned)[-1].verdicts] == [Denied, Approved]
    assert arena.sent("ann")[-1].quantity == 10
    assert arena.held("ann") == arena.venue_holds() == 0


def test_closes_go_before_opens() -> None:
    """With room for one position only, the close has to come first, whatever the order of the decisions."""
    one = replace(LOOSE, max_positions=1)
    script = {0: buy("BTC"), 1: [buy("ETH", "10"), close("BTC")]}
    arena = SmallArena({"ann": Trader(decider=Scripted(script), limits=one)}, FLAT).observe()
    arena.slot("ann")

    closed = arena.at(1).slot("ann")

    assert (closed.outcome, closed.why) == ("acted", "")
    assert (arena.held("ann", "BTC"), arena.held("ann", "ETH")) == (0, 10)


def test_a_partial_close_closes_its_part() -> None:
    arena = SmallArena({"ann": {0: buy(quantity="10"), 1: close("BTC", "4")}}).observe()
    arena.slot("ann")

    arena.at(1).slot("ann")

    assert arena.held("ann") == arena.venue_holds() == 6


def test_an_order_under_way_locks_its_coin_for_its_trader_alone() -> None:
    """A bid that rests: its owner decides nothing more on this coin, the others do as they like."""
    resting = Trader(decider=Scripted({0: buy(entry_price="99"), 1: buy()}), order_style="limit_gtc")
    arena = SmallArena({"ann": resting, "bob": {1: buy()}}).observe()
    arena.slot("ann")

    closed = arena.at(1).slot("ann")
    other = arena.slot("bob")

    assert (closed.outcome, closed.why) == ("denied", "BTC denied: order_under_way")
    assert other.outcome == "acted"
    assert arena.held("bob") == 1


def test_the_records_of_a_slot_name_the_same_order_throughout() -> None:
    """R-04: every order has a client order id, its intent, report and fill carry it, and no two share one."""
    arena = SmallArena({"ann": {0: [buy("BTC"), buy("ETH", "10")], 1: [close("BTC"), close("ETH")]}}, FLAT).observe()

    arena.slot("ann")
    arena.at(1).slot("ann")

    names = [intended.client_order_id for intended in arena.orders("ann")]
    assert len(names) == len(dict.fromkeys(names)) == 4
    assert [order.client_order_id for order in arena.sent("ann")] == names
    assert [filled.fill.client_order_id for filled in arena.records(Filled)] == names
    assert [reported.client_order_id for reported in arena.records(Reported, "ann")] == names
