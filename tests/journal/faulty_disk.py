"""A disk in memory that loses what was not synced, tears what was being written, fails when told to, and counts."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path


class PowerCut(BaseException):
    """The machine is off: nothing of the program runs on, so nothing may catch this."""


class _File:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.durable = content


class FaultyDisk:
    """Satisfies ``engine.journal.disk.FileSystem``.

    ``cut_at`` is the number of the operation during which the power fails; ``failures`` maps (operation, how many of
    its kind came before) to the error it raises. A write that fails, or during which the power fails, has written its
    first half.
    """

    def __init__(
        self,
        files: Mapping[Path, bytes] | None = None,
        *,
        cut_at: int | None = None,
        failures: Mapping[tuple[str, int], OSError] | None = None,
    ) -> None:
        self._names = {path: _File(content) for path, content in (files or {}).items()}
        self._durable_names = dict(self._names)
        self._handles: dict[int, Path] = {}
        self._open: dict[int, _File] = {}
        self._opened = 0
        self._off = False
        self._cut_at = cut_at
        self._failures = dict(failures or {})
        self.operations = 0
        self.counts: Counter[str] = Counter()

    @property
    def files(self) -> dict[Path, bytes]:
        """What a program sees."""
        return {path: file.content for path, file in self._names.items()}

    def restarted(self, kept: str, *, cut_at: int | None = None) -> "FaultyDisk":
        """The disk after a power cut. Of what was not synced, ``kept`` says what survived all the same.

        ``nothing`` · ``all`` · ``torn``: the names, and half of the new bytes with the last one damaged · ``bytes``:
        all bytes, but no names · ``removals``: all bytes, and of the names those that were removed, not those that
        were added.
        """
        names = self._names if kept in ("all", "torn") else self._durable_names
        if kept == "removals":
            names = {path: file for path, file in names.items() if path in self._names}
        return FaultyDisk({path: _surviving(file, kept) for path, file in names.items()}, cut_at=cut_at)

    def resumed(self, *, cut_at: int | None = None) -> "FaultyDisk":
        """The disk for the next program when only the one before was killed: what was not synced still is not."""
        disk = FaultyDisk(cut_at=cut_at)
        disk._names, disk._durable_names = self._names, self._durable_names
        return disk

    def cut(self) -> None:
        """Turn the power off now."""
        self._off = True

    def make_folder(self, folder: Path) -> None:
        self._step("make_folder")

    def listdir(self, folder: Path) -> list[str]:
        self._step("listdir")
        return sorted(path.name for path in list(self._names) if path.parent == folder)

    def read(self, path: Path, size: int = -1) -> bytes:
        self._step("read")
        content = self._named(path).content
        return content if size < 0 else content[:size]

    def append(self, path: Path) -> int:
        self._step("append")
        return self._handle(path, self._names.setdefault(path, _created()))

    def write(self, handle: int, content: bytes) -> None:
        file = self._open[handle]
        try:
            self._step("write")
        except (OSError, PowerCut):
            file.content += content[: len(content) // 2]
            raise
        file.content += content

    def fdatasync(self, handle: int) -> None:
        self._step("fdatasync")
        self._open[handle].durable = self._open[handle].content

    def close(self, handle: int) -> None:
        self._step("close")
        del self._open[handle], self._handles[handle]

    def truncate(self, path: Path, size: int) -> None:
        self._step("truncate")
        self._named(path).content = self._named(path).content[:size]

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename")
        self._names[target] = self._named(source)
        del self._names[source]

    def unlink(self, path: Path) -> None:
        self._step("unlink")
        self._named(path)
        del self._names[path]

    def fsync_dir(self, folder: Path) -> None:
        self._step("fsync_dir")
        elsewhere = {path: file for path, file in self._durable_names.items() if path.parent != folder}
        self._durable_names = elsewhere | {path: file for path, file in self._names.items() if path.parent == folder}

    def lock(self, path: Path) -> int:
        self._step("lock")
        if path in self._handles.values():
            raise BlockingIOError(f"{path} is locked")
        return self._handle(path, self._names.setdefault(path, _created()))

    def _handle(self, path: Path, file: _File) -> int:
        self._opened += 1
        self._handles[self._opened], self._open[self._opened] = path, file
        return self._opened

    def _named(self, path: Path) -> _File:
        if path not in self._names:
            raise FileNotFoundError(path)
        return self._names[path]

    def _step(self, operation: str) -> None:
        failure = self._failures.get((operation, self.counts[operation]))
        self._off = self._off or self.operations == self._cut_at
        self.counts[operation] += 1
        self.operations += 1
        if self._off:
            raise PowerCut(operation)
        if failure is not None:
            raise failure


def _created() -> _File:
    return _File(b"")


def _surviving(file: _File, kept: str) -> bytes:
    if kept == "nothing":
        return file.durable
    if kept != "torn" or not file.content.startswith(file.durable) or file.content == file.durable:
        return file.content
    survived = len(file.durable) + (len(file.content) - len(file.durable) + 1) // 2
    return file.content[: survived - 1] + bytes([file.content[survived - 1] ^ 0x10])
