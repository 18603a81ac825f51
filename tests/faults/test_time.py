"""Time that does not pass as it should: a process that is stopped for a while, a wall clock that is set."""

import signal
import time
from pathlib import Path

from engine.manager import record as r
from engine.model.ids import TraderId
from tests.faults.machine import nothing_twice, recovered, trading
from tests.processes.quick_arena import write_arena
from tests.processes.running import entries_of, settings_of

HOUR_MS = 3_600_000


def test_slots_that_passed_while_the_engine_was_stopped_are_skipped_and_nothing_is_sent_late(tmp_path: Path) -> None:
    config, log = write_arena(tmp_path), tmp_path / "engine.log"
    with trading(config, log) as (engine, tail):
        engine.send_signal(signal.SIGSTOP)
        time.sleep(4.2)
        engine.send_signal(signal.SIGCONT)
        tail.wait_for(b'"why":"late"', engine)
        tail.wait_for(b'"kind":"SlotOpened"', engine, 4)

    assert openings_out_of_time(config) == []
    recovered(config)


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


def openings_out_of_time(config: Path) -> list[tuple[str | None, int]]:
    """The slots that were opened when the next one was due already, and by how many milliseconds."""
    interval_ms = {trader.id: trader.interval_ms for trader in settings_of(config).traders}
    return [
        (entry.trader, entry.ts - entry.record.slot_ms)
        for entry in entries_of(config)
        if isinstance(entry.record, r.SlotOpened)
        and entry.ts - entry.record.slot_ms >= interval_ms[TraderId(entry.trader or "")]
    ]
