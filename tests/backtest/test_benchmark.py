"""The benchmark's own runs on a short tape: both modes are one arena, and no part of it is left out of either."""

import pytest

from benchmarks.arena import play
from benchmarks.defects import DEFECTS
from benchmarks.tape import make_tape

TAPE = make_tape(2_000)


@pytest.mark.parametrize("exits_and_funding", [False, True])
def test_called_on_every_bar_or_at_its_points_a_strategy_ends_with_the_same_account(exits_and_funding: bool) -> None:
    every_bar = play(TAPE, every_slot=True, exits_and_funding=exits_and_funding)
    at_points = play(TAPE, every_slot=False, exits_and_funding=exits_and_funding)

    assert every_bar.submits == every_bar.fills == at_points.submits == at_points.fills > 400
    assert every_bar.equity_usd == at_points.equity_usd
    assert every_bar.drifts == at_points.drifts == 0
    assert (at_points.stops_and_targets > 0, at_points.funding_usd != 0) == (exits_and_funding, exits_and_funding)


@pytest.mark.parametrize("place", DEFECTS)
def test_a_defect_planted_in_one_part_shows_in_both_modes(place: str) -> None:
    sound = play(TAPE, every_slot=False).equity_usd

    with DEFECTS[place]():
        found = [play(TAPE, every_slot=mode).equity_usd for mode in (True, False)]

    assert sound not in found
