"""The end of a journal that is written to: the current segment, and the roll to the next one."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from engine.journal.disk import FileSystem
from engine.journal.errors import JournalLocked
from engine.journal.recovery import Recovery, recover
from engine.journal.segments import plain_path

LOCK = "writer.lock"


class Opened(Struct, frozen=True, kw_only=True):
    """A journal held for writing, found sound, its last segment durable and open at its end."""

    appender: "Appender"
    recovery: Recovery
    bodies: OrderedDict[str, int]


def open_appender(
    fs: FileSystem,
    folder: Path,
    *,
    anchors: Iterable[tuple[int, str]],
    checkpoint: tuple[int, str] | None,
    segment_bytes: int,
    closed: Callable[[int], None],
) -> Opened:
    """Take the lock, recover, and open the last segment.

    ``closed`` is told the number of each segment that may be packed: those found so, and from then on each at its roll.
    """
    fs.make_folder(folder)
    try:
        lock = fs.lock(folder / LOCK)
    except BlockingIOError as error:
        raise JournalLocked(f"{folder}: another writer holds {LOCK}; one engine writes a journal at a time") from error
    with ExitStack() as unless_opened:
        unless_opened.callback(fs.close, lock)
        recovery, tail = recover(fs, folder, anchors, checkpoint)
        handle = fs.append(plain_path(folder, tail.segment))
        unless_opened.callback(fs.close, handle)
        # What a killed process wrote may be visible and not yet durable. Heads are durable: make them so.
        fs.fdatasync(handle)
        fs.fsync_dir(plain_path(folder, tail.segment).parent)
        unless_opened.pop_all()
    appender = Appender(fs, folder, lock, handle, tail.segment, tail.size, segment_bytes, closed)
    for number in tail.unpacked:
        closed(number)
    return Opened(appender=appender, recovery=recovery, bodies=tail.bodies)


class Appender:
    """Writes lines at the end of the last segment. Everything raises ``OSError`` when the disk fails, and is then at
    its end.
    """

    def __init__(
        self,
        fs: FileSystem,
        folder: Path,
        lock: int,
        handle: int,
        segment: int,
        size: int,
        segment_bytes: int,
        closed: Callable[[int], None],
    ) -> None:
        self._fs = fs
        self._folder = folder
        self._lock = lock
        self._handle = handle
        self._segment = segment
        self._size = size
        self._segment_bytes = segment_bytes
        self._closed = closed

    def write(self, lines: Sequence[bytes]) -> None:
        """Write the lines, in one write unless a segment ends among them. Where it ends depends on the lines alone."""
        group: list[bytes] = []
        for line in lines:
            if self._size and self._size + len(line) > self._segment_bytes:
                self._put(group)
                self._roll()
                group = []
            group.append(line)
            self._size += len(line)
        self._put(group)

    def sync(self) -> None:
        self._fs.fdatasync(self._handle)

    def close(self) -> None:
        """Close the segment and let the lock go; nothing is written."""
        self._fs.close(self._handle)
        self._fs.close(self._lock)

    def _put(self, group: Sequence[bytes]) -> None:
        if group:
            self._fs.write(self._handle, b"".join(group))

    def _roll(self) -> None:
        """Go on in a new segment. The old one is durable before the new one exists, and the new one before the old
        one is packed.
        """
        self._fs.fdatasync(self._handle)
        opened = self._fs.append(plain_path(self._folder, self._segment + 1))
        self._fs.close(self._handle)
        self._handle, self._segment, self._size = opened, self._segment + 1, 0
        self._fs.fsync_dir(plain_path(self._folder, self._segment).parent)
        self._closed(self._segment - 1)
