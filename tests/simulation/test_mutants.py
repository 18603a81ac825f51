"""Known defects are found: the only evidence that the simulation can see anything."""

from typing import Any

import msgspec
import pytest

from engine.simulation.universe import simulate_seed
from tests.simulation.measure import PAGE, TABLE, page
from tests.simulation.mutants import MUTANTS, Mutant

MEASURED: dict[str, Any] = msgspec.json.decode(TABLE.read_bytes())


def test_the_page_for_people_shows_what_was_measured() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(MEASURED)
    assert list(MEASURED) == [mutant.name for mutant in MUTANTS]


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_planted_defect_is_found(mutant: Mutant) -> None:
    """By one of the seeds that were measured to find it: ``python -m tests.simulation.measure`` measures anew."""
    seeds = MEASURED[mutant.name]["seeds"]
    with mutant.on():
        found = next((seed for seed in seeds if simulate_seed(seed).violation is not None), None)

    assert seeds, f"{mutant.name} has never been found"
    assert found is not None, f"none of the seeds {seeds} shows {mutant.name} any more"
