"""The journal of a simulated process: real framing, chain and recovery on a simulated disk, and waits that suspend."""

from collections.abc import Callable
from pathlib import Path

from engine.journal.inline import InlineJournal
from engine.simulation.loop import ProcessLoop

FOLDER = Path("journal")
SEGMENT_BYTES = 48 * 1024


class SuspendingJournal:
    """Makes records durable as the threaded writer does: whoever waits lets others run meanwhile."""

    def __init__(self, journal: InlineJournal, loop: ProcessLoop, delay_ms: Callable[[], float]) -> None:
        self.inline = journal
        self._loop = loop
        self._delay_ms = delay_ms

    def append(self, kind: str, data: bytes, ts: int, trader: str | None) -> int:
        """Put a record in its place and return its sequence number."""
        return self.inline.append(kind, data, ts, trader)

    async def durable(self, seq: int) -> None:
        """Return once the record is on disk."""
        if seq <= self.inline.head.seq:
            return
        delay_ms = self._delay_ms()
        if delay_ms:
            await self._loop.sleep_ms(delay_ms)
        self.inline.durable_now(seq)

    def body(self, kind: str, data: bytes, ts: int) -> str:
        """Store a shared body once and return what to refer to it by."""
        return self.inline.body(kind, data, ts)
