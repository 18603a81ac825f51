"""The segment files of a journal: their names, their content, and the walk along the chain that they hold.

``log/000001.jsonl``, ``log/000002.jsonl``, … Only the last one is written to; the ones before it are closed and get
compressed to ``NNNNNN.jsonl.zst``. While that happens both forms exist, with the same content.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import zstandard

from engine.journal.chain import GENESIS, Frame, Head, opening, parse
from engine.journal.disk import FileSystem
from engine.journal.errors import ChainError, JournalDamaged

LOG = "log"
SEGMENT_BYTES = 64 * 1024 * 1024
UNPACKED_BYTES_MAX = 2 * 1024 * 1024 * 1024
_PACKED = ".zst"
_PEEK_BYTES = 256 * 1024
_name = re.compile(r"(?P<number>[0-9]{6})\.jsonl(?P<packed>\.zst)?")


def plain_path(folder: Path, number: int) -> Path:
    return folder / LOG / f"{number:06d}.jsonl"


def packed_path(folder: Path, number: int) -> Path:
    return folder / LOG / f"{number:06d}.jsonl{_PACKED}"


def shown(path: Path) -> str:
    """How messages name a segment: relative to the journal's folder."""
    return f"{LOG}/{path.name}"


class Listing:
    """Which segments are there, by number: in plain form, in packed form."""

    def __init__(self, fs: FileSystem, folder: Path) -> None:
        self.plain: list[int] = []
        self.packed: list[int] = []
        for name in fs.listdir(folder / LOG):
            found = _name.fullmatch(name)
            if found is not None:
                (self.packed if found["packed"] else self.plain).append(int(found["number"]))
            elif name.endswith((".jsonl", f".jsonl{_PACKED}")):
                raise JournalDamaged(
                    f"{LOG}/{name}", 0, "not the name of a segment; a segment is NNNNNN.jsonl or NNNNNN.jsonl.zst"
                )

    @property
    def last(self) -> int:
        """The number of the newest segment, 0 when there is none."""
        return max((*self.plain, *self.packed), default=0)


def pack(content: bytes) -> bytes:
    """The content of a closed segment in zstd form, proved to unpack to the same bytes."""
    packed = zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=True).compress(content)
    assert unpack(packed, "a segment just packed") == content
    return packed


def unpack(packed: bytes, segment: str) -> bytes:
    try:
        size = zstandard.get_frame_parameters(packed).content_size
        if size > UNPACKED_BYTES_MAX:
            raise JournalDamaged(segment, 0, f"claims to unpack to {size} bytes, the limit is {UNPACKED_BYTES_MAX}")
        return zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise JournalDamaged(segment, 0, f"cannot be unpacked: {error}") from error


def load(fs: FileSystem, folder: Path, number: int) -> bytes:
    """The content of one segment, from whichever form exists; ``JournalDamaged`` when both do and differ, or none does.

    The plain form is looked for first: it is removed only after the packed one is in place, so a reader beside a
    writer finds one.
    """
    plain, packed = plain_path(folder, number), packed_path(folder, number)
    content, archived = _read(fs, plain), _read(fs, packed)
    if archived is None:
        if content is None:
            raise JournalDamaged(shown(plain), 0, "the segment is missing")
        return content
    unpacked = unpack(archived, shown(packed))
    if content is not None and content != unpacked:
        raise JournalDamaged(shown(plain), 0, f"differs from {shown(packed)}, which should hold the same records")
    return unpacked


def _read(fs: FileSystem, path: Path, size: int = -1) -> bytes | None:
    try:
        return fs.read(path, size)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalDamaged(shown(path), 0, f"cannot be read: {error}") from error


def starts_after(fs: FileSystem, folder: Path, number: int) -> Head | None:
    """The head that a segment continues, by its own first envelope; None when there is no legible one."""
    start = _read(fs, plain_path(folder, number), _PEEK_BYTES)
    if start is None:
        packed = _read(fs, packed_path(folder, number), _PEEK_BYTES)
        if packed is None:
            return None
        try:
            start = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        except zstandard.ZstdError as error:
            raise JournalDamaged(shown(packed_path(folder, number)), 0, f"cannot be unpacked: {error}") from error
    return opening(start)


def segment_holding(fs: FileSystem, folder: Path, last: int, seq: int) -> tuple[int, Head]:
    """The segment in which the record ``seq`` is or would come, and the head that the segment continues.

    Only what the segments say of themselves is looked at. For the first record not even that: whoever wants all
    gets its beginning.
    """
    for number in range(last if seq > 1 else 1, 1, -1):
        before = starts_after(fs, folder, number)
        if before is not None and before.seq < seq:
            return number, before
    return 1, GENESIS


class Place(NamedTuple):
    """A record and where it stands: the number of its segment, its line there, and the offsets where that starts and
    ends.
    """

    frame: Frame
    segment: int
    line: int
    start: int
    end: int


def walk(fs: FileSystem, folder: Path, first: int, last: int, before: Head) -> Iterator[Place]:
    """Every record of the segments ``first`` to ``last`` in order, the chain checked from the head ``before``.

    Raises ``JournalDamaged`` at the first line that is not the next record, at an empty segment that another one
    follows, and at a segment that is missing or illegible.
    """
    for number in range(first, last + 1):
        content, name = load(fs, folder, number), shown(plain_path(folder, number))
        if not content and number < last:
            raise JournalDamaged(name, 0, "the segment is empty, but others follow it")
        line, start = 0, 0
        while start < len(content):
            line, end = line + 1, content.find(b"\n", start) + 1 or len(content)
            try:
                frame = parse(content[start:end], before.hash, before.seq + 1)
            except ChainError as error:
                raise JournalDamaged(name, line, str(error), tail=content[start:]) from error
            yield Place(frame, number, line, start, end)
            before, start = frame.head, end
