"""Checks: that the runs that are timed are right, and go through everything that live trading goes through."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct

from benchmarks.arena import Outcome, play
from benchmarks.defects import DEFECTS
from benchmarks.tape import Tape, make_tape

DEFECT_BARS = 6_000
VARIANT_BARS = 50_000
OTHER_TAPE = Path(__file__).resolve().parents[2] / "shared" / "bench" / "gen_tape.py"


class Check(Struct, frozen=True, kw_only=True):
    """One check: what was looked at, whether it holds (``None``: could not be looked at), and what was found."""

    name: str
    holds: bool | None
    found: str


def of_equality(every_bar: Outcome, at_points: Outcome, what: str) -> Iterator[Check]:
    """Whether a strategy called on every bar and one called at its decision points end with the very same account."""
    for outcome, mode in ((every_bar, "A1"), (at_points, "A2")):
        yield Check(
            name=f"{what}, {mode}: every order that was sent was filled once",
            holds=outcome.submits == outcome.fills,
            found=f"{outcome.submits} orders, {outcome.fills} fills",
        )
        yield Check(
            name=f"{what}, {mode}: book and venue never differed", holds=not outcome.drifts, found=f"{outcome.drifts}"
        )
    same = every_bar.fills == at_points.fills and every_bar.equity_usd == at_points.equity_usd
    yield Check(
        name=f"{what}: A1 and A2 have the same fills and the same equity, to the last digit",
        holds=same,
        found=f"{every_bar.equity_usd:.6f} and {at_points.equity_usd:.6f} USD",
    )


def of_exits_and_funding() -> Iterator[Check]:
    """The same with a stop and a target at every entry and funding every hour."""
    tape = make_tape(VARIANT_BARS)
    every_bar = play(tape, every_slot=True, exits_and_funding=True)
    at_points = play(tape, every_slot=False, exits_and_funding=True)
    yield from of_equality(every_bar, at_points, "with exits and funding")
    yield Check(
        name="with exits and funding: stops, targets and funding really happened",
        holds=at_points.stops_and_targets > 100 and at_points.funding_usd != 0,
        found=f"{at_points.stops_and_targets} stops and targets, {at_points.funding_usd:.2f} USD of funding",
    )


def of_defects() -> Iterator[Check]:
    """Whether a defect planted in one place changes what both modes end with: then neither goes around that place."""
    tape = make_tape(DEFECT_BARS)
    sound = play(tape, every_slot=False).equity_usd
    for place, planted in DEFECTS.items():
        with planted():
            every_bar, at_points = (play(tape, every_slot=mode).equity_usd for mode in (True, False))
        yield Check(
            name=f"a defect in the {place} shows in A1 and in A2",
            holds=every_bar != sound and at_points != sound,
            found=f"{sound - every_bar:+.2f} and {sound - at_points:+.2f} USD",
        )


def of_the_tape(tape: Tape) -> Check:
    """Whether the tape is the one that published figures were measured on, where its generator is at hand."""
    name = "the tape is the one of the published figures"
    if not OTHER_TAPE.exists():
        return Check(name=name, holds=None, found="its generator is not at hand")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape.npz"
        subprocess.run([sys.executable, OTHER_TAPE, path, str(len(tape.open_ms))], check=True, capture_output=True)
        with np.load(path) as other:
            ours = [np.stack([bars[field] for bars in tape.bars.values()]) for field in range(5)]
            same = all(np.array_equal(mine, other[field]) for mine, field in zip(ours, "ohlcv", strict=True))
            same = same and np.array_equal(tape.open_ms, other["ts"])
    return Check(name=name, holds=bool(same), found="equal" if same else "different")
