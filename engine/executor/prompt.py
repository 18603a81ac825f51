"""Prompts: a context and a set of templates become the messages for a model, with a digest that names them exactly."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Protocol

from msgspec import Struct, structs

from engine.executor.briefing import Briefing, brief, prompt_columns
from engine.executor.context import Context
from engine.executor.contract import ConfidenceScale
from engine.executor.figures import figures
from engine.executor.limits import Limits
from engine.executor.ports import Message
from engine.executor.selector.brief import SelectionBrief
from engine.executor.template import PromptError, Template

__all__ = [
    "PromptError",
    "PromptSet",
    "PromptSource",
    "Rendered",
    "Template",
    "messages_digest",
    "prompt_columns",
    "render",
]

LONGEST_PROMPT = 200_000  # characters of all messages together


class PromptSource(Protocol):
    """Where a trader's templates come from."""

    def current(self) -> "PromptSet":
        """The templates in force now; asked once a slot. Raises ``PromptError``."""
        ...


class PromptSet(Struct, frozen=True, kw_only=True):
    """The templates of one trader; what the strategy says goes into the system message. It is a source, too: of itself.

    Raises ``PromptError`` when a template asks for something that there is not, or the strategy would go unread.
    """

    system: Template
    user: Template
    strategy: Template | None = None

    def __post_init__(self) -> None:
        for template in self.templates:
            unknown = sorted(template.names() - _NAMES - ({"strategy"} if template is self.system else set()))
            if unknown:
                raise PromptError(f"{template.path}: asks for {', '.join(unknown)}; known: {', '.join(sorted(_NAMES))}")
        if self.strategy is not None and "strategy" not in self.system.names():
            raise PromptError(
                f"{self.system.path}: has no place for {{{{ strategy }}}}, so {self.strategy.path} is lost"
            )

    def current(self) -> "PromptSet":
        """Itself: a set that was made does not change."""
        return self

    @property
    def templates(self) -> tuple[Template, ...]:
        """All of them, the system's first."""
        return (self.system, self.user) if self.strategy is None else (self.system, self.user, self.strategy)

    @property
    def confidence_scale(self) -> ConfidenceScale:
        """The scale on which replies are asked to state confidence."""
        return self.system.confidence

    @property
    def version(self) -> str:
        """Names and versions of the templates."""
        return ", ".join(f"{template.name} {template.version}" for template in self.templates)

    @property
    def digest(self) -> str:
        """The name of the templates' exact text: 32 hex digits."""
        return _digest([part for template in self.templates for part in (template.name, template.source)])


class Rendered(Struct, frozen=True, kw_only=True):
    """Messages for a model.

    ``digest`` names templates and messages together, ``templates`` the text of the templates alone; ``version`` is
    their names and versions, for people.
    """

    messages: tuple[Message, ...]
    digest: str
    templates: str
    version: str


class ConfidenceBrief(Struct, frozen=True, kw_only=True):
    """Confidence on the scale that the template declares; ``minimum`` is the trader's limit."""

    lowest: str
    highest: str
    minimum: str | None


def render(
    context: Context,
    prompts: PromptSet,
    series_interval_ms: int,
    long_interval_ms: int,
    selection: SelectionBrief | None = None,
) -> Rendered:
    """The messages for one slot, with series of two kinds of bars. Raises ``PromptError``."""
    return fill(brief(context, series_interval_ms, long_interval_ms), prompts, selection)


def fill(briefing: Briefing, prompts: PromptSet, selection: SelectionBrief | None = None) -> Rendered:
    """The messages for a briefing, and for what there is to select from. Raises ``PromptError``."""
    values: dict[str, Any] = {**structs.asdict(briefing), "selection": selection}
    values["confidence"] = _confidence(briefing.limits, prompts.confidence_scale)
    strategy = "" if prompts.strategy is None else prompts.strategy.fill(values).strip()
    messages = (
        Message(role="system", content=_tidy(prompts.system.fill({**values, "strategy": strategy}))),
        Message(role="user", content=_tidy(prompts.user.fill(values))),
    )
    length = sum(len(message.content) for message in messages)
    if length > LONGEST_PROMPT:
        raise PromptError(f"{prompts.user.path}: the prompt is {length} characters long, the cap is {LONGEST_PROMPT}")
    templates = prompts.digest
    return Rendered(
        messages=messages,
        digest=_digest([templates, messages_digest(messages)]),
        templates=templates,
        version=prompts.version,
    )


def messages_digest(messages: Sequence[Message]) -> str:
    """The name of a sequence of messages: 32 hex digits of their roles and contents."""
    return _digest([part for message in messages for part in (message.role, message.content)])


def _digest(parts: list[str]) -> str:
    hashed = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode()
        hashed.update(b"%d:" % len(encoded))
        hashed.update(encoded)
    return hashed.hexdigest()


def _confidence(limits: Limits, scale: ConfidenceScale) -> ConfidenceBrief:
    highest = 100 if scale == "percent" else 1
    return ConfidenceBrief(
        lowest="0",
        highest=str(highest),
        minimum=None if limits.min_confidence is None else figures(limits.min_confidence * highest / 100),
    )


def _tidy(text: str) -> str:
    """The text with line ends of one kind, no trailing blanks and at most one empty line in a row."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        line = line.rstrip()
        if line or lines[-1]:
            lines.append(line)
    return "\n".join(lines) + "\n"


_NAMES = frozenset([*Briefing.__struct_fields__, "confidence", "selection"])
