"""The cycle: one slot of one trader from look to outcome, the same in every mode."""

from collections.abc import Sequence

from engine.executor.context import Context
from engine.executor.prompt import PromptError
from engine.executor.risk import judge
from engine.executor.selector.selector import Choice, Selector, choose, due, in_force, weighed
from engine.manager.acting import act, intend
from engine.manager.answer import Answer, ask_model, question_of
from engine.manager.asking import may_ask, opened
from engine.manager.desk import Decider, Desk, ModelDecider, Unlookable, context_of, selector_of
from engine.manager.evidence import keep_prompt, keep_snapshot
from engine.manager.feed import MarkMissing
from engine.manager.plan import propose
from engine.manager.record import Outcome, Planned, Selected, SlotClosed, SlotOpened
from engine.manager.recorder import Recorder
from engine.model.decision import Decision, Verdict
from engine.model.ids import TraderId
from engine.model.spending import NOTHING, Usage

# All traders of a slot look at the instant at which it opened; who comes later than this looks for itself.
SHARED_LOOK_MS = 1_000


class Ended(Exception):
    """The slot ends before anything is judged: with this outcome, for this reason."""

    def __init__(self, outcome: Outcome, why: str, unsettled: Usage = NOTHING) -> None:
        super().__init__(why)
        self.outcome = outcome
        self.why = why
        self.unsettled = unsettled


async def run_cycle(
    desk: Desk, slot_ms: int, recorder: Recorder, deployment: str, only: tuple[str, ...] | None = None
) -> SlotClosed:
    """Decide one slot once and leave records of all of it; the record that closed the slot.

    ``only`` names the coins in which a strategy may want to act now, where that is known.

    Gather (look), decide (ask, look again, rule), act (submit). Between the second look and the intents in the journal
    nothing is awaited, so that account-wide caps need no lock.
    """
    opened_ms = recorder.clock.now_ms()
    trader = desk.trader
    try:
        context = _first_look(desk, recorder, slot_ms, opened_ms, only)
        first_look_ms = context.now_ms
        decider = desk.decider
        selector = selector_of(decider)
        weighing = selector is not None and due(selector, context.selection, slot_ms, desk.interval_ms)
        if isinstance(decider, ModelDecider) and (selector is None or weighing):
            answer, context = await _asked(desk, decider, context, recorder)
            weighing = weighing and not answer.failure
        else:
            recorder.say(SlotOpened(slot_ms=slot_ms), trader)
            answer = Answer(_ruled(decider, context))
    except Ended as end:
        return _close(recorder, trader, slot_ms, opened_ms, end.outcome, end.why, end.unsettled)
    choice = None if selector is None else _chosen(selector, context, weighing, answer)
    if choice is not None:
        answer.decisions = choice.decisions
    if not answer.decisions and answer.rendered is None:
        _say_choice(recorder, context, choice, ())
        return _close(recorder, trader, slot_ms, opened_ms, "held", "")

    proposals, denied = propose(answer.decisions, context, desk)
    verdicts: list[Verdict] = [*denied, *judge(proposals, context)]
    _say_choice(recorder, context, choice, verdicts)
    _plan_record(recorder, desk, slot_ms, first_look_ms, context, answer, tuple(verdicts))
    intents = intend(verdicts, desk, slot_ms, context.now_ms, deployment)
    outcome, why = await act(intents, verdicts, desk)
    if answer.failure:
        why = f"the weights stay as they were: {answer.failure}"
    return _close(recorder, trader, slot_ms, opened_ms, outcome, why, answer.unsettled)


def _first_look(desk: Desk, recorder: Recorder, slot_ms: int, opened_ms: int, only: tuple[str, ...] | None) -> Context:
    """What is decided on. Raises ``Ended``."""
    if opened_ms - slot_ms >= desk.interval_ms:  # the process was stopped between waking up and coming here
        raise Ended("skipped", "late")
    look_ms = slot_ms if 0 <= opened_ms - slot_ms < SHARED_LOOK_MS else opened_ms
    desk.feed.hold(look_ms)
    try:
        return context_of(desk, recorder.state, slot_ms, look_ms, only)
    except (Unlookable, MarkMissing) as missing:
        raise Ended("skipped", str(missing)) from missing


