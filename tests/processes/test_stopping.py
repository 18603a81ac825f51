"""How the engine ends and goes on: signals to a background job, a second engine, the next run, a start cut short."""

import os
import re
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from engine.manager import record as r
from tests.processes.quick_arena import PROJECT_ROOT, write_arena
from tests.processes.running import (
    PATIENCE_S,
    Tail,
    call,
    entries_of,
    environment,
    eventually,
    journal_of,
    running,
    started,
)

# A shell that is not interactive has its background jobs ignore SIGINT: an engine started so must stop all the same.
IN_THE_BACKGROUND = '"$@" >> "$LOG" 2>&1 & echo $!; wait $!; echo "code $?"'


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still live."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def lives(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_background_engine_and_its_api_stop_within_ten_seconds(tmp_path: Path, number: signal.Signals) -> None:
    config, log = write_arena(tmp_path), tmp_path / "engine.log"
    engine = [sys.executable, "-m", "engine", "run", "--config", str(config), "--with-api"]
    shell = subprocess.Popen(
        ["sh", "-c", IN_THE_BACKGROUND, "sh", *engine],
        cwd=PROJECT_ROOT,
        env={**environment(), "LOG": str(log)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout is not None
    pid = int(shell.stdout.readline())
    try:
        eventually(lambda: log.exists() and re.search(r"http://[^\s/]+", log.read_text()), "the address of the API")
        address = re.search(r"http://[^\s/]+", log.read_text())
        assert address is not None
        with httpx.Client(base_url=address[0], trust_env=False, timeout=10) as client:
            eventually(lambda: client.get("/api/account-totals").json()["accountTotals"], "published accounts")
        children = children_of(pid)

        os.kill(pid, number)
        said, _ = shell.communicate(timeout=10)

        assert said == "code 0\n", log.read_text()
        assert children
        assert not [child for child in children if lives(child)]
        assert isinstance(entries_of(config)[-1].record, r.Stopped)
    finally:
        shell.kill()
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_second_engine_on_the_same_state_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    config, log = write_arena(tmp_path), tmp_path / "engine.log"
    with running(config, log) as first:
        second = call("run", "--config", config)

        assert second.returncode == 75
        assert "another engine works on" in second.stderr
        with Tail(journal_of(config)) as tail:
            tail.wait_for(b'"kind":"SlotClosed"', first)
    assert call("journal", "verify", "--config", config).returncode == 0


def test_the_next_run_continues_where_the_last_one_stopped(tmp_path: Path) -> None:
    config, log = write_arena(tmp_path), tmp_path / "engine.log"
    with running(config, log):
        pass
    before = entries_of(config)
    with running(config, log):
        pass
    after = entries_of(config)[len(before) :]

    started, marks = after[0].record, {entry.trader: entry.record for entry in before if is_mark(entry)}
    assert isinstance(started, r.Started)
    assert started.epoch == 2
    assert not [entry for entry in after if isinstance(entry.record, r.Configured | r.Transferred)]
    first_marks = {entry.trader: entry.record for entry in reversed(after) if is_mark(entry)}
    assert first_marks.keys() == marks.keys()
    for trader, mark in first_marks.items():
        last = marks[trader]
        assert isinstance(mark, r.Marked)
        assert isinstance(last, r.Marked)
        assert abs(mark.equity_usd / last.equity_usd - 1) < Decimal("0.01")
    last_slots = {e.trader: e.record.slot_ms for e in before if isinstance(e.record, r.SlotOpened)}
    assert all(e.record.slot_ms > last_slots.get(e.trader, 0) for e in after if isinstance(e.record, r.SlotOpened))


def is_mark(entry: r.Entry) -> bool:
    """Whether an entry is a point of an equity curve."""
    return isinstance(entry.record, r.Marked)


def test_a_start_that_plays_history_can_be_stopped_and_the_next_one_goes_on(tmp_path: Path) -> None:
    config, log = write_arena(tmp_path, {"nof0": {"Arena": {"HistoryDays": 1}}}), tmp_path / "engine.log"
    with started(config, log) as (engine, tail):
        tail.wait_for(b'"kind":"SlotClosed"', engine)

        engine.send_signal(signal.SIGTERM)

        assert engine.wait(PATIENCE_S) == 0, log.read_text()
    assert "stopped before trading began" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert call("run", "--config", config, "--until", "2020-01-01").returncode == 0
    assert call("journal", "verify", "--config", config).returncode == 0
