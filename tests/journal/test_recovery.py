"""Opening a journal: every prefix is taken up, a torn end is cut off and kept, anything else is refused by name."""

from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.journal.chain import GENESIS, Head
from engine.journal.errors import JournalDamaged
from engine.journal.inline import InlineJournal
from engine.journal.memory import MemoryJournal
from engine.journal.reader import read_all, verify
from engine.journal.recovery import Recovery
from tests.journal.faulty_disk import FaultyDisk, PowerCut

FOLDER = Path("journal")
LOG = FOLDER / "log"
FIRST, SECOND, THIRD = (LOG / f"00000{number}.jsonl" for number in (1, 2, 3))
SEGMENT_BYTES = 520  # two of the records below
RECORDS = 6

Files = dict[Path, bytes]


def fill(journal: InlineJournal | MemoryJournal, records: int = RECORDS) -> None:
    for number in range(records):
        journal.append("Filled", b'{"n":%d}' % number, 1_000 + number, "t")


def the_lines(records: int = RECORDS) -> list[bytes]:
    memory = MemoryJournal()
    fill(memory, records)
    return memory.lines


LINES = the_lines()
HEAD = Head(RECORDS, LINES[-1].split(b'"hash":"')[1][:64].decode())


def packed_files() -> Files:
    """Six records in three segments, the first two packed."""
    disk = FaultyDisk()
    journal, _ = InlineJournal.open(FOLDER, segment_bytes=SEGMENT_BYTES, fs=disk)
    fill(journal)
    journal.close()
    return disk.files


def plain_files() -> Files:
    """The same, with nothing packed."""
    pairs = {FIRST: LINES[0:2], SECOND: LINES[2:4], THIRD: LINES[4:6]}
    return {path: b"".join(lines) for path, lines in pairs.items()}


def reopened(files: Files, anchors: tuple[Head, ...] = ()) -> tuple[Recovery, list[bytes]]:
    """What a writer makes of the files, and the data of the records that it goes on from."""
    disk = FaultyDisk(files)
    journal, recovery = InlineJournal.open(FOLDER, anchors=anchors, fs=disk)
    journal.close()
    return recovery, [frame.data for frame in read_all(FOLDER, fs=disk)]


def test_six_small_records_make_three_segments_of_which_the_closed_ones_are_packed() -> None:
    files = packed_files()

    assert [path.name for path in sorted(files) if path.parent == LOG] == [
        "000001.jsonl.zst",
        "000002.jsonl.zst",
        "000003.jsonl",
    ]
    assert files[THIRD] == b"".join(LINES[4:6])


def test_a_journal_that_was_closed_is_taken_up_where_it_ended() -> None:
    recovery, data = reopened(packed_files(), anchors=(GENESIS, HEAD))

    assert (recovery.head, recovery.records, recovery.segments, recovery.torn) == (HEAD, 6, 3, None)
    assert data == [b'{"n":%d}' % number for number in range(6)]


def damaged_at(content: bytes, at: int) -> list[bytes]:
    return [
        content[:at],
        content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :],
        content[:at] + content[at : at + 1] + content[at:],
        content[:at] + content[at + 1 :],
    ]


@pytest.mark.parametrize("files", [packed_files(), plain_files()], ids=["packed", "plain"])
def test_no_byte_of_three_segments_can_be_cut_flipped_doubled_or_deleted_without_notice(files: Files) -> None:
    whole = [b'{"n":%d}' % number for number in range(RECORDS)]
    segments = [path for path in sorted(files) if path.parent == LOG]

    for path in segments:
        for at in range(len(files[path])):
            for content in damaged_at(files[path], at):
                try:
                    recovery, data = reopened(files | {path: content})
                except JournalDamaged:
                    continue
                assert data == whole[: len(data)]
                if path != segments[-1]:
                    # A byte of the packed form that carries nothing, such as a reserved bit, may change: no record did.
                    assert data == whole
                elif recovery.torn is None:
                    assert b"".join(LINES[4 : len(data)]) == content


def test_with_its_head_anchored_no_record_of_the_last_segment_can_change_or_go() -> None:
    files = packed_files()

    for at in range(len(files[THIRD])):
        for content in damaged_at(files[THIRD], at):
            try:
                recovery, _ = reopened(files | {THIRD: content}, anchors=(HEAD,))
            except JournalDamaged:
                continue
            assert content == files[THIRD] + b"\n"
            assert (recovery.head, recovery.torn is None) == (HEAD, False)


