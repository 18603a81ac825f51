"""A disk in memory: what was synced stays, what was not may be lost, torn or damaged when the power goes."""

import errno
from collections.abc import Callable
from pathlib import Path
from random import Random

DAMAGED = 0.3  # how often the last byte that a power cut left of a write is another one


class File:
    """What a program sees of a file, and what a power cut would leave for certain."""

    __slots__ = ("content", "durable")

    def __init__(self, content: bytes = b"") -> None:
        self.content = content
        self.durable = content


class SimDisk:
    """The platters. Programs reach them through ``ProcessDisk``; ``synced`` is told of every file made durable."""

    def __init__(self, random: Random, synced: Callable[[Path, File, bytes], None]) -> None:
        self.names: dict[Path, File] = {}
        self.synced = synced
        self._random = random
        self._durable_names: dict[Path, File] = {}
        self._renamings: list[dict[Path, File]] = []  # the names after each change that was not synced
        self.locks: dict[Path, int] = {}

    def changed_names(self) -> None:
        """Note a change of names that a power cut may undo."""
        self._renamings.append(dict(self.names))

    def sync_names(self) -> None:
        """Make all names durable."""
        self._durable_names = dict(self.names)
        self._renamings.clear()

    def sync(self, path: Path, file: File) -> None:
        """Make the content of a file durable."""
        before = file.durable
        file.durable = file.content
        self.synced(path, file, before)

    def lose_power(self) -> None:
        """Keep, of what was not synced, the first changes of names, and of each file a beginning of what was added."""
        kept = int(self._random.random() * (len(self._renamings) + 1))
        self.names = dict(self._renamings[kept - 1] if kept else self._durable_names)
        for file in self.names.values():
            file.content = self._surviving(file)
            file.durable = file.content
        self.sync_names()

    def release(self, process: int) -> None:
        """Let go of what a process held."""
        self.locks = {path: holder for path, holder in self.locks.items() if holder != process}

    def _surviving(self, file: File) -> bytes:
        durable, content = file.durable, file.content
        if content == durable:
            return durable
        if not content.startswith(durable):  # it was cut, or cut and written again
            return durable if self._random.random() < 0.5 else content
        kept = len(durable) + int(self._random.random() * (len(content) - len(durable) + 1))
        if kept > len(durable) and self._random.random() < DAMAGED:
            return content[: kept - 1] + bytes([content[kept - 1] ^ 0x10])
        return content[:kept]


class ProcessDisk:
    """The disk as one process sees it, satisfying ``engine.journal.disk.FileSystem``.

    ``gate`` is called before each operation that changes anything, and may kill; ``failing`` says whether this sync or
    write fails.
    """

    def __init__(
        self, disk: SimDisk, process: int, gate: Callable[[str], None], failing: Callable[[str], bool]
    ) -> None:
        self._disk = disk
        self._process = process
        self._gate = gate
        self._failing = failing
        self._handles: dict[int, Path] = {}
        self._opened = 0

    def make_folder(self, folder: Path) -> None:
        """Folders need no making here."""

    def listdir(self, folder: Path) -> list[str]:
        return sorted(path.name for path in list(self._disk.names) if path.parent == folder)

    def read(self, path: Path, size: int = -1) -> bytes:
        content = self._file(path).content
        return content if size < 0 else content[:size]

    def append(self, path: Path) -> int:
        if path not in self._disk.names:
            self._gate("create")
            self._disk.names[path] = File()
            self._disk.changed_names()
        return self._handle(path)

    def write(self, handle: int, content: bytes) -> None:
        self._gate("write")
        file = self._file(self._handles[handle])
        if self._failing("disk_full"):
            file.content += content[: len(content) // 2]
            raise OSError(errno.ENOSPC, "no space left on the simulated disk")
        file.content += content

    def fdatasync(self, handle: int) -> None:
        self._gate("sync")
        if self._failing("disk_sync_failed"):
            raise OSError(errno.EIO, "the simulated disk could not write")
        path = self._handles[handle]
        self._disk.sync(path, self._file(path))

    def close(self, handle: int) -> None:
        path = self._handles.pop(handle)
        if self._disk.locks.get(path) == self._process:
            del self._disk.locks[path]

    def truncate(self, path: Path, size: int) -> None:
        self._gate("truncate")
        file = self._file(path)
        file.content = file.content[:size]

    def rename(self, source: Path, target: Path) -> None:
        self._gate("rename")
        self._disk.names[target] = self._file(source)
        del self._disk.names[source]
        self._disk.changed_names()

    def unlink(self, path: Path) -> None:
        self._gate("unlink")
        self._file(path)
        del self._disk.names[path]
        self._disk.changed_names()

    def fsync_dir(self, folder: Path) -> None:
        self._gate("sync names")
        self._disk.sync_names()

    def lock(self, path: Path) -> int:
        if self._disk.locks.get(path) is not None:
            raise BlockingIOError(f"{path} is locked")
        self._disk.names.setdefault(path, File())
        self._disk.locks[path] = self._process
        return self._handle(path)

    def _file(self, path: Path) -> File:
        found = self._disk.names.get(path)
        if found is None:
            raise FileNotFoundError(path)
        return found

    def _handle(self, path: Path) -> int:
        self._opened += 1
        self._handles[self._opened] = path
        return self._opened