async def _asked(desk: Desk, decider: ModelDecider, context: Context, recorder: Recorder) -> tuple[Answer, Context]:
    """What the model answers, and a second look after it. Raises ``Ended``.

    A selector whose model does not answer goes on with the weights that it has.
    """
    slot_ms, first_look_ms = context.slot_ms, context.now_ms
    question = question_of(decider, context)
    messages = () if isinstance(question, PromptError) else question.rendered.messages
    permitted = may_ask(desk, decider, recorder, messages)
    if not permitted.asks and decider.selector is None:
        raise Ended("skipped", f"budget: {permitted.why}")
    if not permitted.asks:
        recorder.say(SlotOpened(slot_ms=slot_ms), desk.trader)
        return Answer((), failure=f"budget: {permitted.why}"), context
    await recorder.durable(recorder.say(opened(slot_ms, permitted), desk.trader))
    answer = await ask_model(desk, decider, context, recorder, question, permitted)
    try:
        context = context_of(desk, recorder.state, slot_ms, recorder.clock.now_ms())
    except (Unlookable, MarkMissing) as missing:
        raise Ended("failed", f"second look: {missing}", answer.unsettled) from missing
    status = context.standing.status
    if status == "running" and (not answer.failure or decider.selector is not None):
        return answer, context
    _plan_record(recorder, desk, slot_ms, first_look_ms, context, answer, ())
    if answer.failure:
        raise Ended(answer.outcome, answer.failure, answer.unsettled)
    raise Ended("skipped", f"second look: {status}")  # an operator, or a liquidation, was quicker than the model


def _ruled(decider: Decider, context: Context) -> Sequence[Decision]:
    """What rules alone decide; the strategies of a selector are asked with their weights, and not here."""
    match decider:
        case ModelDecider() | Selector():
            return ()
        case _:
            return decider.decide(context)


def _chosen(selector: Selector, context: Context, weighing: bool, answer: Answer) -> Choice:
    """What the strategies of a selector want together, with new weights where they are due."""
    return choose(selector, context, weighed(selector, context, answer.weights) if weighing else context.selection)


def _say_choice(recorder: Recorder, context: Context, choice: Choice | None, verdicts: Sequence[Verdict]) -> None:
    """Record weights and sleeves of a selector where they changed."""
    if choice is None:
        return
    selection = in_force(choice.selection, verdicts, context)
    if selection != context.selection:
        recorder.say(Selected(slot_ms=context.slot_ms, selection=selection), context.trader)


def _plan_record(
    recorder: Recorder,
    desk: Desk,
    slot_ms: int,
    first_look_ms: int,
    context: Context,
    answer: Answer,
    verdicts: tuple[Verdict, ...],
) -> None:
    keep_snapshot(recorder, context.market)
    rendered = answer.rendered
    recorder.say(
        Planned(
            slot_ms=slot_ms,
            first_look=first_look_ms,
            second_look=context.now_ms,
            decisions=tuple(answer.decisions),
            verdicts=verdicts,
            prompt="" if rendered is None else keep_prompt(recorder, rendered),
            prompt_digest="" if rendered is None else rendered.digest,
            prompt_version="" if rendered is None else rendered.version,
            prompt_templates="" if rendered is None else rendered.templates,
            grounding=answer.grounded,
            summary=answer.summary,
            thoughts=answer.thoughts,
        ),
        desk.trader,
    )


def _close(
    recorder: Recorder,
    trader: TraderId,
    slot_ms: int,
    opened_ms: int,
    outcome: Outcome,
    why: str,
    unsettled: Usage = NOTHING,
) -> SlotClosed:
    closed = SlotClosed(
        slot_ms=slot_ms,
        outcome=outcome,
        why=why,
        latency_ms=recorder.clock.now_ms() - opened_ms,
        unsettled_usd=unsettled.usd,
        unsettled_tokens=unsettled.tokens,
    )
    recorder.say(closed, trader)
    return closed
