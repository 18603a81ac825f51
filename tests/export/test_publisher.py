"""The exporter: a generation in the folder that says which journal it comes from, and never runs ahead of it."""

from pathlib import Path

import pytest

from api.handoff.generation import open_generation
from engine.export.publisher import Exporter, JournalHead
from tests.export.arena import eventful


def test_what_was_projected_can_be_opened_as_one_generation(tmp_path: Path) -> None:
    arena = eventful(2)
    head = head_at(arena.projection.seq)

    Exporter(arena.projection, tmp_path).export(arena.now_ms, head)

    generation = open_generation(tmp_path)
    assert (generation.head, generation.created_ms) == (head, arena.now_ms)
    assert generation.documents == arena.projection.documents()


def test_documents_that_the_journal_does_not_hold_yet_are_not_published(tmp_path: Path) -> None:
    arena = eventful(1)

    with pytest.raises(AssertionError, match="durable"):
        Exporter(arena.projection, tmp_path).export(arena.now_ms, head_at(arena.projection.seq - 1))

    assert open_generation(tmp_path).documents == {}


def test_what_was_prepared_does_not_change_while_its_durability_is_awaited(tmp_path: Path) -> None:
    arena = eventful(1)
    exporter = Exporter(arena.projection, tmp_path)
    prepared = exporter.prepare()
    was = dict(prepared.documents)

    arena.price(BTC=500, ETH=50)
    exporter.publish(prepared, head_at(prepared.seq), arena.now_ms)

    assert open_generation(tmp_path).documents == was != arena.projection.documents()


def head_at(seq: int) -> JournalHead:
    return JournalHead(seq=seq, hash="ab" * 32)
