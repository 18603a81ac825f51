"""Asking: what is said around a call of a model — what it reserved, what came back, who answered, what it cost."""

from collections.abc import Sequence

from engine.executor.executor import LONGEST_ECHO
from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.manager.budget import ASKS_A_SLOT, Permit, alarms, permit
from engine.manager.desk import Desk, ModelDecider
from engine.manager.evidence import answered
from engine.manager.record import Answered, Control, Incident, SlotOpened
from engine.manager.recorder import Recorder
from engine.model.ids import TraderId
from engine.model.spending import NOTHING, Usage, times

ROOM_FOR_REPAIR = 4 * LONGEST_ECHO + 2_000  # bytes by which the second conversation of a slot is longer at most
PAUSING = ("auth", "quota")  # asking again does not help before somebody has done something about it


def may_ask(desk: Desk, decider: ModelDecider, recorder: Recorder, messages: Sequence[Message]) -> Permit:
    """How often the budget lets this slot ask; when it does not, people are told.

    Where no budget counts anything, as often as it likes.
    """
    allowance, most_usd = decider.allowance, decider.model.worst_case_cost_usd
    if allowance is None:
        return Permit(asks=ASKS_A_SLOT, ask=Usage(usd=most_usd))
    size = ROOM_FOR_REPAIR + sum(len(message.content.encode("utf-8", "surrogatepass")) for message in messages)
    permitted = permit(recorder.state, desk.trader, allowance, allowance.worst_cases(size), recorder.clock.now_ms())
    if not permitted.asks:
        say_alarms(desk, decider, recorder, permitted.ask)
    return permitted


def opened(slot_ms: int, permitted: Permit) -> SlotOpened:
    """The record that opens a slot and sets aside what its calls may use."""
    most = times(permitted.asks, permitted.ask)
    return SlotOpened(slot_ms=slot_ms, reserved_usd=most.usd, reserved_tokens=most.tokens, asks=permitted.asks)


def say_reply(desk: Desk, decider: ModelDecider, recorder: Recorder, reply: Reply, slot_ms: int, *, late: bool) -> None:
    """Record a reply, in time or late; when somebody else answered than before, that is an incident as well."""
    metered = decider.allowance is not None and not reply.from_cache
    before = recorder.state.traders[desk.trader].stand_in
    recorder.say(answered(reply, slot_ms, late, metered=metered), desk.trader)
    after = recorder.state.traders[desk.trader].stand_in
    if after != before:
        recorder.say(_swap(desk, reply, before), desk.trader)
    if metered:
        say_alarms(desk, decider, recorder)


def say_unavailable(
    desk: Desk, decider: ModelDecider, recorder: Recorder, failed: ModelUnavailable, slot_ms: int, *, late: bool
) -> None:
    """Record what was paid for without a reply, and pause a trader whose key or credit is refused."""
    metered = decider.allowance is not None
    if failed.cost_usd or failed.prompt_tokens or failed.completion_tokens:
        recorder.say(_paid_for_nothing(decider, failed, slot_ms, late, metered), desk.trader)
        if metered:
            say_alarms(desk, decider, recorder)
    if failed.kind in PAUSING and recorder.state.traders[desk.trader].standing.status == "running":
        detail = f"{desk.trader} is paused: {failed}; resume it when that is settled"
        recorder.say(
            Incident(account=desk.account, what=f"model_{failed.kind}", detail=detail, severity="critical"),
            desk.trader,
        )
        recorder.say(Control(command="pause", reason=f"model: {failed}", by="engine"), desk.trader)


def in_doubt(failed: ModelUnavailable) -> bool:
    """Whether a call may have been paid for of which nobody has counted what it cost: it was given up."""
    return failed.kind == "timeout" and not (failed.cost_usd or failed.prompt_tokens or failed.completion_tokens)


def say_alarms(desk: Desk, decider: ModelDecider, recorder: Recorder, ask: Usage = NOTHING) -> None:
    """Say what has to be said about the budgets of a trader's model, once a day each.

    ``ask`` is what a further call may use, where one is wanted.
    """
    if decider.allowance is None:
        return
    now_ms = recorder.clock.now_ms()
    found = [*alarms(recorder.state, desk.trader, desk.account, decider.allowance, ask, now_ms)]
    for incident, whom in found:
        recorder.say(incident, whom)


def _swap(desk: Desk, reply: Reply, before: str) -> Incident:
    if reply.swapped_from:
        detail = f"{desk.trader}: {reply.model} answers in place of {reply.swapped_from}"
        return Incident(account=desk.account, what="model_swapped", detail=detail)
    detail = f"{desk.trader}: {reply.model} answers again, {before} stands in no longer"
    return Incident(account=desk.account, what="model_swapped_back", detail=detail)


def _paid_for_nothing(
    decider: ModelDecider, failed: ModelUnavailable, slot_ms: int, late: bool, metered: bool
) -> Answered:
    return Answered(
        slot_ms=slot_ms,
        model=decider.model.name,
        raw="",
        prompt_tokens=failed.prompt_tokens,
        completion_tokens=failed.completion_tokens,
        cost_usd=failed.cost_usd,
        late=late,
        failure=str(failed),
        metered=metered,
    )


class LateAnswers:
    """Where answers go that came when nobody waited for them any more: into the journal, and no further.

    ``desks`` is filled once the arena is built.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.desks: dict[TraderId, Desk] = {}

    def __call__(self, answer: Reply | ModelUnavailable, trader: str, slot_ms: int) -> None:
        """Record one; it was paid for, and it is never acted on."""
        desk = self.desks.get(TraderId(trader))
        if desk is None or not isinstance(desk.decider, ModelDecider):
            return
        match answer:
            case Reply():
                say_reply(desk, desk.decider, self._recorder, answer, slot_ms, late=True)
            case ModelUnavailable():
                say_unavailable(desk, desk.decider, self._recorder, answer, slot_ms, late=True)
