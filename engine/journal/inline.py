"""Journals without a thread of their own: for simulated disks, tools and backtests. What they do, they do when
called.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.journal.appender import Opened, open_appender
from engine.journal.chain import Head, reference
from engine.journal.disk import LOCAL_DISK, FileSystem
from engine.journal.errors import JournalBroken
from engine.journal.packer import pack_segment
from engine.journal.recovery import Recovery
from engine.journal.segments import SEGMENT_BYTES
from engine.journal.sequencer import Sequencer

BUFFER_BYTES = 1024 * 1024


class InlineJournal:
    """Keeps the same promises as the writer with a thread; ``durable`` writes and syncs on the spot and never suspends.

    Every operation on the disk happens in the call that needs it, so a simulated disk sees the same order in every run.
    """

    def __init__(self, opened: Opened) -> None:
        self._appender = opened.appender
        self._sequencer = Sequencer(opened.recovery.head, opened.bodies)
        self._durable = opened.recovery.head
        self._lines: list[bytes] = []
        self._lines_bytes = 0
        self._closed = False
        self._failure: OSError | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        anchors: Iterable[tuple[int, str]] = (),
        checkpoint: tuple[int, str] | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        fs: FileSystem = LOCAL_DISK,
    ) -> tuple[Self, Recovery]:
        """As ``JournalWriter.open``."""
        closed = partial(pack_segment, fs, folder)
        opened = open_appender(
            fs, folder, anchors=anchors, checkpoint=checkpoint, segment_bytes=segment_bytes, closed=closed
        )
        return cls(opened), opened.recovery

    @property
    def head(self) -> Head:
        """The last durable record."""
        return self._durable

    @property
    def appended(self) -> Head:
        """The last record appended."""
        return self._sequencer.head

    def append(self, kind: str, data: bytes, ts: int, trader: str | None) -> int:
        """Put a record in its place and return its seq; ``ValueError`` when no line can hold it."""
        self._check_usable()
        return self._keep(self._sequencer.line(kind, data, ts, trader))

    def body(self, kind: str, data: bytes, ts: int) -> str:
        """Store a body that many records share, once, in a record of its own, and return the reference to it."""
        self._check_usable()
        ref = reference(data)
        if not self._sequencer.stored(ref):
            self._keep(self._sequencer.body_line(ref, kind, data, ts))
        return ref

    async def durable(self, seq: int) -> None:
        """Make the record durable."""
        self.durable_now(seq)

    def durable_now(self, seq: int) -> None:
        """Make the record, and all that were appended with it, durable."""
        if seq <= self._durable.seq:
            return
        self._check_usable()
        if seq > self.appended.seq:
            raise ValueError(f"asked for record {seq}; the last one appended is {self.appended.seq}")
        self._write(sync=True)
        self._durable = self.appended

    def close(self) -> None:
        """Make everything durable and let the journal go; ``JournalBroken`` when appended records may be lost."""
        if self._closed:
            return
        try:
            self.durable_now(self.appended.seq)
        finally:
            self._closed = True
            self._appender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep(self, line: bytes) -> int:
        self._lines.append(line)
        self._lines_bytes += len(line)
        if self._lines_bytes >= BUFFER_BYTES:
            self._write(sync=False)
        return self.appended.seq

    def _write(self, *, sync: bool) -> None:
        try:
            self._appender.write(self._lines)
            if sync:
                self._appender.sync()
        except OSError as error:
            self._failure = error
            self._check_usable()
        self._lines, self._lines_bytes = [], 0

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise JournalBroken(f"the disk failed after record {self._durable.seq}: {self._failure}") from self._failure
        if self._closed:
            raise JournalBroken("the journal is closed")


class BufferedJournal(InlineJournal):
    """For runs that can be run again, such as backtests: everything counts as durable at once, and is so after
    ``close()``.
    """

    @property
    def head(self) -> Head:
        """The last record appended."""
        return self.appended

    async def durable(self, seq: int) -> None:
        """Return at once: nothing that would need undoing leaves such a run."""
        self._check_usable()
