"""``kill -9`` at the N-th call that reaches the disk: the next start recovers, nothing is lost, nothing is doubled."""

from pathlib import Path
from random import Random

import pytest

from tests.faults.kills import a_kill, kill_and_recover, kill_by_strace
from tests.processes.quick_arena import write_arena

KILLS = 3


def test_kills_at_the_nth_call_lose_nothing_and_do_nothing_twice(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = Random(seed)
    config, log = write_arena(tmp_path), tmp_path / "engine.log"
    story = []

    for _ in range(KILLS):
        kill = a_kill(rng)
        death = kill_and_recover(config, log, kill)
        story.append(f"{kill}: {f'killed at {death.call} in {death.place}' if death.call else 'not reached, stopped'}")

    with capsys.disabled():
        print(f"\nseed {seed}: " + "; ".join(story))
    assert sum("killed" in line for line in story) >= KILLS // 2


def test_an_engine_that_nothing_was_put_into_dies_at_a_sync_and_recovers(tmp_path: Path) -> None:
    config = write_arena(tmp_path)

    death = kill_by_strace(config, tmp_path, "fdatasync", 12)

    if death is None:
        pytest.skip("there is no strace here, or it may not trace: the shim alone kills")
    assert death.call
