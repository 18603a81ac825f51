"""What every journal does, whatever is behind it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.journal.chain import GENESIS
from engine.journal.errors import JournalBroken
from engine.journal.inline import BufferedJournal, InlineJournal
from engine.journal.memory import MemoryJournal
from engine.journal.reader import read_all, resolve
from engine.journal.recovery import BODIES_REMEMBERED
from engine.journal.writer import JournalWriter
from tests.journal.faulty_disk import FaultyDisk

AnyJournal = JournalWriter | InlineJournal | MemoryJournal

ALL: dict[str, Callable[[Path], AnyJournal]] = {
    "threaded": lambda folder: JournalWriter.open(folder)[0],
    "inline": lambda folder: InlineJournal.open(folder)[0],
    "buffered": lambda folder: BufferedJournal.open(folder)[0],
    "memory": lambda folder: MemoryJournal(),
}


@pytest.fixture(params=list(ALL))
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AnyJournal:
    return ALL[request.param](tmp_path)


def stepped(coroutine: object) -> None:
    """Run a coroutine that never suspends, as the driver of a backtest does."""
    with pytest.raises(StopIteration):
        coroutine.send(None)  # type: ignore[attr-defined]


async def test_after_waiting_for_a_record_the_head_is_at_it_or_beyond(journal: AnyJournal) -> None:
    assert journal.head == journal.appended == GENESIS

    first = journal.append("Started", b"{}", 1_000, None)
    second = journal.append("Filled", b'{"a":1}', 1_000, "t")
    await journal.durable(second)

    assert (first, second) == (1, 2)
    assert journal.head == journal.appended
    journal.close()


def test_the_chain_is_the_same_whatever_is_behind_it(journal: AnyJournal) -> None:
    memory = MemoryJournal(keep=False)
    for target in (journal, memory):
        target.append("Started", b'{"version":"1"}', 1_000, None)
        target.append("Filled", b'{"coin":"BTC"}', 1_001, "t")
        target.body("Snapshot", b"[1,2]", 1_002)

    assert journal.appended == memory.appended
    assert memory.lines == []
    journal.close()


async def test_a_body_is_stored_once_and_referred_to_by_its_hash(journal: AnyJournal) -> None:
    ref = journal.body("Configured", b'{"Env":"dev"}', 1_000)
    again = journal.body("Configured", b'{"Env":"dev"}', 2_000)
    other = journal.body("Configured", b'{"Env":"prod"}', 2_000)

    assert ref == again != other
    assert journal.appended.seq == 2
    journal.close()


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"a":NaN}', b'{"a":1}{', b'{"a":1},"x":{}', b'{"a":"\xff"}', b'{"a":\n1}']
)
def test_what_is_not_a_json_object_on_one_line_is_refused_and_leaves_no_gap(journal: AnyJournal, data: bytes) -> None:
    with pytest.raises(ValueError, match="data of Filled is not"):
        journal.append("Filled", data, 1_000, "t")

    assert journal.append("Filled", b"{}", 1_000, "t") == 1
    journal.close()


def test_nobody_waits_for_a_record_that_was_never_appended(journal: AnyJournal) -> None:
    with pytest.raises(ValueError, match="record 5; the last one appended is 0"):
        journal.durable_now(5)

    journal.close()


def test_bodies_are_known_again_after_a_restart(tmp_path: Path) -> None:
    with InlineJournal.open(tmp_path)[0] as journal:
        ref = journal.body("Configured", b'{"Env": "dev"}', 1_000)

    with InlineJournal.open(tmp_path)[0] as journal:
        assert journal.body("Configured", b'{"Env": "dev"}', 2_000) == ref

    assert [frame.kind for frame in read_all(tmp_path)] == ["Body"]
    assert resolve(tmp_path, ref) == b'{"Env": "dev"}'


def test_of_very_many_bodies_the_one_not_asked_for_longest_is_stored_again() -> None:
    journal = MemoryJournal()
    for number in range(BODIES_REMEMBERED):
        journal.body("Snapshot", b"%d" % number, 0)

    journal.body("Snapshot", b"0", 0)
    journal.body("Snapshot", b"-1", 0)
    stored = journal.appended.seq
    journal.body("Snapshot", b"0", 0)
    journal.body("Snapshot", b"1", 0)

    assert stored == BODIES_REMEMBERED + 1
    assert journal.appended.seq == stored + 1


def test_the_journal_of_a_backtest_is_synced_once_at_the_end() -> None:
    disk = FaultyDisk()
    journal, _ = BufferedJournal.open(Path("journal"), fs=disk)
    syncs = disk.counts["fdatasync"]

    for number in range(1_000):
        stepped(journal.durable(journal.append("Filled", b'{"n":%d}' % number, number, "t")))
    assert journal.head.seq == 1_000
    assert disk.counts["fdatasync"] == syncs
    journal.close()

    assert disk.counts["fdatasync"] == syncs + 1
    assert len(read_all(Path("journal"), fs=disk)) == 1_000


def test_a_long_buffer_is_written_out_before_it_grows_large() -> None:
    disk = FaultyDisk()
    journal, _ = BufferedJournal.open(Path("journal"), fs=disk)

    for number in range(30):
        journal.append("Filled", b'{"x":"%b"}' % (b"x" * 100_000), number, "t")

    assert disk.counts["write"] == 2
    journal.close()


def test_an_inline_journal_that_failed_to_write_is_broken_for_good() -> None:
    disk = FaultyDisk(failures={("fdatasync", 1): OSError(5, "the medium is gone")})
    journal, _ = InlineJournal.open(Path("journal"), fs=disk)
    journal.append("Filled", b"{}", 1, "t")

    for _ in range(2):
        with pytest.raises(JournalBroken, match="the medium is gone"):
            journal.durable_now(1)
    with pytest.raises(JournalBroken):
        journal.append("Filled", b"{}", 2, "t")
    with pytest.raises(JournalBroken):
        journal.close()

    assert disk.counts["fdatasync"] == 2


def test_the_records_of_a_journal_in_memory_can_be_looked_at() -> None:
    journal = MemoryJournal()
    journal.append("Filled", b'{"coin":"BTC"}', 1_000, "t")

    assert [(frame.seq, frame.kind, json.loads(frame.data)) for frame in journal.frames] == [
        (1, "Filled", {"coin": "BTC"})
    ]
