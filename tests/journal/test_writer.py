"""The writer with its committing thread: order, group commit, a disk that fails, one writer at a time."""

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.journal.chain import GENESIS
from engine.journal.disk import LocalDisk
from engine.journal.errors import JournalBacklogged, JournalBroken, JournalDamaged, JournalLocked
from engine.journal.inline import InlineJournal
from engine.journal.reader import read_all, verify
from engine.journal.writer import GROUP_RECORDS_MAX, JournalWriter
from tests.journal.faulty_disk import FaultyDisk, PowerCut

FOLDER = Path("journal")


class GatedDisk(LocalDisk):
    """The disk of this machine, with a sync that waits until the gate is open, and a count of syncs and writes."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.syncs = 0
        self.writes = 0

    def write(self, handle: int, content: bytes) -> None:
        self.writes += 1
        super().write(handle, content)

    def fdatasync(self, handle: int) -> None:
        self.syncs += 1
        self.gate.wait()
        super().fdatasync(handle)


@pytest.fixture
def gated() -> Iterator[GatedDisk]:
    disk = GatedDisk()
    yield disk
    disk.gate.set()


def test_a_record_is_appended_at_once_and_durable_when_waited_for(tmp_path: Path) -> None:
    journal, recovery = JournalWriter.open(tmp_path / "journal")

    seq = journal.append("Started", b'{"epoch":1}', 1_000, None)
    journal.durable_now(seq)

    assert (recovery.head, seq) == (GENESIS, 1)
    assert journal.head == journal.appended
    assert [(frame.kind, frame.data) for frame in read_all(tmp_path / "journal")] == [("Started", b'{"epoch":1}')]
    journal.close()


async def test_many_who_wait_share_few_syncs(tmp_path: Path, gated: GatedDisk) -> None:
    journal, _ = JournalWriter.open(tmp_path, fs=gated)
    gated.gate.clear()
    gated.syncs = gated.writes = 0

    async def write(number: int) -> None:
        await journal.durable(journal.append("Filled", b'{"n":%d}' % number, number, "t"))

    async with asyncio.TaskGroup() as group:
        for number in range(300):
            group.create_task(write(number))
        await asyncio.sleep(0)
        assert journal.appended.seq == 300
        assert journal.head == GENESIS
        gated.gate.set()

    groups_at_most = 1 + -(-300 // GROUP_RECORDS_MAX)
    assert journal.head == journal.appended
    assert gated.syncs == gated.writes <= groups_at_most
    journal.close()
    assert [frame.ts for frame in read_all(tmp_path)] == list(range(300))


async def test_one_who_gives_up_waiting_disturbs_nobody(tmp_path: Path, gated: GatedDisk) -> None:
    journal, _ = JournalWriter.open(tmp_path, fs=gated)
    gated.gate.clear()
    seq = journal.append("Filled", b"{}", 1, "t")
    impatient, patient = asyncio.ensure_future(journal.durable(seq)), asyncio.ensure_future(journal.durable(seq))
    await asyncio.sleep(0)

    impatient.cancel()
    gated.gate.set()
    await patient

    assert impatient.cancelled()
    assert journal.head.seq == seq
    journal.close()


def test_a_waiter_whose_loop_is_gone_does_not_stop_the_writer(tmp_path: Path, gated: GatedDisk) -> None:
    journal, _ = JournalWriter.open(tmp_path, fs=gated)
    gated.gate.clear()
    journal.append("Filled", b"{}", 1, "t")

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await journal.durable(1)

    asyncio.run(give_up())
    gated.gate.set()
    journal.durable_now(journal.append("Filled", b"{}", 2, "t"))

    assert journal.head.seq == 2
    journal.close()


def test_closing_makes_everything_durable(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path)[0] as journal:
        for number in range(500):
            journal.append("Filled", b'{"n":%d}' % number, number, "t")

    assert verify(tmp_path).last_seq == 500
    journal.close()
    with pytest.raises(JournalBroken, match="the journal is closed"):
        journal.append("Filled", b"{}", 1, "t")


def test_closed_segments_are_packed_beside_the_writing(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path, segment_bytes=4096)[0] as journal:
        for number in range(100):
            journal.append("Filled", b'{"n":%d}' % number, number, "t")

    names = sorted(os.listdir(tmp_path / "log"))
    assert len(names) > 5
    assert [name.endswith(".zst") for name in names] == [True] * (len(names) - 1) + [False]
    assert max(path.stat().st_size for path in (tmp_path / "log").iterdir()) <= 4096
    assert verify(tmp_path).segments == len(names)


def test_what_was_left_unpacked_is_packed_at_the_next_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = FaultyDisk(failures={("rename", 0): OSError(errno.ENOSPC, "no space left")})
    with JournalWriter.open(FOLDER, segment_bytes=300, fs=disk)[0] as journal:
        journal.append("Filled", b"{}", 1, "t")
        journal.append("Filled", b"{}", 2, "t")
    assert FOLDER / "log" / "000001.jsonl" in disk.files
    assert [record.message for record in caplog.records] == ["segment not packed"]

    JournalWriter.open(FOLDER, fs=disk)[0].close()

    assert sorted(path.name for path in disk.files if path.parent.name == "log") == ["000001.jsonl.zst", "000002.jsonl"]


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("fdatasync", OSError(errno.EIO, "the medium is gone")),
        ("write", OSError(errno.ENOSPC, "no space left")),
    ],
)
async def test_after_one_error_of_the_disk_the_writer_is_broken_for_good(operation: str, error: OSError) -> None:
    disk = FaultyDisk(failures={(operation, 1): error})
    journal, _ = JournalWriter.open(FOLDER, fs=disk)
    if operation == "write":
        await journal.durable(journal.append("Filled", b"{}", 1, "t"))
    durable = journal.head.seq

    seq = journal.append("Filled", b'{"n":2}', 2, "t")
    with pytest.raises(JournalBroken, match=f"failed after record {durable}: .*{error.strerror}") as raised:
        await journal.durable(seq)
    tried = disk.counts[operation]
    with pytest.raises(JournalBroken):
        journal.append("Filled", b"{}", 3, "t")
    with pytest.raises(JournalBroken):
        journal.body("Snapshot", b"{}", 3)
    with pytest.raises(JournalBroken):
        journal.durable_now(seq)
    with pytest.raises(JournalBroken):
        journal.close()

    assert raised.value.__cause__ is error
    assert disk.counts[operation] == tried
    assert journal.head.seq == durable


def test_what_a_broken_writer_leaves_can_be_taken_up_again() -> None:
    disk = FaultyDisk(failures={("write", 1): OSError(errno.ENOSPC, "no space left")})
    journal, _ = JournalWriter.open(FOLDER, fs=disk)
    journal.durable_now(journal.append("Filled", b'{"n":1}', 1, "t"))
    journal.append("Filled", b'{"n":2}', 2, "t")
    with pytest.raises(JournalBroken):
        journal.close()

    again, recovery = JournalWriter.open(FOLDER, anchors=[journal.head], fs=disk)

    assert recovery.head == journal.head
    assert recovery.torn is not None
    assert again.append("Filled", b'{"n":2}', 2, "t") == 2
    again.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whoever_waits_hears_of_it_when_the_committing_thread_dies() -> None:
    disk = FaultyDisk()
    journal, _ = JournalWriter.open(FOLDER, fs=disk)
    disk.cut()

    seq = journal.append("Filled", b"{}", 1, "t")

    with pytest.raises(JournalBroken, match="a fault of its own"):
        journal.durable_now(seq)
    with pytest.raises(PowerCut):
        journal.close()


def test_a_disk_that_does_not_keep_up_is_noticed_before_memory_is_full(tmp_path: Path, gated: GatedDisk) -> None:
    journal, _ = JournalWriter.open(tmp_path, backlog_bytes_max=1000, fs=gated)
    gated.gate.clear()

    last = [journal.append("Filled", b"{}", 1, "t") for _ in range(4)][-1]
    with pytest.raises(JournalBacklogged, match=r"4 records of .* wait for the disk, the limit is 1000"):
        journal.append("Filled", b'{"x":"%b"}' % (b"x" * 1_000), 1, "t")

    gated.gate.set()
    journal.durable_now(last)
    assert [journal.append("Filled", b"{}", 2, "t") for _ in range(3)] == [5, 6, 7]
    journal.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path)[0]:
        with pytest.raises(JournalLocked, match=r"another writer holds writer\.lock"):
            JournalWriter.open(tmp_path)
        with pytest.raises(JournalLocked):
            InlineJournal.open(tmp_path)

    JournalWriter.open(tmp_path)[0].close()


def test_opening_with_an_anchor_ahead_is_refused_and_lets_the_journal_go(tmp_path: Path) -> None:
    with pytest.raises(JournalDamaged, match="record 3 is anchored"):
        JournalWriter.open(tmp_path, anchors=[(3, "a" * 64)])

    JournalWriter.open(tmp_path)[0].close()


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    JournalWriter.open(tmp_path / "a" / "journal")[0].close()

    modes = [path.stat().st_mode & 0o777 for path in sorted((tmp_path / "a").rglob("*"))]
    assert modes == [0o700, 0o700, 0o600, 0o600]
