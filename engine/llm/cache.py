"""The response cache: replies that are given again to the same messages, for a while, without calling anybody."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from engine.executor.parse import NO_COMPLETION
from engine.executor.ports import ChatModel, Message, Reply
from engine.executor.prompt import messages_digest
from engine.llm.around import Around


class ReplyCache:
    """The latest replies by model and messages, ``max_entries`` at most, none of them older than ``ttl_ms``."""

    def __init__(self, *, ttl_ms: int, max_entries: int, now_ms: Callable[[], int]) -> None:
        self._ttl_ms = ttl_ms
        self._max_entries = max_entries
        self._now_ms = now_ms
        self._replies: OrderedDict[tuple[str, str], tuple[int, Reply]] = OrderedDict()  # with the instant it was given

    def __len__(self) -> int:
        return len(self._replies)

    def find(self, model: str, digest: str) -> Reply | None:
        """The reply that this model gave to these messages, if that is not too long ago."""
        found = self._replies.get((model, digest))
        if found is None:
            return None
        given_ms, reply = found
        if 0 <= self._now_ms() - given_ms <= self._ttl_ms:
            return reply
        del self._replies[model, digest]
        return None

    def keep(self, model: str, digest: str, reply: Reply) -> None:
        """Remember a reply; the one that was given longest ago goes when there are too many."""
        self._replies[model, digest] = (self._now_ms(), reply)
        self._replies.move_to_end((model, digest))
        while len(self._replies) > self._max_entries:
            self._replies.popitem(last=False)


class Cached(Around):
    """A chat model that is not asked twice for the same. What comes from the cache costs nothing and says so.

    The reply of a stand-in is not kept: the model's own is wanted again as soon as it can be had. Nor is what an
    endpoint sent in the place of a completion.
    """

    def __init__(self, model: ChatModel, cache: ReplyCache) -> None:
        super().__init__(model)
        self._cache = cache

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The reply to these messages, an earlier one where there is one. Raises ``ModelUnavailable``."""
        digest = messages_digest(messages)
        earlier = self._cache.find(self.name, digest)
        if earlier is not None:
            return replace(
                earlier,
                prompt_tokens=0,
                completion_tokens=0,
                cached_tokens=0,
                cost_usd=Decimal(0),
                latency_ms=0,
                attempts=0,
                from_cache=True,
            )
        reply = await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        if not reply.swapped_from and reply.finish_reason != NO_COMPLETION:
            self._cache.keep(self.name, digest, reply)
        return reply
