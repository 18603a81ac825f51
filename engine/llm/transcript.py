"""A transcript of chat models in the log: whole prompts and replies, for those who ask for them."""

from collections.abc import Sequence

import structlog

from engine.executor.ports import Message, Reply
from engine.llm.around import InRealTime

log = structlog.get_logger()


class Transcribed(InRealTime):
    """A chat model whose prompts and replies go into the log.

    History is played too fast to be read along; its conversations are in the journal like all others.
    """

    async def _in_real_time(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        asked = log.bind(trader=trader, slot_ms=slot_ms, model=self.name)
        asked.info("model asked", messages=[{"role": message.role, "content": message.content} for message in messages])
        reply = await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        asked.info("model answered", reply=reply.raw.decode("utf-8", "replace"), finish_reason=reply.finish_reason)
        return reply
