"""A deadline around a chat model: nobody waits longer for a reply than the slot allows; what comes late is kept."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from engine.executor.ports import ChatModel, Message, ModelUnavailable, Reply
from engine.llm.around import InRealTime

log = structlog.get_logger()

Late = Callable[[Reply | ModelUnavailable, str, int], None]  # told what came late, the trader and the slot


class Bounded(InRealTime):
    """A chat model that answers in time or is unavailable.

    A call that is under way at the deadline may have to be paid for, so it is given ``late_wait_ms`` more to end, and
    ``late`` is told how it did; then it is cancelled. Nobody waits for that, and no further call is begun.
    """

    def __init__(
        self, model: ChatModel, real: Callable[[], bool], *, late_wait_ms: int = 0, late: Late | None = None
    ) -> None:
        super().__init__(model, real)
        self._late_wait_ms = late_wait_ms if late is not None else 0
        self._late = late
        self._lingering: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive

    async def _in_real_time(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        call = asyncio.create_task(
            self._model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
        )
        try:
            await asyncio.wait([call], timeout=timeout_ms / 1000)
        except asyncio.CancelledError:
            call.cancel()
            raise
        if call.done():
            return await call
        lingering = asyncio.create_task(self._linger(call, trader, slot_ms))
        self._lingering.add(lingering)
        lingering.add_done_callback(self._lingering.discard)
        raise ModelUnavailable(f"no answer within {timeout_ms} ms", kind="timeout")

    async def _linger(self, call: asyncio.Task[Reply], trader: str, slot_ms: int) -> None:
        """Hear the end of a call that nobody waits for any more, if it comes soon."""
        try:
            if self._late_wait_ms:
                await asyncio.wait([call], timeout=self._late_wait_ms / 1000)
        finally:
            call.cancel()  # does nothing to one that has ended
        await asyncio.wait([call])
        if call.cancelled() or self._late is None:
            return
        fault = call.exception()
        if fault is None:
            self._late(call.result(), trader, slot_ms)
        elif isinstance(fault, ModelUnavailable):
            self._late(fault, trader, slot_ms)
        else:
            log.error("late call failed", trader=trader, slot_ms=slot_ms, model=self.name, exc_info=fault)
