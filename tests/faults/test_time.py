"""Time that does not pass as it should: a process that is stopped for a while, a wall clock that is set."""

import time
from pathlib import Path
from random import Random

import pytest

from tests.faults.machine import nothing_twice, recovered, trading
from tests.faults.stops import SECOND_ENGINES, STALE_MS, openings_out_of_time, stop_again_and_again
from tests.processes.quick_arena import write_arena
from tests.processes.running import entries_of

HOUR_MS = 3_600_000
STOPS = 5  # ``python -m tests.faults --stops 20`` does more of them


def test_an_engine_that_is_stopped_skips_what_passed_meanwhile_and_keeps_every_other_engine_out(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = stop_again_and_again(tmp_path, Random(seed), STOPS)

    with capsys.disabled():
        print(f"\nseed {seed}: {found}")
    assert found.faults == []
    assert max(found.stale_ms, default=0) <= STALE_MS
    assert found.skipped >= STOPS
    assert found.refused == -(-STOPS // SECOND_ENGINES)


def test_a_wall_clock_set_forward_and_back_opens_no_slot_twice_and_none_late(tmp_path: Path) -> None:
    config, log, offset = write_arena(tmp_path), tmp_path / "engine.log", tmp_path / "offset"
    with trading(config, log, {"clock": str(offset)}) as (engine, tail):
        offset.write_text(str(HOUR_MS))
        tail.wait_for(b'"why":"late"', engine)
        tail.wait_for(b'"kind":"SlotOpened"', engine, 3)
        offset.write_text("0")
        time.sleep(2.5)
        offset.write_text(str(HOUR_MS))
        tail.wait_for(b'"kind":"SlotOpened"', engine, 2)

    entries = entries_of(config)
    instants = [entry.ts for entry in entries]
    assert instants == sorted(instants)
    assert instants[-1] - instants[0] > HOUR_MS
    assert nothing_twice(entries) == []
    assert openings_out_of_time(config) == []
    recovered(config)
