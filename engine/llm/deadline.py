"""A deadline around a chat model: where time is real, nobody waits longer for a reply than the slot allows."""

import asyncio
from collections.abc import Sequence

from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.llm.around import Around


class Bounded(Around):
    """A chat model that answers in time or is unavailable."""

    async def _in_real_time(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        except TimeoutError as error:
            raise ModelUnavailable(f"no answer within {timeout_ms} ms") from error
