"""The whole engine in simulated universes: what a seed decides, it decides again; and no promise is broken in any."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from engine.simulation.faults import HIGHEST
from engine.simulation.outcome import Outcome
from engine.simulation.plan import drawn_plan
from engine.simulation.shrink import decoded, replay_story, told
from engine.simulation.universe import Universe, simulate_seed

ROOT = Path(__file__).parents[2]
STORIES = sorted((Path(__file__).parent / "seeds").glob("*.json"))
FIRST = int(os.environ.get("SIMULATION_FIRST_SEED", "0"))
BATCH = 10
BATCHES = 20
SEEN: dict[int, Outcome] = {}


def lived(seed: int) -> Outcome:
    """The universe of a seed, run once however many tests ask for it."""
    if seed not in SEEN:
        SEEN[seed] = simulate_seed(seed)
    return SEEN[seed]


@pytest.mark.parametrize("path", STORIES, ids=[path.stem for path in STORIES])
def test_a_failure_of_the_past_does_not_come_back(path: Path) -> None:
    outcome = replay_story(decoded(path.read_bytes()))

    assert outcome.violation is None, told(outcome)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_promise_is_broken_in_two_hours_of_faults(batch: int) -> None:
    first = FIRST + batch * BATCH
    outcomes = [lived(seed) for seed in range(first, first + BATCH)]

    broken = [f"seed {outcome.seed}: {outcome.violation}" for outcome in outcomes if outcome.violation is not None]
    assert broken == [], "engine simulate --seeds <seed> --stories <folder> shrinks it and tells the story"


def test_the_universes_are_not_quiet() -> None:
    """A run in which nothing happened is safe, too: every kind of fault has to be met, and orders have to be filled."""
    outcomes = [lived(seed) for seed in range(FIRST, FIRST + 30)]

    faults = Counter(kind for outcome in outcomes for kind in outcome.faults)
    assert sorted(set(HIGHEST) - set(faults)) == []
    assert sum(outcome.fills for outcome in outcomes) > 30 * 30
    assert sum(outcome.ambiguous for outcome in outcomes) > 30 * 3
    assert sum(outcome.crashes for outcome in outcomes) > 30


def test_the_same_seed_gives_the_same_trace_under_another_hash_seed() -> None:
    program = (
        "from engine.simulation.universe import simulate_seed\n"
        "print([simulate_seed(seed, 40).trace for seed in (3, 5, 11)])"
    )
    traces = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "20251020")
    ]

    assert traces[0] == traces[1]
    assert json.loads(traces[0].replace("'", '"')) == [simulate_seed(seed, 40).trace for seed in (3, 5, 11)]


def test_other_seeds_are_other_universes() -> None:
    assert len({simulate_seed(seed, 5).trace for seed in range(10)}) == 10


def test_a_universe_without_faults_has_nobody_crash_and_nothing_in_doubt() -> None:
    plan = drawn_plan(3, 30)

    outcome = Universe(plan, keep=()).run()

    assert outcome.violation is None
    assert (outcome.fired, outcome.crashes, outcome.ambiguous, outcome.starts) == ((), 0, 0, 1)
    assert outcome.fills > 0
