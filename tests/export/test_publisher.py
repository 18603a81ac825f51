"""The exporter: a generation in the folder that says which journal it comes from, and never runs ahead of it."""

from pathlib import Path

import pytest

from api.handoff.generation import GenerationError, JournalHead, open_generation
from engine.export.anchor import published_head
from engine.export.publisher import Exporter
from tests.export.arena import eventful

HASH = "ab" * 32


def test_what_was_projected_can_be_opened_as_one_generation(tmp_path: Path) -> None:
    arena = eventful(2)
    seq = arena.projection.seq

    Exporter(arena.projection, tmp_path).export(arena.now_ms, (seq, HASH))

    generation = open_generation(tmp_path)
    assert (generation.head, generation.created_ms) == (JournalHead(seq=seq, hash=HASH), arena.now_ms)
    assert generation.documents == arena.projection.documents()


def test_documents_that_the_journal_does_not_hold_yet_are_not_published(tmp_path: Path) -> None:
    arena = eventful(1)

    with pytest.raises(AssertionError, match="durable"):
        Exporter(arena.projection, tmp_path).export(arena.now_ms, (arena.projection.seq - 1, HASH))

    assert open_generation(tmp_path).documents == {}


def test_what_was_prepared_does_not_change_while_its_durability_is_awaited(tmp_path: Path) -> None:
    arena = eventful(1)
    exporter = Exporter(arena.projection, tmp_path)
    prepared = exporter.prepare(arena.now_ms)
    was = dict(prepared.documents)

    arena.price(BTC=500, ETH=50)
    exporter.publish(prepared, (prepared.seq, HASH))

    assert open_generation(tmp_path).documents == was != arena.projection.documents()


def test_the_published_files_anchor_the_journal(tmp_path: Path) -> None:
    arena = eventful(1)
    assert published_head(tmp_path) is None

    Exporter(arena.projection, tmp_path).export(arena.now_ms, (999, HASH))

    assert published_head(tmp_path) == (999, HASH)


def test_a_malformed_manifest_is_no_anchor(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")

    with pytest.raises(GenerationError, match="manifest"):
        published_head(tmp_path)
