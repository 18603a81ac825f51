"""Stand-ins: the model that was asked for where it can be had, else the next by priority, and never in silence."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

import structlog
from msgspec import Struct
from msgspec.structs import replace

from engine.executor.parse import NO_COMPLETION
from engine.executor.ports import ChatModel, Message, ModelUnavailable, Reply
from engine.llm.breaker import Breaker
from engine.llm.client import EndpointModel
from engine.llm.retry import CallFailed

log = structlog.stdlib.get_logger("engine.llm")

LEAST_MS = 100  # with less time left nobody is asked any more

Affordable = Callable[[str, Decimal], bool]  # whether a trader may ask for a reply that costs so many USD at most


class Candidate(Struct, frozen=True, kw_only=True):
    """A model that may be asked, and the breaker that all who ask it share."""

    model: ChatModel
    breaker: Breaker


class Fallback:
    """A chat model that is the first of its candidates, as long as that one answers.

    A model whose breaker is open, or whose dearest reply ``affordable`` says the budget has no room for, is passed
    over; one that fails without cost gives way to the next. What may have been paid for is not asked again in the same
    slot, so that one call is all that a slot pays. A reply by another than the first names the first in
    ``swapped_from``.
    """

    def __init__(self, candidates: Sequence[Candidate], affordable: Affordable = lambda trader, usd: True) -> None:
        assert candidates, "nobody to ask"
        self._candidates = tuple(candidates)
        self._affordable = affordable

    @property
    def name(self) -> str:
        """The name of the model that is asked for."""
        return self._candidates[0].model.name

    @property
    def worst_case_cost_usd(self) -> Decimal:
        """What the dearest of them may cost: no two of them are paid for the same slot."""
        return max(candidate.model.worst_case_cost_usd for candidate in self._candidates)

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The first reply to be had. Raises ``ModelUnavailable``: of what kind, the model that was asked for says."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_ms / 1000
        calls = 0
        reasons: list[ModelUnavailable] = []
        for candidate in self._candidates:
            left_ms = int((deadline - loop.time()) * 1000)
            if reasons and left_ms < LEAST_MS:
                break
            model = candidate.model
            try:
                if not self._affordable(trader, _dearest_usd(model, messages)):
                    raise ModelUnavailable("no room in the budget", kind="budget")
                reply = await _ask(candidate, messages, trader=trader, slot_ms=slot_ms, timeout_ms=left_ms)
            except ModelUnavailable as unavailable:
                calls += unavailable.calls if isinstance(unavailable, CallFailed) else 0
                reasons.append(unavailable)
                if unavailable.prompt_tokens or unavailable.completion_tokens:
                    break
                continue
            if not reasons:
                return reply
            why = str(reasons[0])
            log.warning("model swapped", trader=trader, slot_ms=slot_ms, model=self.name, by=model.name, why=why)
            who = reply.model or model.name  # no endpoint's silence hides who stands in
            return replace(reply, model=who, swapped_from=self.name, attempts=reply.attempts + calls)
        raise _summed(reasons, [candidate.model.name for candidate in self._candidates])


def _dearest_usd(model: ChatModel, messages: Sequence[Message]) -> Decimal:
    return model.dearest_usd(messages) if isinstance(model, EndpointModel) else model.worst_case_cost_usd


async def _ask(
    candidate: Candidate, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int
) -> Reply:
    """Ask one model through its breaker, and tell the breaker what came of it."""
    loop = asyncio.get_running_loop()
    breaker, name = candidate.breaker, candidate.model.name
    if not breaker.admit(1000 * loop.time()):
        raise ModelUnavailable(f"left alone since it failed: {breaker.why}", kind="open")
    try:
        reply = await candidate.model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
    except ModelUnavailable as unavailable:
        again_ms = unavailable.retry_after_ms if isinstance(unavailable, CallFailed) else None
        called = not isinstance(unavailable, CallFailed) or unavailable.calls > 0  # else the model is not to blame
        if called and breaker.failed(1000 * loop.time(), str(unavailable), again_ms or 0):
            log.error("model left alone", model=name, why=str(unavailable))
        raise
    finally:
        breaker.let_go()  # however it ended, cancelled or broken: a trial that never ends would keep everybody out
    if reply.finish_reason == NO_COMPLETION:
        if breaker.failed(1000 * loop.time(), "it sends something else than completions"):
            log.error("model left alone", model=name, why=breaker.why)
    elif breaker.passed(1000 * loop.time()):
        log.warning("model trusted again", model=name)
    return reply


def _summed(reasons: Sequence[ModelUnavailable], names: Sequence[str]) -> ModelUnavailable:
    """All that went wrong in one: the kind of the first, the cost of the one that may have been paid.

    It is for want of money only where nobody was asked.
    """
    first, last = reasons[0], reasons[-1]
    if len(names) == 1:
        return first
    asked = any(reason.kind != "budget" for reason in reasons)
    return ModelUnavailable(
        "; ".join(f"{name}: {reason}" for name, reason in zip(names, reasons, strict=False)),
        kind="" if first.kind == "budget" and asked else first.kind,
        cost_usd=last.cost_usd,
        prompt_tokens=last.prompt_tokens,
        completion_tokens=last.completion_tokens,
    )
