"""A bound around chat models: of all traders, only so many wait for a reply at the same time."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

from engine.executor.ports import ChatModel, Message, Reply


class Limited:
    """A chat model that is asked once one of the shared ``places`` is free; first come, first served.

    Waiting for a place is part of waiting for the reply, so a deadline belongs around it. ``real`` tells whether time
    is real at this moment: where it is not, nobody waits.
    """

    def __init__(self, model: ChatModel, places: asyncio.Semaphore, real: Callable[[], bool]) -> None:
        self._model = model
        self._places = places
        self._real = real

    @property
    def name(self) -> str:
        """The name by which the configuration calls it."""
        return self._model.name

    @property
    def worst_case_cost_usd(self) -> Decimal:
        """The most that one reply can cost."""
        return self._model.worst_case_cost_usd

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """The model's reply. Raises ``ModelUnavailable``."""
        if not self._real():
            return await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        async with self._places:
            return await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
