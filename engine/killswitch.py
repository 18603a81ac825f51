"""The kill switch as a file: it needs no database, no cache, no model and no network, and it survives every restart."""

import os
from pathlib import Path

import msgspec

from engine.manager.halt import Halt, Mode, stronger

NAME = "KILL"


class FileSwitch:
    """A halt is in force while the file is there: who may write the folder can trip it, ``touch KILL`` will do.

    One that the disk refuses to keep is in force as long as this object lives.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._seen: tuple[int, int] | None = None
        self._halt: Halt | None = None
        self._unwritten: Halt | None = None

    def read(self) -> Halt | None:
        """The halt in force. A file that cannot be read or understood is the strongest halt that sends nothing new."""
        if self._unwritten is not None:
            return self._unwritten
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._seen = None
            return None
        except OSError as error:
            return Halt(mode="reduce_only", reason=f"{self.path} cannot be read: {error}", by="file", since_ms=0)
        seen = (found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._halt = self._parse(found.st_mtime_ns // 1_000_000)
            self._seen = seen
        return self._halt

    def trip(self, mode: Mode, reason: str, by: str, now_ms: int) -> Halt:
        """Put a halt in force, durably; a stronger one that is in force stays.

        Raises ``OSError`` when it cannot be written; from then on it is in force in this process all the same.
        """
        halt = stronger(self.read(), Halt(mode=mode, reason=reason, by=by, since_ms=now_ms))
        self._unwritten = halt
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{NAME}.{os.getpid()}")
        with temporary.open("wb") as file:
            file.write(msgspec.json.encode(halt))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._unwritten = None
        return halt

    def lift(self) -> bool:
        """End the halt; whether there was one."""
        there = self.path.exists()
        self.path.unlink(missing_ok=True)
        return there

    def _parse(self, modified_ms: int) -> Halt:
        try:
            content = self.path.read_bytes()
            return msgspec.json.decode(content, type=Halt) if content.strip() else _by_hand(modified_ms)
        except (OSError, msgspec.MsgspecError):
            return _by_hand(modified_ms)


def _by_hand(modified_ms: int) -> Halt:
    return Halt(mode="reduce_only", reason="the file was put there by hand", by="file", since_ms=modified_ms)
