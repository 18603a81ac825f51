"""Killed at every effect of four short scenarios, once and twice, the engine goes on correctly."""

import pytest

from engine.simulation.crashes import SCENARIOS, effects_of, every_effect

LEAST_EFFECTS = 25


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_any_effect_the_next_start_continues_correctly(name: str) -> None:
    plan = SCENARIOS[name]
    outcomes = list(every_effect(plan))

    broken = [
        f"killed at {crashes}: {outcome.violation}" for crashes, outcome in outcomes if outcome.violation is not None
    ]
    assert broken == []
    assert len(outcomes) == 2 * effects_of(plan) >= 2 * LEAST_EFFECTS
    assert all(outcome.starts > 1 for _, outcome in outcomes)