def test_a_torn_last_record_is_cut_off_and_its_bytes_are_kept() -> None:
    files = plain_files()
    files[THIRD] = files[THIRD][:-10]

    disk = FaultyDisk(files)
    journal, recovery = InlineJournal.open(FOLDER, fs=disk)

    assert recovery.torn is not None
    assert (recovery.torn.segment, recovery.torn.line, recovery.torn.seq) == ("log/000003.jsonl", 2, 6)
    assert disk.files[FOLDER / recovery.torn.kept_as] == LINES[5][:-10]
    assert disk.files[THIRD] == LINES[4]
    assert journal.append("Filled", b'{"n":5}', 1_005, "t") == 6


def test_two_different_torn_ends_at_one_place_are_both_kept() -> None:
    files = plain_files() | {LOG / "torn-6.bin": b"an earlier one"}
    files[THIRD] = files[THIRD][:-10]

    recovery, _ = reopened(files)

    assert recovery.torn is not None
    assert recovery.torn.kept_as == "log/torn-6-2.bin"


@pytest.mark.parametrize("garbage", [b"\0" * 600, b"\n", b"\n\n\xff", b'{"v":1,"seq":7,', b"{}\n{}\n"])
def test_garbage_after_the_last_record_is_cut_off(garbage: bytes) -> None:
    files = plain_files()
    files[THIRD] += garbage

    recovery, data = reopened(files, anchors=(HEAD,))

    assert (recovery.head, len(data)) == (HEAD, 6)
    assert recovery.torn is not None
    assert recovery.torn.bytes == len(garbage)


def test_a_whole_record_behind_garbage_proves_that_it_is_no_torn_end() -> None:
    files = plain_files()
    files[THIRD] = LINES[4][:-1] + b"\x0b" + LINES[5]

    with pytest.raises(JournalDamaged, match=r"log/000003.jsonl line 1: .* record 6 is whole after record 4"):
        reopened(files)


def test_an_empty_last_segment_was_just_created() -> None:
    recovery, data = reopened(plain_files() | {LOG / "000004.jsonl": b""}, anchors=(HEAD,))

    assert (recovery.head, recovery.segments, len(data)) == (HEAD, 4, 6)


def test_a_plain_segment_beside_its_packed_form_is_removed() -> None:
    files = packed_files() | {FIRST: plain_files()[FIRST], LOG / "000002.jsonl.zst.tmp": b"half of it"}

    disk = FaultyDisk(files)
    _, recovery = InlineJournal.open(FOLDER, fs=disk)

    assert recovery.finished == ("000002.jsonl.zst.tmp", "000001.jsonl")
    assert FIRST not in disk.files


def swapped(files: Files) -> Files:
    return files | {FIRST: files[SECOND], SECOND: files[FIRST]}


DAMAGES: list[tuple[str, Callable[[Files], Files], str]] = [
    (
        "a flipped byte",
        lambda f: f | {SECOND: f[SECOND].replace(b'"n":2', b'"n":3')},
        "log/000002.jsonl line 1: its bytes",
    ),
    ("a deleted line", lambda f: f | {SECOND: LINES[2] + LINES[4]}, "000002.jsonl line 2: seq is 5, expected 4"),
    ("a deleted first line", lambda f: f | {FIRST: LINES[1]}, "000001.jsonl line 1: seq is 2, expected 1"),
    ("a doubled line", lambda f: f | {FIRST: LINES[0] * 2 + LINES[1]}, "000001.jsonl line 2: seq is 1, expected 2"),
    ("a doubled last line", lambda f: f | {THIRD: f[THIRD] + LINES[5]}, "000003.jsonl line 3: seq is 6, expected 7"),
    ("swapped lines", lambda f: f | {THIRD: LINES[5] + LINES[4]}, "000003.jsonl line 1: seq is 6, expected 5"),
    ("swapped segments", swapped, "000001.jsonl line 1: seq is 3, expected 1"),
    (
        "a missing segment",
        lambda f: {path: f[path] for path in (FIRST, THIRD)},
        "000002.jsonl: the segment is missing",
    ),
    (
        "a missing first segment",
        lambda f: {path: f[path] for path in (SECOND, THIRD)},
        "000001.jsonl: the segment is missing",
    ),
    ("a cut segment in the middle", lambda f: f | {SECOND: LINES[2]}, "000003.jsonl line 1: seq is 5, expected 4"),
    ("an empty segment in the middle", lambda f: f | {SECOND: b""}, "000002.jsonl: the segment is empty"),
    ("a torn segment in the middle", lambda f: f | {SECOND: f[SECOND][:-1]}, "2.jsonl line 2: the line has no end"),
    ("an unknown name", lambda f: f | {LOG / "1.jsonl": b""}, "log/1.jsonl: not the name of a segment"),
    ("a segment number 0", lambda f: f | {LOG / "000000.jsonl": b""}, "segments are numbered from 000001"),
    ("a packed form that is none", lambda f: f | {LOG / "000001.jsonl.zst": b"zst"}, "zst: cannot be unpacked"),
    (
        "two forms that differ",
        lambda f: f | {LOG / "000001.jsonl.zst": zstandard.compress(LINES[0])},
        "log/000001.jsonl: differs from log/000001.jsonl.zst",
    ),
    (
        "a packed form with bytes after it",
        lambda f: f | {LOG / "000001.jsonl.zst": zstandard.compress(f[FIRST]) + b"x"},
        "zst: cannot be unpacked",
    ),
    (
        "a packed last segment",
        lambda f: f | {LOG / "000003.jsonl.zst": zstandard.compress(f[THIRD])},
        "create an empty log/000004.jsonl",
    ),
]


