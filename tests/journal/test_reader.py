"""Reading a journal, also beside its writer, and the verdict on the whole."""

import threading
from pathlib import Path

import pytest

from engine.journal.chain import GENESIS
from engine.journal.errors import BodyMissing, JournalDamaged, JournalMissing
from engine.journal.inline import InlineJournal
from engine.journal.reader import read, read_all, resolve, verify
from engine.journal.writer import JournalWriter

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve records, two of them bodies, in several segments."""
    with InlineJournal.open(tmp_path, segment_bytes=900)[0] as journal:
        journal.append("Started", b"{}", 1_000, None)
        journal.body("Snapshot", b'["BTC",60000.50]', 1_001)
        for number in range(9):
            journal.append("Filled", b'{"n":%d}' % number, 1_010 + number, "t")
        journal.body("Snapshot", b'["BTC",60001]', 1_020)
    return tmp_path


def test_the_verdict_counts_kinds_and_names_the_head(folder: Path) -> None:
    verdict = verify(folder)

    assert verdict.counts == {"Body": 2, "Filled": 9, "Started": 1}
    assert (verdict.first_seq, verdict.last_seq) == (1, 12)
    assert (verdict.first_ts, verdict.last_ts) == (1_000, 1_020)
    assert verdict.head == read_all(folder)[-1].head
    assert (verdict.segments, verdict.unfinished_bytes) == (4, 0)


def test_reading_from_a_record_on_gives_the_same_records(folder: Path) -> None:
    records = read_all(folder)

    for seq in range(1, 14):
        assert list(read(folder, from_seq=seq)) == records[seq - 1 :]


def test_reading_from_a_record_on_does_not_open_what_comes_before(folder: Path) -> None:
    (folder / "log" / "000001.jsonl.zst").write_bytes(b"not looked at")

    assert [frame.seq for frame in read(folder, from_seq=12)] == [12]
    with pytest.raises(JournalDamaged, match="zst: cannot be unpacked"):
        read_all(folder)


def test_a_body_is_resolved_to_its_exact_bytes(folder: Path) -> None:
    with InlineJournal.open(folder)[0] as journal:
        ref = journal.body("Snapshot", b'["BTC",60000.50]', 2_000)

    assert resolve(folder, ref) == b'["BTC",60000.50]'
    with pytest.raises(BodyMissing, match="no record stores a body under ffff"):
        resolve(folder, "f" * 64)


def test_an_anchor_that_does_not_hold_fails_the_verdict(folder: Path) -> None:
    assert verify(folder, anchors=[verify(folder).head, GENESIS]).last_seq == 12
    with pytest.raises(JournalDamaged, match="line 1: record 12 has the hash"):
        verify(folder, anchors=[(12, "a" * 64)])
    with pytest.raises(JournalDamaged, match="record 13 is anchored"):
        verify(folder, anchors=[(13, "a" * 64)])


def test_a_journal_without_records_has_a_verdict_too(tmp_path: Path) -> None:
    InlineJournal.open(tmp_path)[0].close()

    verdict = verify(tmp_path)

    assert (verdict.head, verdict.first_seq, verdict.last_ts, verdict.counts) == (GENESIS, None, None, {})


def test_a_folder_without_a_journal_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalMissing, match="there is no journal here"):
        read_all(tmp_path)


def test_a_line_that_is_being_written_is_not_read_yet(folder: Path) -> None:
    last = sorted((folder / "log").iterdir())[-1]
    with last.open("ab") as file:
        file.write(b'{"v":1,"seq":13,"ts"')

    assert read_all(folder)[-1].seq == 12
    assert verify(folder).unfinished_bytes == 20


def test_a_whole_line_that_is_no_record_is_damage_to_a_reader(folder: Path) -> None:
    last = sorted((folder / "log").iterdir())[-1]
    with last.open("ab") as file:
        file.write(b"{}\n")

    with pytest.raises(JournalDamaged, match="not the framing of a record"):
        read_all(folder)


def test_a_body_that_is_not_what_its_reference_names_fails_the_verdict(tmp_path: Path) -> None:
    with InlineJournal.open(tmp_path)[0] as journal:
        journal.append("Body", b'{"ref":"%b","of":"Snapshot","body":1}' % (b"0" * 64), 1_000, None)

    with pytest.raises(JournalDamaged, match=r"log/000001.jsonl line 1: the body in record 1"):
        verify(tmp_path)


def test_reading_beside_a_writer_that_rolls_and_packs_gives_a_prefix(tmp_path: Path) -> None:
    journal, _ = JournalWriter.open(tmp_path, segment_bytes=2_000)
    done = threading.Event()

    def write() -> None:
        for number in range(400):
            journal.durable_now(journal.append("Filled", b'{"n":%d}' % number, number, "t"))
        done.set()

    writing = threading.Thread(target=write)
    writing.start()
    lengths = []
    while not done.is_set():
        lengths.append(len([frame.seq for frame in read(tmp_path)]))
    writing.join()
    journal.close()

    assert lengths == sorted(lengths)
    assert [frame.seq for frame in read(tmp_path)] == list(range(1, 401))


def test_the_verifier_in_the_documentation_agrees_and_sees_damage(tmp_path: Path) -> None:
    page = (PROJECT_ROOT / "docs" / "journal.md").read_text()
    verifier = page.split("```python\n")[1].split("```")[0]
    with InlineJournal.open(tmp_path)[0] as journal:
        journal.append("Filled", '{"note":"\\"hash\\":\\"ü"}'.encode(), 1_000, "动量")
        journal.append("Filled", b"{}", 1_001, None)
    segment = tmp_path / "log" / "000001.jsonl"

    names: dict[str, object] = {}
    exec(verifier, names)
    checked = names["verify"]

    assert checked([segment]) == journal.head  # type: ignore[operator]
    segment.write_bytes(segment.read_bytes().replace(b"1001", b"1002"))
    with pytest.raises(AssertionError, match="record 2"):
        checked([segment])  # type: ignore[operator]
