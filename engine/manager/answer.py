"""Answers: what a decider decided, and how a model is brought to it — asked, understood, asked once more."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from engine.executor.context import Context
from engine.executor.contract import ConfidenceScale
from engine.executor.executor import ask, repair_messages, repairable, understand
from engine.executor.grounding import Grounding, grounding
from engine.executor.parse import Parsed, ReplyMalformed
from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.executor.prompt import PromptError, Rendered
from engine.executor.selector.reply import ParsedWeights
from engine.executor.selector.selector import Selector
from engine.manager.asking import in_doubt, say_reply, say_unavailable
from engine.manager.budget import Permit
from engine.manager.desk import Desk, ModelDecider
from engine.manager.evidence import keep_snapshot
from engine.manager.prompt_switch import say_switch
from engine.manager.record import Outcome
from engine.manager.recorder import Recorder
from engine.model.decision import Decision
from engine.model.spending import NOTHING, Usage


class Answer:
    """What a decider decided, with what is worth keeping of how it got there.

    ``outcome`` is that of the slot when there is a ``failure``, ``unsettled`` what a call may have used whose answer
    did not come. ``grounded`` holds the numbers of the reply against those of the prompt. ``weights`` are what the
    model of a selector gave its strategies.
    """

    __slots__ = (
        "decisions",
        "failure",
        "grounded",
        "outcome",
        "rendered",
        "summary",
        "thoughts",
        "unsettled",
        "weights",
    )

    def __init__(
        self,
        decisions: Sequence[Decision],
        *,
        rendered: Rendered | None = None,
        summary: str = "",
        thoughts: str = "",
        failure: str = "",
        unsettled: Usage = NOTHING,
        outcome: Outcome = "failed",
        grounded: Grounding | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self.decisions = decisions
        self.rendered = rendered
        self.summary = summary
        self.thoughts = thoughts
        self.failure = failure
        self.unsettled = unsettled
        self.outcome = outcome
        self.grounded = grounded
        self.weights = weights


class Question(Struct, frozen=True, kw_only=True):
    """What a model is asked, and the scale on which it is to say how confident it is."""

    rendered: Rendered
    confidence_scale: ConfidenceScale


def question_of(decider: ModelDecider, context: Context) -> Question | PromptError:
    """The prompt of this slot, rendered; what is wrong with it where it cannot be."""
    try:
        prompts = decider.prompts.current()
        rendered = ask(context, prompts, decider.series_interval_ms, decider.long_interval_ms, decider.selector)
    except PromptError as error:
        return error
    return Question(rendered=rendered, confidence_scale=prompts.confidence_scale)


async def ask_model(
    desk: Desk,
    decider: ModelDecider,
    context: Context,
    recorder: Recorder,
    question: Question | PromptError,
    permitted: Permit,
) -> Answer:
    """Ask and understand; one repair attempt within the same deadline, where it is permitted.

    Never raises for a bad reply.
    """
    clock = recorder.clock
    if isinstance(question, PromptError):
        return Answer((), failure=f"prompt: {question}")
    rendered = question.rendered
    say_switch(desk, recorder, rendered)
    keep_snapshot(recorder, context.market)
    deadline_ms = clock.now_ms() + decider.timeout_ms
    messages: Sequence[Message] = rendered.messages
    failure = ""
    for _ in range(permitted.asks):
        left_ms = deadline_ms - clock.now_ms()
        if left_ms <= 0:
            break
        try:
            reply = await decider.model.complete(
                messages, trader=context.trader, slot_ms=context.slot_ms, timeout_ms=left_ms
            )
        except ModelUnavailable as unavailable:
            say_unavailable(desk, decider, recorder, unavailable, context.slot_ms, late=False)
            unsettled = permitted.ask if in_doubt(unavailable) else NOTHING
            if unavailable.kind == "budget":
                return Answer((), rendered=rendered, failure=f"budget: {unavailable}", outcome="skipped")
            return Answer((), rendered=rendered, failure=f"model: {unavailable}", unsettled=unsettled)
        late = clock.now_ms() > deadline_ms
        say_reply(desk, decider, recorder, reply, context.slot_ms, late=late)
        if late:
            return Answer((), rendered=rendered, failure="model: the answer came after the deadline")
        parsed = _understood(reply, context, question.confidence_scale, decider.selector)
        if isinstance(parsed, Parsed):
            return Answer(
                parsed.decisions,
                rendered=rendered,
                summary=parsed.summary,
                thoughts=parsed.thoughts,
                grounded=grounding(parsed, rendered.messages),
                weights=parsed.weights if isinstance(parsed, ParsedWeights) else None,
            )
        failure = f"reply: {parsed}"
        if not repairable(parsed):
            break
        messages = repair_messages(rendered.messages, reply, parsed)
    return Answer((), rendered=rendered, failure=failure or "model: no time left to ask")


def _understood(
    reply: Reply, context: Context, confidence_scale: ConfidenceScale, selector: Selector | None
) -> Parsed | ReplyMalformed:
    try:
        return understand(reply, context, confidence_scale, selector)
    except ReplyMalformed as malformed:
        return malformed