@pytest.mark.parametrize(("damage", "says"), [d[1:] for d in DAMAGES], ids=[d[0] for d in DAMAGES])
def test_damage_is_refused_with_its_place_and_nothing_is_touched(damage: Callable[[Files], Files], says: str) -> None:
    files = damage(plain_files())
    disk = FaultyDisk(files)

    with pytest.raises(JournalDamaged, match=says):
        InlineJournal.open(FOLDER, fs=disk)

    assert {path: disk.files[path] for path in files} == files
    assert disk.counts["truncate"] == disk.counts["unlink"] == 0


def test_a_refused_journal_can_be_locked_again() -> None:
    disk = FaultyDisk({FIRST: LINES[1]})

    for _ in range(2):
        with pytest.raises(JournalDamaged):
            InlineJournal.open(FOLDER, fs=disk)


def test_an_anchor_ahead_of_the_journal_is_refused() -> None:
    with pytest.raises(JournalDamaged, match="record 7 is anchored, but the journal ends with record 6"):
        reopened(plain_files(), anchors=(Head(7, "a" * 64),))


def test_a_record_that_differs_from_its_anchor_is_refused() -> None:
    with pytest.raises(JournalDamaged, match=r"log/000002.jsonl line 2: record 4 has the hash .* anchored is aaaa"):
        reopened(plain_files(), anchors=(Head(4, "a" * 64),))


def test_anchors_that_differ_among_themselves_are_refused() -> None:
    with pytest.raises(JournalDamaged, match="two anchors differ about record 6"):
        reopened(plain_files(), anchors=(HEAD, Head(6, "a" * 64)))


def test_a_torn_end_that_is_anchored_was_durable_and_is_refused() -> None:
    files = plain_files()
    files[THIRD] = files[THIRD][:-1]

    with pytest.raises(JournalDamaged, match=r"000003.jsonl line 2: record 6 is anchored, but .* has no end"):
        reopened(files, anchors=(HEAD,))


def test_from_a_checkpoint_only_the_segments_that_matter_are_read() -> None:
    files = packed_files()
    disk = FaultyDisk(files | {LOG / "000001.jsonl.zst": b"not looked at"})

    _, recovery = InlineJournal.open(FOLDER, checkpoint=HEAD, fs=disk)

    assert (recovery.head, recovery.records) == (HEAD, 2)


def test_a_checkpoint_does_not_hide_that_two_forms_of_a_segment_differ() -> None:
    files = packed_files() | {FIRST: LINES[0]}

    with pytest.raises(JournalDamaged, match=r"log/000001.jsonl: differs from log/000001.jsonl.zst"):
        InlineJournal.open(FOLDER, checkpoint=HEAD, fs=FaultyDisk(files))


def test_a_checkpoint_that_the_journal_does_not_hold_is_refused() -> None:
    with pytest.raises(JournalDamaged, match="record 5 has the hash"):
        InlineJournal.open(FOLDER, checkpoint=(5, "a" * 64), fs=FaultyDisk(packed_files()))
    with pytest.raises(JournalDamaged, match="record 9 is anchored"):
        InlineJournal.open(FOLDER, checkpoint=(9, "a" * 64), fs=FaultyDisk(packed_files()))


