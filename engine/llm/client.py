"""A chat model behind an OpenAI-compatible endpoint: asked within a deadline, retried where that is free, paid for."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any, Literal, Protocol, get_args

import structlog
from msgspec import Struct

from engine.executor.parse import NO_COMPLETION
from engine.executor.ports import Message, Reply
from engine.llm.completion import Complaint, Completion, Usage, read_completion
from engine.llm.prices import BYTES_A_TOKEN, LONGEST_REPLY_TOKENS, Prices, estimated_tokens
from engine.llm.retry import CallFailed, pause_ms, refused
from engine.llm.structured import Schema, SchemaSupport, response_format

log = structlog.stdlib.get_logger("engine.llm")

LOOPBACK = ("127.0.0.1", "::1", "localhost")  # hosts on this machine: no proxy, and no need for a key or for https
TEMPLATE_TOKENS = 4_096  # what an endpoint may put around a prompt; no text has more tokens than bytes
SHORTEST_SECRET = 6  # characters; a shorter one may stand in any text by accident
MARGIN_MS = 50  # before the deadline of whoever asks, so that what a call may have cost is still told


CostTier = Literal["low", "medium", "high"]
TIERS: tuple[CostTier, ...] = get_args(CostTier)


class ModelTerms(Struct, frozen=True, kw_only=True):
    """A model as its endpoint knows it, and how it is asked.

    ``parameters`` go into every request as they are. ``timeout_ms`` bounds one call, ``retries`` how many may follow
    one that failed at no cost. ``late_ms`` is how long a call that is under way at the deadline of whoever asks may go
    on beyond it, so that it is known what it cost; none is begun then. ``priority`` above zero lets it stand in for
    others, the highest first, and of equal ones the cheaper by ``cost_tier``.
    """

    name: str
    model_id: str
    base_url: str
    reveal_key: Callable[[], str]
    parameters: Mapping[str, Any] = {}
    max_completion_tokens: int | None = None
    prices: Prices = Prices()
    structured: bool = True
    timeout_ms: int = 60_000
    late_ms: int = 0
    retries: int = 3
    priority: int = 0
    cost_tier: CostTier = "medium"


class Post(Protocol):
    """What is asked of an endpoint."""

    async def post(self, body: Mapping[str, Any]) -> bytes:
        """The body of the answer. Raises ``CallFailed``."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class EndpointModel:
    """A chat model that is really called.

    A call whose outcome is not known (no answer in time, a connection that broke) may have been paid for: it counts as
    the dearest it can have been, and is not made again. What failed for certain costs nothing and is.
    """

    def __init__(
        self,
        terms: ModelTerms,
        endpoint: Post,
        support: SchemaSupport,
        rng: Random,
        *,
        schema: Schema | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self._terms = terms
        self._endpoint = endpoint
        self._support = support
        self._rng = rng
        self._schema = schema if terms.structured else None
        self._secrets = tuple(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)

    @property
    def name(self) -> str:
        """The name by which the configuration calls it."""
        return self._terms.name

    @property
    def worst_case_cost_usd(self) -> Decimal:
        """The price of the longest prompt and the longest reply."""
        return self._terms.prices.worst_case_usd(self._terms.max_completion_tokens)

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The model's reply. Raises ``CallFailed``, a ``ModelUnavailable``, a moment before ``timeout_ms`` is over.

        Messages in which a secret stands are not sent.
        """
        if any(secret in message.content for message in messages for secret in self._secrets):
            raise CallFailed("a secret of the configuration stands in the prompt, which was not sent")
        loop = asyncio.get_running_loop()
        asked = loop.time()
        deadline = asked + (timeout_ms - min(MARGIN_MS, timeout_ms // 10)) / 1000
        calls, failures, plain = 0, 0, False
        while True:
            structured = self._schema is not None and not plain and self._support.worth_trying
            calls += 1
            try:
                completion = await self._call(messages, structured, deadline)
            except CallFailed as failure:
                if structured and self._support.doubtful(failure.status) and loop.time() < deadline:
                    plain = True
                    continue
                failures += 1
                wait_s = pause_ms(failures, failure.retry_after_ms, self._rng) / 1000
                last = not failure.again or failures > self._terms.retries or loop.time() + wait_s >= deadline
                log.warning("model call failed", model=self.name, trader=trader, why=str(failure), last=last)
                if last:
                    failure.calls = calls
                    raise
                await asyncio.sleep(wait_s)
                continue
            if (structured or plain) and self._support.learn(taken=structured):
                log.info("structured output", model=self.name, taken=structured)
            return self._reply(completion, messages, structured, calls, int((loop.time() - asked) * 1000))

    async def _call(self, messages: Sequence[Message], structured: bool, deadline: float) -> Completion:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        until = begun + self._terms.timeout_ms / 1000
        if until >= deadline:
            until = deadline + self._terms.late_ms / 1000
        try:
            async with asyncio.timeout_at(until):
                body = await self._endpoint.post(self._request(messages, structured))
        except TimeoutError as error:
            raise self._in_doubt(f"no answer within {round((until - begun) * 1000)} ms", messages, late=True) from error
        except CallFailed as failure:
            if failure.again or failure.kind or failure.status:
                raise
            raise self._in_doubt(str(failure), messages) from failure
        match read_completion(body):
            case Complaint(status=status) as complaint:
                error_inside = refused(status or 502, complaint)
                raise self._in_doubt(str(error_inside), messages) if complaint.counted else error_inside
            case Completion() as completion:
                return completion

    def _request(self, messages: Sequence[Message], structured: bool) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._terms.model_id,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            **self._terms.parameters,
        }
        if self._terms.max_completion_tokens is not None:
            request["max_completion_tokens"] = self._terms.max_completion_tokens
        if structured and self._schema is not None:
            request["response_format"] = response_format(self._schema)
        return request

    def _reply(
        self, completion: Completion, messages: Sequence[Message], structured: bool, calls: int, latency_ms: int
    ) -> Reply:
        usage = completion.usage
        if completion.finish_reason == NO_COMPLETION:
            usage = self._dearest(messages)
        elif usage is None or not _plausible(usage, messages, completion.raw):
            usage = self._estimated(completion, messages)
        return Reply(
            raw=completion.raw,
            model=completion.model,
            finish_reason=completion.finish_reason,
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            cached_tokens=usage.cached,
            cost_usd=self._terms.prices.cost_usd(usage.prompt, usage.completion, usage.cached),
            latency_ms=latency_ms,
            fingerprint=completion.fingerprint,
            attempts=calls,
            structured=structured,
        )

    def _in_doubt(self, message: str, messages: Sequence[Message], *, late: bool = False) -> CallFailed:
        usage = self._dearest(messages)
        return CallFailed(
            message,
            kind="timeout" if late else "",
            cost_usd=self._terms.prices.cost_usd(usage.prompt, usage.completion),
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
        )

    def _estimated(self, completion: Completion, messages: Sequence[Message]) -> Usage:
        """What a call that nobody counted has used, by its texts; what a model thinks to itself nobody sees."""
        if self._terms.parameters.get("reasoning_effort", "none") != "none":
            return self._dearest(messages)
        return Usage(prompt=_prompt_tokens(messages), completion=estimated_tokens(completion.raw))

    def dearest_usd(self, messages: Sequence[Message]) -> Decimal:
        """The most that one call with these messages can cost."""
        usage = self._dearest(messages)
        return self._terms.prices.cost_usd(usage.prompt, usage.completion)

    def _dearest(self, messages: Sequence[Message]) -> Usage:
        """What a call that nobody counted has used at most."""
        most = self._terms.max_completion_tokens
        return Usage(prompt=_prompt_tokens(messages), completion=LONGEST_REPLY_TOKENS if most is None else most)


def _plausible(usage: Usage, messages: Sequence[Message], raw: bytes) -> bool:
    """Whether a count can be that of this prompt and this answer; some endpoints always say 0."""
    most = BYTES_A_TOKEN * _prompt_tokens(messages) + TEMPLATE_TOKENS
    return 0 < usage.prompt <= most and (usage.completion > 0 or not raw)


def _prompt_tokens(messages: Sequence[Message]) -> int:
    return sum(estimated_tokens(message.content.encode("utf-8", "surrogatepass")) for message in messages)
