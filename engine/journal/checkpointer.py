"""Taking checkpoints while the engine runs: encoded where the records are said, written where nobody waits."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Full, Queue
from types import TracebackType
from typing import Self

from msgspec import Struct

from engine.journal.chain import Head
from engine.journal.checkpoints import KEPT, LAYOUT, Checkpoint, Proof, encode, put
from engine.journal.disk import LOCAL_DISK, FileSystem
from engine.journal.errors import JournalError
from engine.manager.record import Entry
from engine.manager.state import State

_log = logging.getLogger(__name__)

EVERY_RECORDS = 10_000


class Taken(Struct, frozen=True, kw_only=True, gc=False):
    """A checkpoint of record ``seq``, as JSON, on its way to the disk."""

    seq: int
    encoded: bytes


class Checkpointer:
    """A reader of records that takes a checkpoint at the first record after every ``every`` of them.

    ``head`` is that of the last record appended. ``hand_over`` is given what was taken and returns at once; what it
    does not take is left out. What a replay has proved (``proof``) is kept until newer ones are on disk.
    """

    def __init__(
        self,
        state: State,
        proof: Proof,
        *,
        head: Callable[[], Head],
        hand_over: Callable[[Taken], None],
        every: int = EVERY_RECORDS,
    ) -> None:
        self._state = state
        self._proof = proof
        self._head = head
        self._hand_over = hand_over
        self._every = every
        self._last = 0
        self._journal = ""

    def entry(self, entry: Entry) -> None:
        """Take one entry that was appended and folded just now."""
        if not self._journal:
            self._journal = self._proof.journal or self._head().hash
            self._last = self._last or entry.seq - 1
        due = entry.seq // self._every > self._last // self._every
        self._last = entry.seq
        if due:
            seq, digest = self._head()
            assert seq == entry.seq, f"record {entry.seq} was to be checkpointed, but {seq} was the last appended"
            checkpoint = Checkpoint(layout=LAYOUT, journal=self._journal, seq=seq, hash=digest, state=self._state)
            self._hand_over(Taken(seq=seq, encoded=encode(checkpoint)))


class Shelf:
    """The checkpoints on disk beside a journal: a new one goes in, and the two newest that are its own stay."""

    def __init__(self, folder: Path, proof: Proof, *, fs: FileSystem = LOCAL_DISK) -> None:
        self._folder = folder
        self._proof = proof
        self._fs = fs
        self._written: list[int] = []

    def put(self, taken: Taken) -> None:
        """Write down a checkpoint whose record is durable; a failure is logged and costs nothing but it."""
        others = [*self._proof.agreed, *self._written][1 - KEPT :]
        try:
            put(self._fs, self._folder, taken.seq, taken.encoded, others)
        except OSError as error:
            _log.error("checkpoint not written", extra={"seq": taken.seq, "error": str(error)})
        else:
            self._written = [*others, taken.seq]


class CheckpointThread:
    """Writes what is handed over, one after the other, once the journal has its record on disk (``durable``)."""

    def __init__(self, shelf: Shelf, durable: Callable[[int], None]) -> None:
        self._shelf = shelf
        self._durable = durable
        self._waiting: Queue[Taken | None] = Queue(1)
        self._thread = threading.Thread(target=self._write_all, name="journal-checkpoints", daemon=True)

    def hand_over(self, taken: Taken) -> None:
        """Have it written soon, or not at all when the disk is that far behind: the next one will do."""
        try:
            self._waiting.put_nowait(taken)
        except Full:
            _log.warning("checkpoint left out, the disk is behind", extra={"seq": taken.seq})

    def close(self) -> None:
        """Return when everything handed over is written."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_all(self) -> None:
        while (taken := self._waiting.get()) is not None:
            try:
                self._durable(taken.seq)
            except JournalError as error:
                _log.error("checkpoint not written", extra={"seq": taken.seq, "error": str(error)})
            else:
                self._shelf.put(taken)
