"""The narrow seam between the journal and a file system, and the real one behind it.

A simulated disk satisfies the same protocol. What the journal relies on, and no more: bytes survive a power cut once
``fdatasync`` of their handle returned; a created, renamed or removed name survives once ``fsync_dir`` of its folder
returned; a rename replaces its target in one step; bytes that were not synced may be lost, torn anywhere, or kept.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import Protocol

TEMPORARY = ".tmp"


class FileSystem(Protocol):
    """Everything raises ``OSError`` when it fails, and has then no promise about what it did."""

    def make_folder(self, folder: Path) -> None:
        """Create the folder and its parents where missing, durably."""

    def listdir(self, folder: Path) -> list[str]:
        """The names in the folder, sorted."""

    def read(self, path: Path, size: int = -1) -> bytes:
        """The first ``size`` bytes of the file, all of it when negative."""

    def append(self, path: Path) -> int:
        """A handle that writes at the end of the file; the file is created where missing."""

    def write(self, handle: int, content: bytes) -> None:
        """Write all of the content; when it raises, any part of it may have been written."""

    def fdatasync(self, handle: int) -> None: ...

    def close(self, handle: int) -> None: ...

    def truncate(self, path: Path, size: int) -> None:
        """Cut the file to its first ``size`` bytes; durable with the next ``fdatasync`` of the file."""

    def rename(self, source: Path, target: Path) -> None: ...

    def unlink(self, path: Path) -> None: ...

    def fsync_dir(self, folder: Path) -> None: ...

    def lock(self, path: Path) -> int:
        """A handle that holds the file exclusively until it is closed; ``BlockingIOError`` when another one does."""


class LocalDisk:
    """The file system of this machine. Files are readable by their owner alone."""

    def make_folder(self, folder: Path) -> None:
        missing = [path for path in (folder, *folder.parents) if not path.is_dir()]
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
            self.fsync_dir(path.parent)

    def listdir(self, folder: Path) -> list[str]:
        return sorted(os.listdir(folder))

    def read(self, path: Path, size: int = -1) -> bytes:
        with path.open("rb") as file:
            return file.read(size)

    def append(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, handle: int, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            written = os.write(handle, rest)
            if written == 0:
                raise OSError(errno.EIO, "the disk took no byte")
            rest = rest[written:]

    def fdatasync(self, handle: int) -> None:
        os.fdatasync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def truncate(self, path: Path, size: int) -> None:
        os.truncate(path, size)

    def rename(self, source: Path, target: Path) -> None:
        os.rename(source, target)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def fsync_dir(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def lock(self, path: Path) -> int:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise
        return handle


LOCAL_DISK = LocalDisk()


def publish(fs: FileSystem, path: Path, content: bytes) -> None:
    """Put a whole file in place, durably: a reader, or a crash, sees all of it or nothing."""
    temporary = path.with_name(path.name + TEMPORARY)
    if temporary.name in fs.listdir(path.parent):
        fs.unlink(temporary)
    handle = fs.append(temporary)
    try:
        fs.write(handle, content)
        fs.fdatasync(handle)
    finally:
        fs.close(handle)
    fs.rename(temporary, path)
    fs.fsync_dir(path.parent)
