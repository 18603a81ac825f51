"""A disk that fails: the engine ends and says why, the next start recovers; a file that readers miss ends nothing."""

import errno
from pathlib import Path
from typing import Any

import pytest

from tests.faults.machine import ended, recovered, start, trading
from tests.processes.quick_arena import write_arena
from tests.processes.running import PATIENCE_S, eventually

ENDING: dict[str, tuple[dict[str, Any], str]] = {
    "no space for the journal": (
        {"fail": {"call": "write", "path": "journal/log", "errno": errno.ENOSPC, "at": 15}},
        "No space left on device",
    ),
    "the journal's disk fails": (
        {"fail": {"call": "fdatasync", "path": "journal/log", "errno": errno.EIO, "at": 15}},
        "Input/output error",
    ),
    "no file may grow beyond 100 kB": ({"file_bytes": 100_000}, "File too large"),
    "no space for the venue's log": (
        {"fail": {"call": "write", "path": "changes.jsonl", "errno": errno.ENOSPC, "at": 14}},
        "changes.jsonl",
    ),
}


@pytest.mark.parametrize("what", ENDING)
def test_the_engine_ends_naming_the_cause_and_the_next_start_recovers(tmp_path: Path, what: str) -> None:
    faults, cause = ENDING[what]
    config, log = write_arena(tmp_path), tmp_path / "engine.log"

    code = ended(start(config, log, faults), PATIENCE_S)

    said = log.read_text()
    assert code == 1, said
    last = said.rstrip().splitlines()[-1]
    assert last.startswith("the engine failed: "), said
    assert cause in last
    recovered(config)


def test_trading_goes_on_while_nothing_can_be_published(tmp_path: Path) -> None:
    config, log = write_arena(tmp_path), tmp_path / "engine.log"
    faults = {"fail": {"call": "fsync", "path": "mcp_data", "errno": errno.ENOSPC, "at": 1}}

    with trading(config, log, faults) as (engine, tail):
        tail.wait_for(b'"kind":"Filled"', engine)
        eventually(lambda: "publishing failed" in log.read_text(), "a word about publishing")
        tail.wait_for(b'"kind":"SlotClosed"', engine, 3)

    recovered(config)
