"""The cycle: one slot of one trader from look to outcome, the same in every mode."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from engine.executor.context import Context
from engine.executor.contract import ConfidenceScale
from engine.executor.executor import ask, repair_messages, repairable, understand
from engine.executor.grounding import Grounding, grounding
from engine.executor.parse import Parsed, ReplyMalformed
from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.executor.prompt import PromptError, Rendered
from engine.executor.risk import judge
from engine.executor.selector.reply import ParsedWeights
from engine.executor.selector.selector import Choice, Selector, choose, due, in_force, weighed
from engine.manager.asking import in_doubt, may_ask, opened, say_reply, say_unavailable
from engine.manager.budget import Permit
from engine.manager.desk import Decider, Desk, ModelDecider, Unlookable, context_of, selector_of
from engine.manager.evidence import keep_prompt, keep_snapshot
from engine.manager.feed import MarkMissing
from engine.manager.plan import order_of, propose
from engine.manager.prompt_switch import say_switch
from engine.manager.record import Intended, Outcome, Planned, Selected, SlotClosed, SlotOpened
from engine.manager.recorder import Recorder
from engine.model.decision import Approved, Decision, Denied, Proposal, Verdict
from engine.model.ids import TraderId
from engine.model.order import Accepted, Canceled, Order, OrderReport, Rejected, Unresolved
from engine.model.spending import NOTHING, Usage

# All traders of a slot look at the instant at which it opened; who comes later than this looks for itself.
SHARED_LOOK_MS = 1_000


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


async def run_cycle(
    desk: Desk, slot_ms: int, recorder: Recorder, deployment: str, only: tuple[str, ...] | None = None
) -> SlotClosed:
    """Decide one slot once and leave records of all of it; the record that closed the slot.

    ``only`` names the coins in which a strategy may want to act now, where that is known.

    Gather (look), decide (ask, look again, rule), act (submit). Between the second look and the intents in the journal
    nothing is awaited, so that account-wide caps need no lock.
    """
    clock = recorder.clock
    state = recorder.state
    trader = desk.trader
    opened_ms = clock.now_ms()
    if opened_ms - slot_ms >= desk.interval_ms:  # the process was stopped between waking up and coming here
        return _close(recorder, trader, slot_ms, opened_ms, "skipped", "late")
    look_ms = slot_ms if 0 <= opened_ms - slot_ms < SHARED_LOOK_MS else opened_ms
    desk.feed.hold(look_ms)
    try:
        context = context_of(desk, state, slot_ms, look_ms, only)
    except (Unlookable, MarkMissing) as missing:
        return _close(recorder, trader, slot_ms, opened_ms, "skipped", str(missing))
    decider = desk.decider
    selector = selector_of(decider)
    weighing = selector is not None and due(selector, context.selection, slot_ms, desk.interval_ms)
    if isinstance(decider, ModelDecider) and (selector is None or weighing):
        question = _question(decider, context)
        messages = () if isinstance(question, PromptError) else question.rendered.messages
        permitted = may_ask(desk, decider, recorder, messages)
        if not permitted.asks:
            return _close(recorder, trader, slot_ms, opened_ms, "skipped", f"budget: {permitted.why}")
        seq = recorder.say(opened(slot_ms, permitted), trader)
        await recorder.durable(seq)
        answer = await _ask_model(desk, decider, context, recorder, question, permitted)
        try:
            context = context_of(desk, state, slot_ms, clock.now_ms())
        except (Unlookable, MarkMissing) as missing:
            why = f"second look: {missing}"
            return _close(recorder, trader, slot_ms, opened_ms, "failed", why, answer.unsettled)
        if answer.failure:
            _plan_record(recorder, desk, slot_ms, look_ms, context, answer, ())
            return _close(recorder, trader, slot_ms, opened_ms, answer.outcome, answer.failure, answer.unsettled)
        if context.standing.status != "running":  # an operator, or a liquidation, was quicker than the model
            _plan_record(recorder, desk, slot_ms, look_ms, context, answer, ())
            return _close(recorder, trader, slot_ms, opened_ms, "skipped", f"second look: {context.standing.status}")
    else:
        recorder.say(SlotOpened(slot_ms=slot_ms), trader)
        answer = Answer(_ruled(decider, context))
    choice = None if selector is None else _chosen(selector, context, weighing, answer)
    if choice is not None:
        answer.decisions = choice.decisions
    if not answer.decisions and answer.rendered is None:
        _say_choice(recorder, context, choice, ())
        return _close(recorder, trader, slot_ms, opened_ms, "held", "")

    proposals, denied = propose(answer.decisions, context, desk)
    verdicts: list[Verdict] = [*denied, *judge(proposals, context)]
    _say_choice(recorder, context, choice, verdicts)
    _plan_record(recorder, desk, slot_ms, look_ms, context, answer, tuple(verdicts))
    intents: list[tuple[int, Intended, Proposal]] = []
    for verdict in verdicts:
        if type(verdict) is Approved:
            proposal = verdict.proposal
            order = order_of(verdict, deployment, desk.account, trader, slot_ms, len(intents))
            seq, intended = desk.gateway.intend(
                order,
                trader=trader,
                client_order_id=order.client_order_id,
                cause="decision",
                reference=str(slot_ms),
                leverage=proposal.leverage,
                mode=proposal.mode,
                plan=proposal.plan,
                looked_ms=context.now_ms,
            )
            intents.append((seq, intended, proposal))
    unfilled = unclosed = ""
    try:
        for seq, intended, proposal in intents:
            if unclosed and proposal.opens:  # it was judged as if everything before it were closed
                desk.gateway.withdraw(intended, trader, unclosed)
                continue
            left = _unfilled(await desk.gateway.send(seq, intended, trader), intended)
            if left:
                unfilled = left
                if proposal.closes:
                    unclosed = left
    finally:  # a cycle that breaks, or is cut off, sends no more
        for _, intended, _ in intents:
            desk.gateway.let_go(intended.client_order_id)
    outcome: Outcome = "acted" if intents else "denied" if verdicts else "held"
    return _close(recorder, trader, slot_ms, opened_ms, outcome, unfilled or _first_denial(verdicts))


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


def _unfilled(report: OrderReport, intended: Intended) -> str:
    """What of an order did not happen at once; nothing when all of it did."""
    order = intended.envelope.action
    assert type(order) is Order
    match report:
        case Accepted(filled_quantity=filled):
            return "" if filled >= order.quantity else f"{order.coin} filled: {filled} of {order.quantity}"
        case Rejected(code=code):
            return f"{order.coin} rejected: {code}"
        case Canceled(reason=reason):
            return f"{order.coin} canceled: {reason}"
        case Unresolved():
            return f"{order.coin} unresolved"


def _first_denial(verdicts: Sequence[Verdict]) -> str:
    for verdict in verdicts:
        if type(verdict) is Denied:
            return f"{verdict.symbol} denied: {verdict.rule}"
    return ""


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


class Question(Struct, frozen=True, kw_only=True):
    """What a model is asked, and the scale on which it is to say how confident it is."""

    rendered: Rendered
    confidence_scale: ConfidenceScale


def _question(decider: ModelDecider, context: Context) -> Question | PromptError:
    try:
        prompts = decider.prompts.current()
        rendered = ask(context, prompts, decider.series_interval_ms, decider.long_interval_ms, decider.selector)
    except PromptError as error:
        return error
    return Question(rendered=rendered, confidence_scale=prompts.confidence_scale)


async def _ask_model(
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
