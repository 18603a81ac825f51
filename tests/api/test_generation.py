"""Publishing: a whole set or the one before, nothing written twice, nothing left behind."""

import json
from pathlib import Path

import pytest

from api.handoff.generation import (
    GenerationError,
    JournalHead,
    Publisher,
    content_hash,
    open_generation,
    publish,
)
from tests.api.documents import HEAD

MINUTE_MS = 60_000


def test_what_was_published_is_opened_with_its_number_its_head_and_its_time(tmp_path: Path) -> None:
    manifest = publish(tmp_path, {"trades": b"[1]", "analytics-gpt-5": b"[2]"}, head=HEAD, now_ms=5)

    opened = open_generation(tmp_path)

    assert (opened.number, opened.head, opened.created_ms) == (1, HEAD, 5)
    assert opened.documents == {"trades": b"[1]", "analytics-gpt-5": b"[2]"}
    assert manifest.documents["trades"].blob == content_hash(b"[1]")


def test_the_number_grows_and_goes_on_growing_after_a_restart(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    numbers = [publisher.publish({"trades": b"1"}, None, now_ms).generation for now_ms in (1, 2)]

    numbers.append(Publisher(tmp_path).publish({"trades": b"1"}, None, 3).generation)

    assert numbers == [1, 2, 3]


def test_an_unchanged_document_is_not_written_again(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish({"trades": b"1", "positions": b"2"}, None, 1)
    before = inodes(tmp_path / "blobs")

    publisher.publish({"trades": b"1", "positions": b"3"}, None, 2)
    after = inodes(tmp_path / "blobs")

    assert {name: after[name] for name in before} == before
    assert len(after) == 3


def test_flat_names_are_links_to_the_current_blobs(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish({"trades": b"1"}, None, 1)
    publisher.publish({"trades": b"2"}, None, 2)

    assert (tmp_path / "trades.json").read_bytes() == b"2"
    assert (tmp_path / "trades.json").samefile(tmp_path / "blobs" / f"{content_hash(b'2')}.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "manifest.json", "trades.json"]


def test_where_links_are_not_possible_flat_names_are_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError("not on this file system")

    monkeypatch.setattr("os.link", no_links)
    publisher = Publisher(tmp_path)
    publisher.publish({"trades": b"1"}, None, 1)
    publisher.publish({"trades": b"2"}, None, 2)

    assert (tmp_path / "trades.json").read_bytes() == b"2"
    assert not (tmp_path / "trades.json").samefile(tmp_path / "blobs" / f"{content_hash(b'2')}.json")


def test_a_document_that_is_no_longer_in_the_set_loses_its_flat_name(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish({"trades": b"1", "positions": b"2"}, None, 1)
    publisher.publish({"trades": b"1"}, None, 2)

    assert not (tmp_path / "positions.json").exists()
    assert list(open_generation(tmp_path).documents) == ["trades"]


def test_a_blob_stays_for_ten_minutes_after_its_last_generation(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    old = tmp_path / "blobs" / f"{content_hash(b'old')}.json"
    publisher.publish({"trades": b"old"}, None, 0)
    publisher.publish({"trades": b"new"}, None, 60 * MINUTE_MS)

    publisher.publish({"trades": b"new"}, None, 70 * MINUTE_MS - 1)
    assert old.exists()
    publisher.publish({"trades": b"new"}, None, 70 * MINUTE_MS)
    assert not old.exists()


def test_the_ten_minutes_go_on_counting_through_a_restart(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish({"trades": b"old"}, None, 0)
    publisher.publish({"trades": b"new"}, None, 0)

    restarted = Publisher(tmp_path)
    assert (tmp_path / "blobs" / f"{content_hash(b'old')}.json").exists()
    restarted.publish({"trades": b"new"}, None, 10 * MINUTE_MS)

    assert [path.stem for path in (tmp_path / "blobs").iterdir()] == [content_hash(b"new")]


def test_a_document_that_comes_back_is_not_collected(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    for number, content in enumerate([b"a", b"b", b"a"]):
        publisher.publish({"trades": content}, None, number)

    publisher.publish({"trades": b"a"}, None, 60 * MINUTE_MS)

    assert open_generation(tmp_path).documents == {"trades": b"a"}


def test_what_an_interrupted_publication_left_is_cleared_away(tmp_path: Path) -> None:
    publish(tmp_path, {"trades": b"1"}, head=None, now_ms=1)
    (tmp_path / "blobs" / f"{content_hash(b'orphan')}.json").write_bytes(b"orphan")
    (tmp_path / "blobs" / ".new-x.json").write_bytes(b"half")
    (tmp_path / ".new-manifest.json").write_bytes(b"half")
    (tmp_path / "trades.json").unlink()

    Publisher(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "manifest.json", "trades.json"]
    assert [path.stem for path in (tmp_path / "blobs").iterdir()] == [content_hash(b"1")]


def test_a_folder_that_was_deleted_is_whole_again_after_the_next_publication(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path / "published")
    publisher.publish({"trades": b"1", "positions": b"2"}, None, 1)
    for path in [*(tmp_path / "published" / "blobs").iterdir(), *(tmp_path / "published").glob("*.json")]:
        path.unlink()
    (tmp_path / "published" / "blobs").rmdir()
    (tmp_path / "published").rmdir()

    publisher.publish({"trades": b"1", "positions": b"2"}, None, 2)

    assert open_generation(tmp_path / "published").documents == {"trades": b"1", "positions": b"2"}


def test_a_publication_that_fails_leaves_the_set_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish({"trades": b"1"}, None, 1)

    def disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", disk_full)
        with pytest.raises(OSError, match="No space left"):
            publisher.publish({"trades": b"2"}, None, 2)
    assert open_generation(tmp_path).documents == {"trades": b"1"}

    publisher.publish({"trades": b"3"}, None, 3)
    assert open_generation(tmp_path).documents == {"trades": b"3"}


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "manifest", "a b", "x" * 129, "ü", "a\\b", "a\n"])
def test_a_name_that_is_not_fit_for_a_file_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(GenerationError, match="cannot be the name"):
        Publisher(tmp_path).publish({"trades": b"1", name: b"2"}, None, 1)

    assert [path.name for path in tmp_path.iterdir()] == ["blobs"]


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b'{"generation":1,',
        b"[]",
        b"\xff",
        b'{"generation":1,"head":null,"created_ms":1,"documents":{"trades":{"blob":"../../etc/passwd","size":1}}}',
        b'{"generation":1,"head":null,"created_ms":1,"documents":{"../x":{"blob":"' + b"0" * 40 + b'","size":1}}}',
    ],
)
def test_a_manifest_that_is_none_is_a_clear_error(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(torn)

    with pytest.raises(GenerationError, match=r"manifest\.json is not a manifest"):
        open_generation(tmp_path)
    with pytest.raises(GenerationError, match=r"manifest\.json is not a manifest"):
        Publisher(tmp_path)


def test_a_blob_that_is_missing_or_was_changed_is_a_clear_error(tmp_path: Path) -> None:
    publish(tmp_path, {"trades": b"1"}, head=None, now_ms=1)
    blob = tmp_path / "blobs" / f"{content_hash(b'1')}.json"

    blob.chmod(0o644)
    blob.write_bytes(b"2")
    with pytest.raises(GenerationError, match="does not have the content"):
        open_generation(tmp_path)
    blob.unlink()
    with pytest.raises(GenerationError, match="names a blob that is not in"):
        open_generation(tmp_path)


def test_contents_that_are_held_already_are_not_read_again(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path)
    publisher.publish({"trades": b"1", "positions": b"2"}, None, 1)
    before = open_generation(tmp_path)
    publisher.publish({"trades": b"1", "positions": b"3"}, None, 2)

    after = open_generation(tmp_path, before)

    assert after.documents["trades"] is before.documents["trades"]
    assert after.documents["positions"] == b"3"


def test_a_folder_of_flat_files_is_generation_zero(tmp_path: Path) -> None:
    (tmp_path / "trades.json").write_bytes(b"{}")
    (tmp_path / "notes.txt").write_bytes(b"not a document")
    (tmp_path / ".hidden.json").write_bytes(b"nor this")

    opened = open_generation(tmp_path)

    assert (opened.number, opened.head, opened.documents) == (0, None, {"trades": b"{}"})
    assert opened.created_ms == (tmp_path / "trades.json").stat().st_mtime_ns // 1_000_000


def test_a_first_publication_while_flat_files_are_being_read_is_opened_by_its_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_bytes = Path.read_bytes

    def overtaken(path: Path) -> bytes:
        if path.name == "trades.json" and path.parent == tmp_path:
            publish(tmp_path, {"trades": b"new"}, head=HEAD, now_ms=1)
        return read_bytes(path)

    (tmp_path / "trades.json").write_bytes(b"old")
    monkeypatch.setattr(Path, "read_bytes", overtaken)

    opened = open_generation(tmp_path)

    assert (opened.number, opened.head, opened.documents) == (1, HEAD, {"trades": b"new"})


def test_a_folder_that_is_empty_or_not_there_has_no_documents(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        opened = open_generation(folder)
        assert (opened.documents, opened.created_ms) == ({}, 0)


def test_the_manifest_is_plain_json_for_other_readers(tmp_path: Path) -> None:
    publish(tmp_path, {"trades": b"1"}, head=JournalHead(seq=7, hash="h"), now_ms=5)

    assert json.loads((tmp_path / "manifest.json").read_bytes()) == {
        "generation": 1,
        "head": {"seq": 7, "hash": "h"},
        "created_ms": 5,
        "documents": {"trades": {"blob": content_hash(b"1"), "size": 1}},
        "retired": {},
    }


def inodes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir()}
