"""What a writer does before it writes: check what is there against itself and the anchors, drop a torn tail, finish
what a crash left.

Every step can be interrupted and done again. Nothing is changed on disk before everything has been checked.
"""

from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from engine.journal.anchors import Anchors
from engine.journal.chain import Head, body_reference, parse_alone
from engine.journal.disk import TEMPORARY, FileSystem, publish
from engine.journal.errors import ChainError, JournalDamaged
from engine.journal.segments import LOG, Listing, load, packed_path, plain_path, segment_holding, shown, walk

BODIES_REMEMBERED = 4096
_RECORD_START = b'{"v":'


class Torn(Struct, frozen=True, kw_only=True):
    """The end of the last segment that was no record: never durable as one, cut off, and kept beside the segments."""

    segment: str
    line: int
    seq: int
    bytes: int
    reason: str
    kept_as: str


class Recovery(Struct, frozen=True, kw_only=True):
    """What opening a journal found and did. ``records`` counts those that were checked: all of them, unless there
    was a checkpoint.
    """

    head: Head
    records: int
    segments: int
    torn: Torn | None
    finished: tuple[str, ...]
    """Files of interrupted steps that were cleared away: temporary ones, plain forms of packed segments."""


class Tail(Struct, frozen=True, kw_only=True):
    """Where writing goes on: the segment, its size in bytes, the bodies already stored, and the segments still to be
    packed.
    """

    segment: int
    size: int
    bodies: OrderedDict[str, int]
    unpacked: tuple[int, ...]


def remember(bodies: OrderedDict[str, int], ref: str, seq: int) -> None:
    """Note that a body is stored, forgetting the one that has not been asked for longest: storing it again would be
    harmless.
    """
    bodies[ref] = seq
    bodies.move_to_end(ref)
    if len(bodies) > BODIES_REMEMBERED:
        bodies.popitem(last=False)


def recover(
    fs: FileSystem, folder: Path, anchors: Iterable[tuple[int, str]], checkpoint: tuple[int, str] | None
) -> tuple[Recovery, Tail]:
    """Check the journal in ``folder`` and make it ready for writing; ``JournalDamaged`` when it is not to be continued.

    With a ``checkpoint`` (a head that was verified before) the segments before the one that holds it are not read
    again.
    """
    known = Anchors((*anchors, *(() if checkpoint is None else (checkpoint,))))
    fs.make_folder(folder / LOG)
    listing = Listing(fs, folder)
    _check_numbers(folder, listing)
    found = _walk_to_the_end(fs, folder, listing.last, checkpoint[0] if checkpoint else 1, known)
    if found.damage is not None:
        _check_droppable(found.damage, found.head)
    known.check_end(found.head, found.damage)
    doubled = [number for number in listing.plain if number in listing.packed]
    for number in doubled:
        load(fs, folder, number)

    torn = None if found.damage is None else _cut(fs, folder, found.damage, found.head, found.size)
    finished = _clear(fs, folder, doubled)
    last = max(listing.last, 1)
    unpacked = tuple(number for number in listing.plain if number < last and number not in doubled)
    recovery = Recovery(head=found.head, records=found.records, segments=last, torn=torn, finished=finished)
    return recovery, Tail(segment=last, size=found.size, bodies=found.bodies, unpacked=unpacked)


def _check_numbers(folder: Path, listing: Listing) -> None:
    present = frozenset((*listing.plain, *listing.packed))
    if 0 in present:
        raise JournalDamaged(shown(plain_path(folder, 0)), 0, "segments are numbered from 000001")
    for number in range(1, listing.last + 1):
        if number not in present:
            raise JournalDamaged(shown(plain_path(folder, number)), 0, "the segment is missing")
    if listing.last in listing.packed:
        raise JournalDamaged(
            shown(packed_path(folder, listing.last)),
            0,
            "a segment is packed only when the next one exists, and that is missing; to go on from here all the same, "
            f"create an empty {shown(plain_path(folder, listing.last + 1))}",
        )


class _Found(Struct, frozen=True, kw_only=True):
    """What a walk to the end of the journal found; ``damage`` is a faulty line of the last segment, ``size`` what
    precedes it.
    """

    head: Head
    records: int
    size: int
    bodies: OrderedDict[str, int]
    damage: JournalDamaged | None


def _walk_to_the_end(fs: FileSystem, folder: Path, last: int, from_seq: int, known: Anchors) -> _Found:
    first, before = segment_holding(fs, folder, last, from_seq)
    head, records, size, bodies, damage = before, 0, 0, OrderedDict[str, int](), None
    try:
        for place in walk(fs, folder, first, last, before):
            known.check(folder, place)
            head, records, size = place.frame.head, records + 1, place.end if place.segment == last else 0
            if (ref := body_reference(place.frame)) is not None:
                remember(bodies, ref, place.frame.seq)
    except JournalDamaged as fault:
        if not fault.tail or fault.segment != shown(plain_path(folder, last)):
            raise
        damage = fault
    return _Found(head=head, records=records, size=size, bodies=bodies, damage=damage)


def _check_droppable(damage: JournalDamaged, head: Head) -> None:
    """A power cut leaves part of what was last written. A whole record that is in it, or follows it, means something
    else.
    """
    start = damage.tail.find(_RECORD_START)
    while start >= 0:
        end = damage.tail.find(b"\n", start) + 1
        try:
            inside = parse_alone(damage.tail[start : end or len(damage.tail)])
        except ChainError:
            start = damage.tail.find(_RECORD_START, start + 1)
        else:
            raise JournalDamaged(
                damage.segment,
                damage.line,
                f"{damage.reason}; it cannot be a torn end, since record {inside.seq} is whole after record {head.seq}",
                tail=damage.tail,
            ) from damage


def _cut(fs: FileSystem, folder: Path, damage: JournalDamaged, head: Head, size: int) -> Torn:
    """Keep a copy of the torn tail, then cut it off. Done again after a crash in between, it finds its own copy."""
    seq = head.seq + 1
    names = fs.listdir(folder / LOG)
    copy, kept_as = 1, f"torn-{seq}.bin"
    while kept_as in names and fs.read(folder / LOG / kept_as) != damage.tail:
        copy, kept_as = copy + 1, f"torn-{seq}-{copy + 1}.bin"
    if kept_as not in names:
        publish(fs, folder / LOG / kept_as, damage.tail)
    segment = folder / damage.segment
    fs.truncate(segment, size)
    return Torn(
        segment=damage.segment,
        line=damage.line,
        seq=seq,
        bytes=len(damage.tail),
        reason=damage.reason,
        kept_as=f"{LOG}/{kept_as}",
    )


def _clear(fs: FileSystem, folder: Path, doubled: Iterable[int]) -> tuple[str, ...]:
    """Remove what interrupted steps left behind. The packed form of a doubled segment is durable before its plain
    form goes.
    """
    fs.fsync_dir(folder / LOG)
    leftovers = [name for name in fs.listdir(folder / LOG) if name.endswith(TEMPORARY)]
    finished = (*leftovers, *(plain_path(folder, number).name for number in doubled))
    for name in finished:
        fs.unlink(folder / LOG / name)
    return finished
