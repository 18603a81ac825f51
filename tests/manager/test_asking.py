"""Around a call: who answered in whose place, what was paid for nothing, what came too late, whose key is refused."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from engine.executor.ports import ModelUnavailable, Reply
from engine.manager import record as r
from engine.manager.asking import LateAnswers
from engine.manager.audit import Audit
from engine.model.ids import TraderId
from tests.arena.chat import Speaker, a_buy, model_decider, says
from tests.arena.scripts import T0, buy
from tests.arena.small_arena import SmallArena, Trader
from tests.manager.test_budget import usd


class Relay:
    """Gives whole replies, or failures, in order."""

    name = "own"
    worst_case_cost_usd = Decimal("0.5")

    def __init__(self, *replies: Reply | ModelUnavailable) -> None:
        self._replies = list(replies)

    async def complete(self, messages: Any, *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        reply = self._replies.pop(0)
        if isinstance(reply, ModelUnavailable):
            raise reply
        return reply


def arena_with(model: Any, **traders: Any) -> SmallArena:
    decider = replace(model_decider(model), allowance=usd("100"))
    return SmallArena({"ann": Trader(decider=decider), **traders}, {"BTC": [100.0] * 60}).observe()


def own(**terms: Any) -> Reply:
    return Reply(raw=says(), model="vendor/own-1", **terms)


def by_stand_in(model: str = "vendor/other-2") -> Reply:
    return Reply(raw=says(), model=model, swapped_from="own", attempts=3, fingerprint="fp")


def test_every_swap_is_in_the_record_and_an_incident_when_it_begins_changes_and_ends() -> None:
    arena = arena_with(Relay(own(), by_stand_in(), by_stand_in(), by_stand_in("vendor/third-3"), own(), own()))

    for minute in range(6):
        arena.at(minute).slot("ann")

    assert [answer.swapped_from for answer in arena.records(r.Answered)] == ["", "own", "own", "own", "", ""]
    assert [(incident.what, incident.detail) for incident in arena.records(r.Incident)] == [
        ("model_swapped", "ann: vendor/other-2 answers in place of own"),
        ("model_swapped", "ann: vendor/third-3 answers in place of own"),
        ("model_swapped_back", "ann: vendor/own-1 answers again, vendor/third-3 stands in no longer"),
    ]


def test_a_swap_goes_on_over_a_restart_without_being_told_again() -> None:
    before = arena_with(Relay(by_stand_in()))
    before.slot("ann")

    decider = replace(model_decider(Relay(by_stand_in())), allowance=usd("100"))
    after = SmallArena({"ann": Trader(decider=decider)}, after=before).observe()
    after.at(1).slot("ann")

    assert [incident.what for incident in after.records(r.Incident)] == ["model_swapped"]


def test_a_record_of_a_reply_keeps_everything_that_the_endpoint_said() -> None:
    told = own(
        prompt_tokens=90,
        completion_tokens=7,
        cached_tokens=64,
        cost_usd=Decimal("0.0123"),
        latency_ms=812,
        fingerprint="fp_44",
        attempts=2,
        structured=True,
    )
    arena = arena_with(Relay(told))

    arena.slot("ann")

    [answer] = arena.records(r.Answered)
    for name in Reply.__struct_fields__:
        assert name == "raw" or getattr(answer, name) == getattr(told, name), name
    assert (answer.raw, answer.metered, answer.late) == (says().decode(), True, False)


def test_calls_that_were_paid_for_and_gave_no_reply_are_recorded_and_booked() -> None:
    failed = ModelUnavailable("the connection broke", cost_usd=Decimal("0.2"), prompt_tokens=40, completion_tokens=2)
    arena = arena_with(Relay(failed))

    closed = arena.slot("ann")

    [answer] = arena.records(r.Answered)
    assert (answer.failure, answer.raw, answer.cost_usd) == ("the connection broke", "", Decimal("0.2"))
    assert (closed.outcome, closed.why) == ("failed", "model: the connection broke")
    assert arena.ledger("ann").model_cost_usd == Decimal("0.2")
    assert arena.state.spending.used.tokens == 42


def test_what_the_client_counted_already_is_not_counted_as_in_doubt_once_more() -> None:
    failed = ModelUnavailable("no answer", kind="timeout", cost_usd=Decimal("0.2"), prompt_tokens=40)
    arena = arena_with(Relay(failed))

    closed = arena.slot("ann")

    assert closed.unsettled_usd == 0
    assert arena.state.spending.used.usd == Decimal("0.2")
    assert arena.state.spending.unsettled.usd == 0


@pytest.mark.parametrize("kind", ["auth", "quota"])
def test_a_refused_key_or_an_empty_purse_pauses_that_trader_alone(kind: Any) -> None:
    arena = arena_with(Relay(ModelUnavailable("HTTP 401: no", kind=kind)), bob={1: buy()})

    closed = arena.slot("ann")
    other = arena.at(1).slot("bob")

    assert (closed.outcome, other.outcome) == ("failed", "acted")
    assert arena.state.traders[TraderId("ann")].standing.status == "paused"
    [control] = arena.records(r.Control)
    assert (control.command, control.by, control.reason) == ("pause", "engine", "model: HTTP 401: no")
    [incident] = arena.records(r.Incident)
    assert (incident.what, incident.severity) == (f"model_{kind}", "critical")


def test_a_trader_that_an_operator_stops_meanwhile_is_not_paused_out_of_it() -> None:
    arena = arena_with(Speaker())

    def stopped_meanwhile() -> bytes:
        arena.say(r.Control(command="stop", reason="", by="test"), "ann")
        raise ModelUnavailable("HTTP 401", kind="auth")

    arena.desks["ann"].decider.model._answers = [stopped_meanwhile]  # type: ignore[union-attr]
    arena.slot("ann")

    assert arena.state.traders[TraderId("ann")].standing.status == "stopping"


def test_other_failures_pause_nobody() -> None:
    arena = arena_with(Relay(ModelUnavailable("HTTP 503"), ModelUnavailable("open", kind="open")))

    arena.slot("ann")
    arena.at(1).slot("ann")

    assert arena.state.traders[TraderId("ann")].standing.status == "running"
    assert arena.records(r.Incident) == []


def test_where_no_model_fits_into_the_budget_the_slot_is_skipped_and_not_failed() -> None:
    arena = arena_with(Relay(ModelUnavailable("no room in the budget", kind="budget")))

    closed = arena.slot("ann")

    assert (closed.outcome, closed.why) == ("skipped", "budget: no room in the budget")


def test_a_late_answer_is_kept_and_booked_and_never_acted_on() -> None:
    arena = arena_with(Relay(ModelUnavailable("no answer within 60000 ms", kind="timeout"), own()))
    late = LateAnswers(arena.recorder)
    late.desks = arena.arena.desks
    arena.slot("ann")

    late(Reply(raw=says(a_buy()), model="m", cost_usd=Decimal("0.3"), swapped_from="own"), "ann", T0)
    late(ModelUnavailable("it broke", cost_usd=Decimal("0.1"), prompt_tokens=1), "ann", T0)
    late(Reply(raw=b"", model="m"), "nobody", T0)
    arena.at(1).slot("ann")

    kept = [(answer.late, answer.cost_usd, answer.failure) for answer in arena.records(r.Answered)]
    assert kept == [(True, Decimal("0.3"), ""), (True, Decimal("0.1"), "it broke"), (False, Decimal(0), "")]
    assert arena.orders("ann") == []
    assert arena.ledger("ann").model_cost_usd == Decimal("0.4")
    assert arena.records(r.Incident) == []  # a stand-in whose answer nobody used stood in for nobody


def audited(*records: r.Record) -> list[str]:
    audit = Audit()
    for seq, record in enumerate(records, start=1):
        audit.entry(r.Entry(seq=seq, ts=T0, trader=TraderId("ann"), record=record))
    return audit.faults()


def test_an_audit_finds_answers_that_no_slot_asked_for_or_set_money_aside_for() -> None:
    opened = r.SlotOpened(slot_ms=T0, asks=1)
    answer = r.Answered(slot_ms=T0, model="m", raw="")
    closed = r.SlotClosed(slot_ms=T0, outcome="failed")

    assert audited(opened, answer, closed, replace(answer, late=True)) == []
    assert audited(opened, closed, answer) == [f"record 3: ann has an answer in time for slot {T0}, which is not open"]
    assert audited(opened, answer, answer, closed) == [
        f"record 3: ann has more answers in slot {T0} than money was set aside for"
    ]
