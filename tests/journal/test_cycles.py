"""The per-trader cycle files: one readable file a closed slot, from the same records as everything else."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.executor.selector.selector import Selector
from engine.journal.cycles import WAITING_MAX, CycleFiles
from engine.journal.errors import JournalBroken
from engine.manager import record as r
from engine.manager.recorder import replay
from engine.manager.state import State
from engine.model.ids import TraderId
from tests.arena.chat import Speaker, model_decider
from tests.arena.scripts import MINUTE_MS, T0, buy, close
from tests.arena.small_arena import SmallArena, Trader
from tests.executor.selector.libraries import Told, a_library


def at_once(seq: int) -> None:
    """A journal that is always durable."""


@contextmanager
def filed(arena: SmallArena, folder: Path) -> Iterator[CycleFiles]:
    """The cycle files of ann, and of nobody else."""
    files = CycleFiles({TraderId("ann"): folder}, arena.state, known_seq=0, durable=at_once)
    arena.recorder.sinks.append(files)
    with files:
        yield files


def played(folder: Path) -> SmallArena:
    """Ann buys in minute 1 and closes in minute 3; bob does the same without files."""
    script = {1: buy(quantity="2"), 3: close()}
    arena = SmallArena({"ann": script, "bob": script})
    with filed(arena, folder):
        arena.play(5)
    return arena


def read(path: Path) -> dict[str, Any]:
    """What a file says."""
    return dict(msgspec.json.decode(path.read_bytes()))


def names(folder: Path) -> list[str]:
    """The files there, by name."""
    return sorted(path.name for path in folder.iterdir())


def test_a_slot_leaves_one_file_that_says_what_was_decided_and_what_came_of_it(tmp_path: Path) -> None:
    arena = played(tmp_path / "ann")

    cycle = read(tmp_path / "ann" / "cycle_20251020T000100.json")

    assert (cycle["trader"], cycle["slot"], cycle["outcome"]) == ("ann", "2025-10-20T00:01:00.000Z", "acted")
    assert [decision["signal"] for decision in cycle["decisions"]] == ["buy_to_enter"]
    assert [verdict["type"] for verdict in cycle["verdicts"]] == ["approved"]
    (intent,), (report,), (fill,), (held,) = (
        cycle["intents"],
        cycle["reports"],
        cycle["fills"],
        cycle["account"]["positions"],
    )
    assert Decimal(intent["envelope"]["action"]["quantity"]) == 2
    assert Decimal(report["report"]["filled_quantity"]) == 2
    assert (Decimal(fill["price"]), Decimal(fill["quantity"])) == (Decimal(100), Decimal(2))
    assert Decimal(held["quantity"]) == 2
    closed = [e for e in arena.entries if isinstance(e.record, r.SlotClosed) and e.trader == "ann"]
    assert len(names(tmp_path / "ann")) == len(closed)
    assert cycle["record"] in [entry.seq for entry in closed]


def test_a_slot_that_asked_a_model_names_its_prompt_and_counts_the_numbers_of_the_reply(tmp_path: Path) -> None:
    reply = msgspec.json.encode({"decisions": [], "chain_of_thought": "41.5 was never shown", "summary": ""})
    arena = SmallArena({"ann": Trader(decider=model_decider(Speaker(reply)))})
    with filed(arena, tmp_path):
        arena.at(1).observe().slot("ann")

    cycle = read(tmp_path / "cycle_20251020T000100.json")

    assert cycle["prompt_version"] == "tests/system 1.0.0, tests/user 1.0.0"
    assert (len(cycle["prompt_digest"]), len(cycle["prompt_templates"])) == (32, 32)
    assert cycle["grounding"] == {"cited": 1, "grounded": 0}


def test_only_traders_with_a_folder_get_files(tmp_path: Path) -> None:
    played(tmp_path / "ann")

    assert names(tmp_path) == ["ann"]


def test_a_restart_writes_what_is_missing_and_leaves_what_is_there(tmp_path: Path) -> None:
    arena = played(tmp_path / "ann")
    before = {name: (tmp_path / "ann" / name).read_bytes() for name in names(tmp_path / "ann")}
    (tmp_path / "ann" / "cycle_20251020T000100.json").unlink()

    state = State()
    files = CycleFiles({TraderId("ann"): tmp_path / "ann"}, state, known_seq=arena.recorder.seq, durable=at_once)
    with files:
        replay(iter(arena.entries), state, [files])

    assert {name: (tmp_path / "ann" / name).read_bytes() for name in names(tmp_path / "ann")} == before


def test_the_file_of_another_slot_is_never_overwritten(tmp_path: Path) -> None:
    played(tmp_path / "ann")
    first = (tmp_path / "ann" / "cycle_20251020T000100.json").read_bytes()

    played(tmp_path / "ann")  # another arena, with a journal of its own, in the same folder

    assert (tmp_path / "ann" / "cycle_20251020T000100.json").read_bytes() == first
    assert "cycle_20251020T000100_2.json" in names(tmp_path / "ann")


def test_a_disk_that_takes_no_files_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "ann").write_text("a file where the folder should be")

    with caplog.at_level(logging.ERROR):
        arena = played(tmp_path / "ann")

    assert "acted" in arena.outcomes("ann")
    assert {entry.message for entry in caplog.records} == {"cycle file not written"}


def test_nothing_is_written_of_a_slot_that_is_not_durable(tmp_path: Path) -> None:
    def broken(seq: int) -> None:
        raise JournalBroken("the disk is full")

    arena = SmallArena({"ann": {1: buy()}})
    with CycleFiles({TraderId("ann"): tmp_path / "ann"}, arena.state, known_seq=0, durable=broken) as files:
        arena.recorder.sinks.append(files)
        arena.play(3)

    assert not (tmp_path / "ann").exists()


def test_trading_never_waits_for_a_disk_that_hangs(tmp_path: Path) -> None:
    arena = SmallArena({"ann": {}})
    files = CycleFiles({TraderId("ann"): tmp_path / "ann"}, arena.state, known_seq=0, durable=at_once)
    files.go_live()

    for minute in range(WAITING_MAX + 10):  # nobody takes them: the thread was never started
        closed = r.SlotClosed(slot_ms=minute * 60_000, outcome="held")
        files.entry(r.Entry(seq=minute + 1, ts=minute * 60_000, trader=TraderId("ann"), record=closed))

    assert not (tmp_path / "ann").exists()


def test_the_file_of_a_selector_tells_its_weights_where_they_changed_and_no_other_file_does(tmp_path: Path) -> None:
    selector = Selector(
        library=a_library({"up": Told()}, {"up": {"range": 1.0}}, regime_interval_ms=MINUTE_MS),
        top=1,
        reweigh_ms=60 * MINUTE_MS,
        least_change=Decimal("0.05"),
    )
    waves = {"BTC": [100.0, 101.0] * 60}
    arena = SmallArena({"ann": Trader(decider=selector), "bob": {}}, waves, from_ms=T0 + 60 * MINUTE_MS)
    with filed(arena, tmp_path):
        arena.play(62)

    first, second = (read(tmp_path / name) for name in names(tmp_path))

    assert first["selection"]["weights"] == {"up": 1.0}
    assert "selection" not in second
