"""Killed at every effect of four short scenarios, once and twice, the engine goes on correctly; variants differ."""

import pytest

from engine.simulation.crashes import OTHERS, SCENARIOS, effects_of, every_effect, harvest, variant
from engine.simulation.faults import HIGHEST

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


def test_variant_0_is_the_scenario_and_any_other_one_keeps_its_shape_in_another_world() -> None:
    for name, plan in SCENARIOS.items():
        plans = [variant(name, number) for number in range(50)]

        assert plans[0] == plan
        assert plans[7] == variant(name, 7)
        assert len({one.seed for one in plans}) == 50
        assert all(one.accounts == plan.accounts and len(one.traders) == len(plan.traders) for one in plans)
        assert all({*plan.rates} <= {*one.rates} <= {*plan.rates, *OTHERS} for one in plans[1:])
        assert all(set(trader.coins) <= set(one.coins) for one in plans for trader in one.traders)


def test_nobody_but_the_loop_kills_in_a_variant() -> None:
    assert not [kind for kind in OTHERS if kind.startswith(("killed", "terminated"))]
    assert set(OTHERS) < set(HIGHEST)


def test_the_universes_of_a_variant_are_all_different_and_the_same_in_every_run() -> None:
    found, again = harvest("answers lost", 3), harvest("answers lost", 3)

    assert found.broken == []
    assert len(set(found.traces)) == found.universes >= 2 * LEAST_EFFECTS
    assert found.crashes >= found.universes * 3 // 2
    assert found.traces == again.traces
