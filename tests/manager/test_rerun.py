"""The rerun: what a journal says about every slot is decided again; whatever was changed in it is found."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.manager import record as r
from engine.manager.evidence import reply_of
from engine.manager.fold import apply
from engine.manager.rerun import Recorded, Rerun
from engine.manager.state import State
from engine.model.decision import Approved
from engine.model.order import Order
from tests.arena.chat import Speaker, says
from tests.arena.small_arena import SmallArena
from tests.manager.test_recorded_run import Moody, run_with


@pytest.fixture(scope="module")
def arena() -> SmallArena:
    """Forty minutes of five traders whose model trades, garbles, fails, comes late or never."""
    return run_with(Moody())


def rerun(
    arena: SmallArena,
    entries: Sequence[r.Entry],
    *,
    config: str = "the configuration",
    recorded: Recorded | None = None,
) -> Rerun:
    again = Rerun(State(), dict(arena.arena.desks), config=config, deployment="tests", recorded=recorded)
    for entry in entries:
        again.entry(entry)
        apply(again._state, entry)
    return again


def test_every_slot_that_asked_a_model_comes_out_the_same(arena: SmallArena) -> None:
    again = rerun(arena, arena.entries)

    asked = [opened for opened in arena.records(r.SlotOpened) if opened.asks]
    ordered = [intended for intended in arena.records(r.Intended) if intended.cause == "decision"]
    assert again.found() == []
    assert (again.slots, again.orders) == (len(asked), len(ordered))
    assert again.replies == sum(not (found.late or found.failure) for found in arena.records(r.Answered))
    assert len(ordered) > 10


def test_replies_come_from_a_recording_where_one_is_given(arena: SmallArena) -> None:
    by_slot: dict[tuple[str, int], list[r.Answered]] = {}
    for entry in arena.entries:
        if isinstance(entry.record, r.Answered) and not (entry.record.late or entry.record.failure):
            by_slot.setdefault((entry.trader or "", entry.record.slot_ms), []).append(entry.record)

    def recorded(messages: Sequence[Message], trader: str, slot_ms: int) -> Reply:
        return reply_of(by_slot[trader, slot_ms].pop(0))

    def silent(messages: Sequence[Message], trader: str, slot_ms: int) -> Reply:
        raise ModelUnavailable("nothing was recorded", kind="recording")

    assert rerun(arena, arena.entries, recorded=recorded).found() == []
    assert "nothing was recorded" in rerun(arena, arena.entries, recorded=silent).found()[0]


def test_slots_of_another_configuration_are_passed_over(arena: SmallArena) -> None:
    again = rerun(arena, arena.entries, config="another")

    asked = [opened for opened in arena.records(r.SlotOpened) if opened.asks]
    assert (again.slots, again.found()) == (0, [])
    assert again.passed_over == Counter({"another configuration was in force": len(asked)})


def changed(entries: Sequence[r.Entry], kind: type[Any], change: Callable[[Any], Any]) -> list[r.Entry]:
    """The entries with the first record of a kind changed that the change has something to change in."""
    out, done = [], False
    for entry in entries:
        record: Any = entry.record
        if not done and isinstance(record, kind):
            after = change(record)
            done = after is not None
            record = record if after is None else after
        out.append(replace(entry, record=record))
    assert done
    return out


def another_decision(planned: r.Planned) -> r.Planned | None:
    if not any(decision.opens for decision in planned.decisions):
        return None
    return replace(planned, decisions=tuple(replace(d, leverage=3) for d in planned.decisions))


def a_larger_approval(planned: r.Planned) -> r.Planned | None:
    approved = [verdict for verdict in planned.verdicts if isinstance(verdict, Approved)]
    if not approved:
        return None
    proposal = replace(approved[0].proposal, quantity=approved[0].proposal.quantity * 2)
    return replace(planned, verdicts=(replace(approved[0], proposal=proposal),))


def a_larger_order(intended: r.Intended) -> r.Intended | None:
    action = intended.envelope.action
    if intended.cause != "decision" or not isinstance(action, Order):
        return None
    more = replace(action, quantity=action.quantity + Decimal("0.001"))
    return replace(intended, envelope=replace(intended.envelope, action=more))


def another_reply(answered: r.Answered) -> r.Answered | None:
    return None if answered.late or answered.failure or "buy" not in answered.raw else replace(answered, raw="{}")


def another_prompt(planned: r.Planned) -> r.Planned:
    return replace(planned, prompt_digest="0" * 32)


@pytest.mark.parametrize(
    ("kind", "change", "what"),
    [
        (r.Planned, another_prompt, "another prompt"),
        (r.Planned, another_decision, "another decisions"),
        (r.Planned, a_larger_approval, "another verdicts"),
        (r.Intended, a_larger_order, "another order"),
        (r.Answered, another_reply, "another decisions"),
    ],
)
def test_whatever_was_changed_is_found(arena: SmallArena, kind: Any, change: Any, what: str) -> None:
    again = rerun(arena, changed(arena.entries, kind, change))

    assert what in again.found()[0]


def test_an_order_that_is_missing_is_found(arena: SmallArena) -> None:
    from_decisions = [e for e in arena.entries if isinstance(e.record, r.Intended) and e.record.cause == "decision"]
    gone = from_decisions[3]
    name = gone.record.client_order_id  # type: ignore[union-attr]
    kept = [
        entry
        for entry in arena.entries
        if not (isinstance(entry.record, r.Intended | r.Reported) and entry.record.client_order_id == name)
        and not (isinstance(entry.record, r.Filled) and entry.record.fill.client_order_id == name)
    ]

    assert any("never intended" in fault for fault in rerun(arena, kept).found())


def test_other_templates_are_passed_over() -> None:
    arena = run_with(Speaker(says()))
    entries = changed(arena.entries, r.Planned, lambda planned: replace(planned, prompt_templates="others"))

    again = rerun(arena, entries)

    assert (again.found(), again.passed_over) == ([], Counter({"other templates were in force": 1}))
