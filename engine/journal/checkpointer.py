"""Taking checkpoints while the engine runs: encoded where the records are said, written where nobody waits."""

import logging
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from engine.journal.aside import Aside
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
        hand_over: Callable[[Taken], object],
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


class CheckpointThread(Aside[Taken]):
    """Writes what is handed over, one after the other, once the journal has its record on disk (``durable``)."""

    def __init__(self, shelf: Shelf, durable: Callable[[int], None]) -> None:
        super().__init__("journal-checkpoints", self._write, room=1)
        self._shelf = shelf
        self._durable = durable

    def hand_over(self, work: Taken, *, wait: bool = False) -> bool:
        """Have it written soon, or not at all when the disk is that far behind: the next one will do."""
        taken = super().hand_over(work, wait=wait)
        if not taken:
            _log.warning("checkpoint left out, the disk is behind", extra={"seq": work.seq})
        return taken

    def _write(self, taken: Taken) -> None:
        try:
            self._durable(taken.seq)
        except JournalError as error:
            _log.error("checkpoint not written", extra={"seq": taken.seq, "error": str(error)})
        else:
            self._shelf.put(taken)
