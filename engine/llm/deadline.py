"""A deadline around a chat model: where time is real, nobody waits longer for a reply than the slot allows."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

from engine.executor.ports import ChatModel, Message, ModelUnavailable, Reply


class Bounded:
    """A chat model that answers in time or is unavailable; ``real`` tells whether time is real at this moment."""

    def __init__(self, model: ChatModel, real: Callable[[], bool]) -> None:
        self._model = model
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
        """The model's reply. Raises ``ModelUnavailable``, also when the time is over."""
        if not self._real():
            return await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        except TimeoutError as error:
            raise ModelUnavailable(f"no answer within {timeout_ms} ms") from error
