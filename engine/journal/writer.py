"""The journal that the engine writes: appending orders records in memory, one thread makes groups of them durable."""

import asyncio
import heapq
import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from engine.journal.appender import Appender, Opened, open_appender
from engine.journal.chain import Head, reference
from engine.journal.disk import LOCAL_DISK, FileSystem
from engine.journal.errors import JournalBacklogged, JournalBroken
from engine.journal.packer import Packer
from engine.journal.recovery import Recovery
from engine.journal.segments import SEGMENT_BYTES
from engine.journal.sequencer import Sequencer

GROUP_RECORDS_MAX = 64
GROUP_BYTES_MAX = 8 * 1024 * 1024
BACKLOG_BYTES_MAX = 256 * 1024 * 1024


class JournalWriter:
    """One engine's hold on a journal. After ``durable(seq)`` returned, ``head.seq >= seq`` and no power cut takes it
    back.

    The first error of the disk breaks the writer for good: it is not known what reached the disk, and a second fsync
    would report success for pages that the first one lost. From then on everything raises ``JournalBroken``; opening
    anew finds out.
    """

    def __init__(self, opened: Opened, packer: Packer, backlog_bytes_max: int) -> None:
        self._appender: Appender = opened.appender
        self._packer = packer
        self._backlog_bytes_max = backlog_bytes_max
        self._sequencer = Sequencer(opened.recovery.head, opened.bodies)
        self._head = opened.recovery.head
        self._changed = threading.Condition()
        self._queue: deque[tuple[Head, bytes]] = deque()
        self._queued_bytes = 0
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._waits = 0
        self._closing = False
        self._broken: str | None = None
        self._cause: BaseException | None = None
        self._thread = threading.Thread(target=self._commit_groups, name="journal-commit", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        anchors: Iterable[tuple[int, str]] = (),
        checkpoint: tuple[int, str] | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        backlog_bytes_max: int = BACKLOG_BYTES_MAX,
        fs: FileSystem = LOCAL_DISK,
    ) -> tuple["JournalWriter", Recovery]:
        """Take the journal in ``folder`` for writing, creating it where missing.

        Raises ``JournalLocked`` when another writer has it and ``JournalDamaged`` when it does not verify,
        ``anchors`` included: the heads (seq, hash) that were published elsewhere. With a ``checkpoint``, a head
        verified before, the segments before the one that holds it are not read again.
        """
        packer = Packer(fs, folder)
        opened = open_appender(
            fs, folder, anchors=anchors, checkpoint=checkpoint, segment_bytes=segment_bytes, closed=packer.pack
        )
        packer.start()
        return cls(opened, packer, backlog_bytes_max), opened.recovery

    @property
    def head(self) -> Head:
        """The last durable record."""
        return self._head

    @property
    def appended(self) -> Head:
        """The last record appended."""
        return self._sequencer.head

    def append(self, kind: str, data: bytes, ts: int, trader: str | None) -> int:
        """Put a record in its place and return its seq; it is durable some time after, or never.

        ``ValueError`` when no line can hold it, ``JournalBacklogged`` when the disk has not kept up: then nothing was
        appended.
        """
        with self._changed:
            self._check_room(len(data))
            return self._enqueue(self._sequencer.line(kind, data, ts, trader))

    def body(self, kind: str, data: bytes, ts: int) -> str:
        """Store a body that many records share, once, in a record of its own, and return the reference to it."""
        ref = reference(data)
        with self._changed:
            self._check_room(len(data))
            if not self._sequencer.stored(ref):
                self._enqueue(self._sequencer.body_line(ref, kind, data, ts))
        return ref

    async def durable(self, seq: int) -> None:
        """Return once the record is on disk; ``JournalBroken`` when it cannot be known to be."""
        with self._changed:
            if self._is_durable(seq):
                return
            future = asyncio.get_running_loop().create_future()
            self._waits += 1
            heapq.heappush(self._waiters, (seq, self._waits, future))
        await future

    def durable_now(self, seq: int) -> None:
        """As ``durable``, blocking the calling thread."""
        with self._changed:
            while not self._is_durable(seq):
                self._changed.wait()

    def close(self) -> None:
        """Make everything durable, finish packing, let the journal go; ``JournalBroken`` when appended records may
        be lost.
        """
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._packer.finish()
        self._appender.close()
        if self._head != self._sequencer.head:
            raise self._error()

    def __enter__(self) -> "JournalWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_durable(self, seq: int) -> bool:
        if seq <= self._head.seq:
            return True
        if self._broken is not None:
            raise self._error()
        if seq > self._sequencer.head.seq:
            raise ValueError(f"waited for record {seq}; the last one appended is {self._sequencer.head.seq}")
        return False

    def _check_room(self, size: int) -> None:
        if self._broken is not None:
            raise self._error()
        if self._closing:
            raise JournalBroken("the journal is closed")
        if self._queued_bytes + size > self._backlog_bytes_max:
            raise JournalBacklogged(
                f"{self.appended.seq - self._head.seq} records of {self._queued_bytes} bytes wait for the disk, "
                f"the limit is {self._backlog_bytes_max}; record {self._head.seq} was the last to become durable"
            )

    def _enqueue(self, line: bytes) -> int:
        head = self._sequencer.head
        self._queue.append((head, line))
        self._queued_bytes += len(line)
        self._changed.notify_all()
        return head.seq

    def _commit_groups(self) -> None:
        reason = "the committing thread ended by a fault of its own"
        try:
            while group := self._next_group():
                self._appender.write([line for _, line in group])
                self._appender.sync()
                self._advance(group)
            reason = "the journal is closed"
        except OSError as error:
            reason, self._cause = f"the disk failed after record {self._head.seq}: {error}", error
        finally:
            with self._changed:
                self._broken = reason
                self._changed.notify_all()
                waiters, self._waiters = self._waiters, []
            _wake([future for _, _, future in waiters], self._error())

    def _next_group(self) -> list[tuple[Head, bytes]]:
        """The oldest waiting records, within the limits of a group; none when the journal closes and nothing waits."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            group: list[tuple[Head, bytes]] = []
            size = 0
            while self._queue and len(group) < GROUP_RECORDS_MAX and (not group or size < GROUP_BYTES_MAX):
                group.append(self._queue.popleft())
                size += len(group[-1][1])
            return group

    def _advance(self, group: list[tuple[Head, bytes]]) -> None:
        with self._changed:
            self._head = group[-1][0]
            self._queued_bytes -= sum(len(line) for _, line in group)
            ready = []
            while self._waiters and self._waiters[0][0] <= self._head.seq:
                ready.append(heapq.heappop(self._waiters)[2])
            self._changed.notify_all()
        _wake(ready, None)

    def _error(self) -> JournalBroken:
        error = JournalBroken(self._broken)
        error.__cause__ = self._cause
        return error


def _wake(futures: list[asyncio.Future[None]], error: JournalBroken | None) -> None:
    """Settle futures in the loops that they belong to: one call a loop, whatever the number of those who wait."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for future in futures:
        by_loop.setdefault(future.get_loop(), []).append(future)
    for loop, belonging in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, belonging, error)
        except RuntimeError:
            # A closed loop has nobody left who waits.
            if not loop.is_closed():
                raise


def _settle(futures: list[asyncio.Future[None]], error: JournalBroken | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(_again(error))


def _again(error: JournalBroken) -> JournalBroken:
    """The same error as an instance of its own: one that is raised in several places would collect their tracebacks."""
    another = JournalBroken(*error.args)
    another.__cause__ = error.__cause__
    return another
