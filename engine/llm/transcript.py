"""A transcript of chat models in the log: whole prompts and replies, for those who ask for them."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import structlog

from engine.executor.ports import ChatModel, Message, Reply

log = structlog.get_logger()


class Transcribed:
    """A chat model whose prompts and replies go into the log; ``real`` tells whether time is real at this moment.

    History is played too fast to be read along; its conversations are in the journal like all others.
    """

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
        """The model's reply. Raises ``ModelUnavailable``."""
        if not self._real():
            return await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        asked = log.bind(trader=trader, slot_ms=slot_ms, model=self.name)
        asked.info("model asked", messages=[{"role": message.role, "content": message.content} for message in messages])
        reply = await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        asked.info("model answered", reply=reply.raw.decode("utf-8", "replace"), finish_reason=reply.finish_reason)
        return reply
