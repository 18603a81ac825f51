"""The model decider: what is asked, what the reply rules, and how one repair is asked for."""

from collections.abc import Sequence

from engine.executor.context import Context
from engine.executor.contract import ConfidenceScale
from engine.executor.figures import quoted
from engine.executor.parse import Parsed, ReplyMalformed, parse
from engine.executor.ports import Message, Reply
from engine.executor.prompt import PromptSet, Rendered, render
from engine.executor.selector.brief import selection_brief
from engine.executor.selector.reply import parse_weights
from engine.executor.selector.selector import Selector

LONGEST_ECHO = 4_000  # characters of a malformed reply that its author is shown again


def ask(
    context: Context,
    prompts: PromptSet,
    series_interval_ms: int,
    long_interval_ms: int,
    selector: Selector | None = None,
) -> Rendered:
    """The messages to send for this slot. Raises ``PromptError``."""
    selection = None if selector is None else selection_brief(selector, context)
    return render(context, prompts, series_interval_ms, long_interval_ms, selection)


def understand(
    reply: Reply, context: Context, confidence_scale: ConfidenceScale, selector: Selector | None = None
) -> Parsed:
    """What the reply decides, before risk judges it; of a selector's model the weights. Raises ``ReplyMalformed``.

    ``confidence_scale`` is what the prompt asked for: ``PromptSet.confidence_scale``.
    """
    if selector is not None:
        return parse_weights(reply.raw, finish_reason=reply.finish_reason, labels=selector.library.labels)
    known = (*context.coins, *(coin for coin in context.account.positions if coin not in context.coins))
    return parse(reply.raw, finish_reason=reply.finish_reason, coins=known, confidence_scale=confidence_scale)


def repairable(error: ReplyMalformed) -> bool:
    """Whether asking once more may help: not when the endpoint withheld the answer or had no room for it."""
    return error.status not in ("refused", "truncated", "too_large", "no_completion")


def repair_message(error: ReplyMalformed) -> Message:
    """What a model is told about a reply that could not be read; sent once, within the deadline of the slot."""
    return Message(
        role="user",
        content=(
            "Your answer could not be used and nothing was traded on it. "
            f"At {quoted(error.field, 80)}: {quoted(error.reason, 300)}. "
            "Answer once more with the corrected JSON object alone, every key once, no text around it.\n"
        ),
    )


def repair_messages(messages: Sequence[Message], reply: Reply, error: ReplyMalformed) -> tuple[Message, ...]:
    """The whole conversation for the repair: what was asked, what came back (its beginning), what is wrong with it."""
    echo = reply.raw[: 4 * LONGEST_ECHO].decode("utf-8", "replace").replace("\0", "\ufffd")[:LONGEST_ECHO]
    return (*messages, Message(role="assistant", content=echo or "(empty)"), repair_message(error))
