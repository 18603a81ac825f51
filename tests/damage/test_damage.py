"""Damage on disk: ``engine run`` refuses and says where it is, or recovers what may be recovered and says that."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from tests.processes.quick_arena import write_arena
from tests.processes.running import call
from tests.samples.recipe import in_own_process

SPAN_MS = 60_000
LONG_AGO = "2020-01-01"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves that has just ended: several packed segments and one plain, a venue, a published generation."""
    folder = tmp_path_factory.mktemp("sound")
    config = write_arena(folder)
    now_ms = time.time_ns() // 1_000_000_000 * 1000
    in_own_process("play", config, now_ms - SPAN_MS, now_ms)
    assert len(segments(folder)) > 3
    return folder


@pytest.fixture
def arena(sound: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of that to damage."""
    folder = tmp_path / "arena"
    shutil.copytree(sound, folder)
    yield folder
    shutil.rmtree(folder)


def segments(arena: Path) -> list[Path]:
    """The segment files, oldest first."""
    return sorted((arena / "journal" / "log").glob("*.jsonl*"))


def lines_of(path: Path) -> list[bytes]:
    """A file's lines with their ends."""
    return path.read_bytes().splitlines(keepends=True)


def flipped(content: bytes, place: int) -> bytes:
    """The content with one bit of one byte changed."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def edit(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Replace a file's lines by what ``change`` makes of them."""
    path.chmod(0o644)
    path.write_bytes(b"".join(change(lines_of(path))))


def unpacked(path: Path) -> Path:
    """The packed segment in plain form."""
    plain = path.with_suffix("")
    plain.write_bytes(zstandard.ZstdDecompressor().decompress(path.read_bytes()))
    path.unlink()
    return plain


# Each damages an arena and returns what the refusal must name.


def a_flipped_bit(arena: Path) -> str:
    edit(segments(arena)[-1], lambda lines: [*lines[:4], flipped(lines[4], len(lines[4]) // 2), *lines[5:]])
    return f"{segments(arena)[-1].name} line 5"


def a_flipped_bit_in_the_middle_of_the_journal(arena: Path) -> str:
    plain = unpacked(segments(arena)[1])
    edit(plain, lambda lines: [*lines[:6], flipped(lines[6], len(lines[6]) // 2), *lines[7:]])
    return f"{plain.name} line 7"


def a_deleted_line(arena: Path) -> str:
    edit(segments(arena)[-1], lambda lines: [*lines[:2], *lines[3:]])
    return f"{segments(arena)[-1].name} line 3"


def a_duplicated_line(arena: Path) -> str:
    edit(segments(arena)[-1], lambda lines: [*lines[:2], lines[1], *lines[2:]])
    return f"{segments(arena)[-1].name} line 3"


def two_swapped_lines(arena: Path) -> str:
    edit(segments(arena)[-1], lambda lines: [*lines[:1], lines[2], lines[1], *lines[3:]])
    return f"{segments(arena)[-1].name} line 2"


def a_missing_segment(arena: Path) -> str:
    segments(arena)[1].unlink()
    return "000002.jsonl"


def a_missing_last_segment(arena: Path) -> str:
    segments(arena)[-1].unlink()
    return segments(arena)[-1].name


def an_empty_segment_in_the_middle(arena: Path) -> str:
    plain = unpacked(segments(arena)[1])
    plain.write_bytes(b"")
    return plain.name


def a_segment_cut_in_the_middle(arena: Path) -> str:
    plain = unpacked(segments(arena)[1])
    whole = plain.read_bytes()
    plain.write_bytes(whole[: len(whole) // 2])
    return f"{plain.name} line {len(lines_of(plain))}"


def a_packed_segment_that_does_not_unpack(arena: Path) -> str:
    packed = segments(arena)[1]
    packed.write_bytes(flipped(packed.read_bytes(), packed.stat().st_size // 2))
    return packed.name


def a_packed_segment_cut_short(arena: Path) -> str:
    packed = segments(arena)[1]
    packed.write_bytes(packed.read_bytes()[:-100])
    return packed.name


def a_plain_form_that_differs_from_the_packed_one(arena: Path) -> str:
    packed = segments(arena)[1]
    content = zstandard.ZstdDecompressor().decompress(packed.read_bytes())
    packed.with_suffix("").write_bytes(flipped(content, len(content) // 2))
    return "000002.jsonl"


def a_lost_tail_behind_the_published_anchor(arena: Path) -> str:
    edit(segments(arena)[-1], lambda lines: lines[:-3])
    return "anchor"


def an_anchor_about_another_record(arena: Path) -> str:
    manifest = arena / "mcp_data" / "manifest.json"
    head = manifest.read_bytes().split(b'"hash":"')[1][:64]
    manifest.write_bytes(manifest.read_bytes().replace(head, head[::-1]))
    return "anchor"


def a_segment_under_another_name(arena: Path) -> str:
    segments(arena)[-1].rename(arena / "journal" / "log" / "last.jsonl")
    return "last.jsonl"


def a_broken_line_of_the_venue(arena: Path) -> str:
    edit(changes(arena), lambda lines: [*lines[:9], lines[9].replace(b":", b";", 1), *lines[10:]])
    return "changes.jsonl line 10"


def a_deleted_line_of_the_venue(arena: Path) -> str:
    edit(changes(arena), lambda lines: [*lines[:9], *lines[10:]])
    return "changes.jsonl line 10"


def two_swapped_lines_of_the_venue(arena: Path) -> str:
    edit(changes(arena), lambda lines: [*lines[:9], lines[10], lines[9], *lines[11:]])
    return "changes.jsonl line 10"


def a_manifest_cut_short(arena: Path) -> str:
    manifest = arena / "mcp_data" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-40])
    return "manifest.json is not a manifest"


def changes(arena: Path) -> Path:
    """The simulated venue's log."""
    return arena / "state" / "venues" / "paper_trading" / "changes.jsonl"


REFUSED = [
    a_flipped_bit,
    a_flipped_bit_in_the_middle_of_the_journal,
    a_deleted_line,
    a_duplicated_line,
    two_swapped_lines,
    a_missing_segment,
    a_missing_last_segment,
    an_empty_segment_in_the_middle,
    a_segment_cut_in_the_middle,
    a_packed_segment_that_does_not_unpack,
    a_packed_segment_cut_short,
    a_plain_form_that_differs_from_the_packed_one,
    a_lost_tail_behind_the_published_anchor,
    an_anchor_about_another_record,
    a_segment_under_another_name,
    a_broken_line_of_the_venue,
    a_deleted_line_of_the_venue,
    two_swapped_lines_of_the_venue,
    a_manifest_cut_short,
]


@pytest.mark.parametrize("damage", REFUSED, ids=lambda damage: damage.__name__)
def test_the_engine_refuses_to_start_and_says_where(arena: Path, damage: Callable[[Path], str]) -> None:
    place = damage(arena)
    log = {path: path.read_bytes() for path in segments(arena)}

    ended = call("run", "--config", arena / "etc" / "nof0.yaml", "--until", LONG_AGO)

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "refusing to start" in ended.stderr
    assert place in ended.stderr
    assert "Traceback" not in ended.stderr
    assert all(path.read_bytes() == content for path, content in log.items() if "venue" not in damage.__name__)


def starts(arena: Path) -> str:
    """What the engine prints when it starts and stops again, soundly."""
    config = arena / "etc" / "nof0.yaml"
    ended = call("run", "--config", config, "--until", LONG_AGO)
    assert ended.returncode == 0, ended.stderr
    verified = call("journal", "verify", "--config", config)
    assert verified.returncode == 0, verified.stderr
    return ended.stdout + ended.stderr


def test_a_torn_tail_is_cut_off_kept_and_reported(arena: Path) -> None:
    last = segments(arena)[-1]
    torn = lines_of(last)[-1][:200]
    last.write_bytes(last.read_bytes() + torn)

    said = starts(arena)

    assert "torn tail dropped" in said
    assert [path.read_bytes() for path in last.parent.glob("torn-*.bin")] == [torn]


def test_a_torn_last_line_of_the_venue_is_cut_off(arena: Path) -> None:
    whole = changes(arena).read_bytes()
    changes(arena).write_bytes(whole + whole.splitlines()[-1][:50])

    starts(arena)

    assert changes(arena).read_bytes().startswith(whole)


def test_published_files_that_are_gone_are_published_again(arena: Path) -> None:
    shutil.rmtree(arena / "mcp_data")

    starts(arena)

    assert (arena / "mcp_data" / "manifest.json").exists()


def test_a_venue_that_lost_its_last_trades_is_found_by_reconciliation(arena: Path) -> None:
    def without_last_fill(lines: list[bytes]) -> list[bytes]:
        last = max(place for place, line in enumerate(lines) if b'"trade_id"' in line)
        return lines[:last]

    edit(changes(arena), without_last_fill)
    config = arena / "etc" / "nof0.yaml"

    ended = call("run", "--config", config, "--until", LONG_AGO)
    incidents = call("journal", "show", "--config", config, "--kind", "Incident")

    assert ended.returncode == 0, ended.stderr
    assert "drift" in incidents.stdout
    assert call("journal", "verify", "--config", config).returncode == 1