def run(disk: FaultyDisk, records: int = 8) -> int:
    """Append records, waiting for two of three, until all are there or the power fails; the last one known durable."""
    durable = 0
    try:
        journal, recovery = InlineJournal.open(FOLDER, segment_bytes=SEGMENT_BYTES, fs=disk)
        durable = recovery.head.seq
        for number in range(recovery.head.seq, records):
            seq = journal.append("Filled", b'{"n":%d}' % number, 1_000 + number, "t")
            if seq % 3 != 2:
                journal.durable_now(seq)
                durable = seq
        journal.close()
    except PowerCut:
        return durable
    return records


NO_PACKING = {("rename", number): OSError(28, "no space left") for number in range(9)}
KEPT = ["nothing", "all", "torn", "bytes", "removals"]


@pytest.mark.parametrize("failures", [{}, NO_PACKING], ids=["packing", "not packing"])
@pytest.mark.parametrize("kept", KEPT)
def test_after_a_power_cut_at_any_step_no_durable_record_is_lost_and_the_same_journal_comes_about(
    kept: str, failures: dict[tuple[str, int], OSError]
) -> None:
    undisturbed = FaultyDisk()
    run(undisturbed)
    steps = FaultyDisk(failures=failures)
    run(steps)

    for cut_at in range(steps.operations + 1):
        disk = FaultyDisk(cut_at=cut_at, failures=failures)
        durable = run(disk)
        again = disk.restarted(kept)
        journal, recovery = InlineJournal.open(FOLDER, segment_bytes=SEGMENT_BYTES, fs=again)
        journal.close()

        assert recovery.head.seq >= durable, f"cut at {cut_at}"
        assert run(again) == 8
        assert journal_of(again) == journal_of(undisturbed), f"cut at {cut_at}"


def test_a_second_power_cut_during_recovery_changes_nothing() -> None:
    undisturbed = FaultyDisk()
    run(undisturbed)

    for first in range(4, undisturbed.operations, 5):
        disk = FaultyDisk(cut_at=first)
        durable = run(disk)
        for second in range(0, 30, 2):
            again = disk.restarted("torn", cut_at=second)
            durable_again = run(again)
            last = again.restarted("torn")

            assert durable_again == 0 or durable_again >= durable
            assert run(last) == 8, f"cut at {first}, then at {second}"
            assert journal_of(last) == journal_of(undisturbed), f"cut at {first}, then at {second}"


@pytest.mark.parametrize("kept", ["nothing", "removals"])
def test_a_kill_followed_by_a_power_cut_loses_nothing_that_was_durable(kept: str) -> None:
    undisturbed = FaultyDisk()
    run(undisturbed)

    for killed_at in range(undisturbed.operations):
        for cut_at in range(0, 36, 3):
            disk = FaultyDisk(cut_at=killed_at)
            first = run(disk)
            resumed = disk.resumed(cut_at=cut_at)
            second = run(resumed)
            last = resumed.restarted(kept)
            journal, recovery = InlineJournal.open(FOLDER, segment_bytes=SEGMENT_BYTES, fs=last)
            journal.close()

            assert recovery.head.seq >= max(first, second), f"killed at {killed_at}, cut at {cut_at}"
            assert run(last) == 8
            assert journal_of(last) == journal_of(undisturbed), f"killed at {killed_at}, cut at {cut_at}"


def journal_of(disk: FaultyDisk) -> Files:
    """The files that matter: segments, without what recovery keeps for people to look at."""
    return {path: content for path, content in disk.files.items() if path.suffix != ".bin"}


@settings(max_examples=40)
@given(sizes=st.lists(st.integers(0, 900), max_size=14), segment_bytes=st.integers(1, 1500), synced=st.integers(1, 5))
def test_segments_depend_on_the_records_alone(sizes: list[int], segment_bytes: int, synced: int) -> None:
    disks = FaultyDisk(), FaultyDisk()
    for disk, every in zip(disks, (synced, 100), strict=True):
        journal, _ = InlineJournal.open(FOLDER, segment_bytes=segment_bytes, fs=disk)
        for number, size in enumerate(sizes):
            seq = journal.append("K", b'{"x":"%b"}' % (b"x" * size), number, None)
            if number % every == 0:
                journal.durable_now(seq)
        journal.close()

    assert disks[0].files == disks[1].files
    assert verify(FOLDER, fs=disks[0]).last_seq == (len(sizes) or None)
