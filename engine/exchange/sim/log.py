"""The simulated venue's durable log: a JSON line for what happened at once, now and then the account in one file.

``changes.jsonl`` is append-only; ``account.json`` holds the account as of the change whose number it carries, and is
replaced by renaming. Lines up to that number are skipped when read, so a crash between the two steps of a compaction
loses nothing and counts nothing twice. A last line without its end was never answered for and is cut off; any other
fault refuses to start.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.exchange.sim.ledger import Change, Ledger

LINES_BETWEEN_COMPACTIONS = 20_000
CHANGES = "changes.jsonl"
ACCOUNT = "account.json"


class SimLogFault(Exception):
    """The simulated venue's log cannot be read or written any more; the message names the file and what is wrong."""


class SimLog:
    """One simulated account on disk, held by one process at a time."""

    def __init__(self, folder: Path, *, compact_after: int = LINES_BETWEEN_COMPACTIONS) -> None:
        """Open or create the log in ``folder``. Raises ``SimLogFault`` when another process holds it."""
        self._account = folder / ACCOUNT
        self._changes = folder / CHANGES
        self._compact_after = compact_after
        self._encoder = msgspec.json.Encoder()
        self._lines = 0
        self._broken = ""
        self._unsynced = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = os.open(self._changes, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _sync_folder(folder)
        except OSError as error:
            raise SimLogFault(f"{self._changes}: cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise SimLogFault(f"{self._changes}: another process holds this simulated account") from error

    def recover(self, empty: Ledger) -> Ledger:
        """The account as it was when its last complete line was written; ``empty`` when there is none yet."""
        ledger = self._read_account() if self._account.exists() else empty
        content = self._changes.read_bytes()
        end = 0
        for place, line in enumerate(content.splitlines(keepends=True), start=1):
            if not line.endswith(b"\n"):
                break
            try:
                changes = msgspec.json.decode(line, type=tuple[Change, ...])
            except msgspec.MsgspecError as error:
                raise SimLogFault(f"{self._changes} line {place}: {error}") from error
            end += len(line)
            self._lines += 1
            for change in changes:
                if change.number <= ledger.number:
                    continue
                if change.number != ledger.number + 1:
                    raise SimLogFault(f"{self._changes} line {place}: change {change.number} follows {ledger.number}")
                ledger.apply(change)
        if end < len(content):
            os.ftruncate(self._handle, end)
            os.fsync(self._handle)
        return ledger

    def append(self, changes: tuple[Change, ...]) -> None:
        """Write what happened at once as one line; it is durable after ``sync``.

        Raises ``SimLogFault``, after which nothing is written any more.
        """
        line = self._encoder.encode(changes) + b"\n"
        self._guarded(lambda: _write_all(self._handle, line))
        self._unsynced = True
        self._lines += 1

    def sync(self) -> None:
        """Return once everything appended is on disk. Raises ``SimLogFault``, also when an earlier write failed."""
        if self._unsynced or self._broken:
            self._guarded(lambda: os.fdatasync(self._handle))
            self._unsynced = False

    def compact(self, ledger: Ledger) -> None:
        """When the log is long, write the account to its own file and begin the log anew. Raises ``SimLogFault``."""
        if self._lines < self._compact_after:
            return
        self.sync()
        ledger.forget()
        self._guarded(lambda: self._replace(self._encoder.encode(ledger)))
        self._lines = 0

    def close(self) -> None:
        """Make everything durable and let another process have the account."""
        if not self._broken:
            self.sync()
        os.close(self._handle)

    def _replace(self, content: bytes) -> None:
        temporary = self._account.with_suffix(".tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.rename(self._account)
        _sync_folder(self._account.parent)
        os.ftruncate(self._handle, 0)
        os.fsync(self._handle)

    def _read_account(self) -> Ledger:
        try:
            return msgspec.json.decode(self._account.read_bytes(), type=Ledger)
        except msgspec.MsgspecError as error:
            raise SimLogFault(f"{self._account}: {error}") from error

    def _guarded(self, step: Callable[[], object]) -> None:
        """Do one step on disk. After a failure nobody knows what the disk holds, so only a restart may go on."""
        if self._broken:
            raise SimLogFault(f"{self._changes}: an earlier write failed ({self._broken}); only a restart helps")
        try:
            step()
        except OSError as error:
            self._broken = error.strerror or str(error)
            raise SimLogFault(f"{self._changes}: cannot be written: {error.strerror}") from error


def _write_all(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
