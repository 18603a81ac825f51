"""A bound around chat models: of all traders, only so many wait for a reply at the same time."""

import asyncio
from collections.abc import Callable, Sequence

from engine.executor.ports import ChatModel, Message, Reply
from engine.llm.around import Around


class Limited(Around):
    """A chat model that is asked once one of the shared ``places`` is free; first come, first served.

    Waiting for a place is part of waiting for the reply, so a deadline belongs around it.
    """

    def __init__(self, model: ChatModel, places: asyncio.Semaphore, real: Callable[[], bool]) -> None:
        super().__init__(model, real)
        self._places = places

    async def _in_real_time(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        async with self._places:
            return await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
