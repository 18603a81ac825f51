"""Reading a journal: its records in order, its bodies by reference, and the verdict on the whole. Works beside a
writer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from engine.journal.anchors import Anchors
from engine.journal.chain import BODY_KIND, GENESIS, Frame, Head, body_of, body_reference
from engine.journal.disk import LOCAL_DISK, FileSystem
from engine.journal.errors import BodyMissing, ChainError, JournalDamaged, JournalMissing
from engine.journal.segments import LOG, Listing, Place, plain_path, segment_holding, shown, walk


def read(folder: Path, *, from_seq: int = 1, fs: FileSystem = LOCAL_DISK) -> Iterator[Frame]:
    """The records from ``from_seq`` on, oldest first; ``JournalMissing`` when the folder holds no journal.

    Reads up to the last whole line that is there when a segment is opened; a writer may be adding to it. Raises
    ``JournalDamaged`` at the first line that is not the next record. The chain is verified from the start of the
    segment that holds ``from_seq``; what comes before is trusted, except with ``from_seq`` 1.
    """
    last = _last_segment(fs, folder)
    first, before = segment_holding(fs, folder, last, from_seq)
    try:
        for place in walk(fs, folder, first, last, before):
            if place.frame.seq >= from_seq:
                yield place.frame
    except JournalDamaged as damage:
        if not _unfinished(folder, last, damage):
            raise


def read_all(folder: Path, *, fs: FileSystem = LOCAL_DISK) -> list[Frame]:
    """Every record, oldest first, in memory: for small journals."""
    return list(read(folder, fs=fs))


def resolve(folder: Path, ref: str, *, fs: FileSystem = LOCAL_DISK) -> bytes:
    """The exact bytes of the body that ``ref`` refers to, looked for from the first record on; ``BodyMissing`` when
    there is none.

    Who reads all records anyway notes ``body_of`` of those whose ``body_reference`` is not None: a body precedes its
    references.
    """
    for frame in read(folder, fs=fs):
        if body_reference(frame) == ref:
            return body_of(frame)
    raise BodyMissing(f"{folder}: no record stores a body under {ref}")


class Verification(Struct, frozen=True, kw_only=True):
    """A journal that verifies, from its first record to its head. Times are ms UTC, None when there are no records.

    ``ts`` need not grow with ``seq``: a clock may be set back, the order of records is that of ``seq``.
    ``bytes`` is the length of all lines, unpacked; ``unfinished_bytes`` follow the last whole line: a write going on,
    or torn.
    """

    counts: Mapping[str, int]
    first_seq: int | None
    last_seq: int | None
    first_ts: int | None
    last_ts: int | None
    bytes: int
    unfinished_bytes: int
    segments: int
    head: Head


def verify(folder: Path, *, anchors: Iterable[tuple[int, str]] = (), fs: FileSystem = LOCAL_DISK) -> Verification:
    """Check every line, every body and every anchor; ``JournalDamaged`` at the first thing that is wrong."""
    known = Anchors(anchors)
    counts: Counter[str] = Counter()
    first, final, size, unfinished = None, None, 0, 0
    last = _last_segment(fs, folder)
    stopped = None
    try:
        for place in walk(fs, folder, 1, last, GENESIS):
            known.check(folder, place)
            _check_body(folder, place)
            first, final = first or place.frame, place.frame
            counts[final.kind] += 1
            size += place.end - place.start
    except JournalDamaged as damage:
        if not _unfinished(folder, last, damage):
            raise
        stopped, unfinished = damage, len(damage.tail)
    head = final.head if final else GENESIS
    known.check_end(head, stopped)
    return Verification(
        counts=dict(sorted(counts.items())),
        first_seq=first.seq if first else None,
        last_seq=final.seq if final else None,
        first_ts=first.ts if first else None,
        last_ts=final.ts if final else None,
        bytes=size,
        unfinished_bytes=unfinished,
        segments=last,
        head=head,
    )


def _check_body(folder: Path, place: Place) -> None:
    if place.frame.kind != BODY_KIND:
        return
    try:
        body_of(place.frame)
    except ChainError as error:
        raise JournalDamaged(shown(plain_path(folder, place.segment)), place.line, str(error)) from error


def _last_segment(fs: FileSystem, folder: Path) -> int:
    try:
        return Listing(fs, folder).last
    except FileNotFoundError as error:
        raise JournalMissing(f"{folder}: there is no journal here, that is, no folder {LOG} in it") from error


def _unfinished(folder: Path, last: int, damage: JournalDamaged) -> bool:
    """Whether what stopped a walk is merely a last line without an end: the beginning of a record that is being
    written.
    """
    return damage.segment == shown(plain_path(folder, last)) and bool(damage.tail) and b"\n" not in damage.tail
