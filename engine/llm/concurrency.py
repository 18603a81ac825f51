"""A bound around a chat model: of all traders that ask it, only so many wait for a reply at the same time."""

import asyncio
from collections.abc import Callable, Sequence

from engine.executor.ports import ChatModel, Message, ModelUnavailable, Reply
from engine.llm.around import InRealTime


class Limited(InRealTime):
    """A chat model that is asked once one of the shared ``places`` is free; first come, first served.

    Waiting for a place is part of waiting for the reply. A place is held for as long as somebody waits for the reply: a
    call that goes on beyond its deadline holds none.
    """

    def __init__(self, model: ChatModel, places: asyncio.Semaphore, real: Callable[[], bool]) -> None:
        super().__init__(model, real)
        self._places = places

    async def _in_real_time(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self._places.acquire()
        except TimeoutError as error:
            why = f"no answer within {timeout_ms} ms: nobody was asked, as all places were taken"
            raise ModelUnavailable(why) from error
        try:
            left_ms = max(1, timeout_ms - int(1000 * (loop.time() - asked_s)))
            return await self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=left_ms)
        finally:
            self._places.release()
