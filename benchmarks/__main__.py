"""``python -m benchmarks``: the backtest against its peer in interleaved rounds, checked; writes docs/benchmarks.md.

``--rounds`` says how often (3), ``--bars`` how long the tape is (200000), ``--no-page`` leaves the page as it is. The
exit code is 1 when a check fails; how long anything took decides nothing.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import asking, checks
from benchmarks.arena import Outcome, play
from benchmarks.page import page
from benchmarks.peer import play_peer
from benchmarks.rounds import Timed, play_rounds, ratio
from benchmarks.tape import BARS, make_tape

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
PEER, EVERY_BAR, AT_POINTS = "backtesting.py 0.6", "A1, every bar", "A2, decision points"


def main() -> int:
    """Run everything; the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bars", type=int, default=BARS)
    parser.add_argument("--no-page", action="store_true")
    arguments = parser.parse_args()
    tape = make_tape(arguments.bars)
    contestants: dict[str, Callable[[], Timed]] = {
        PEER: partial(play_peer, tape),
        EVERY_BAR: partial(play, tape, every_slot=True),
        AT_POINTS: partial(play, tape, every_slot=False),
    }
    told = play_rounds(contestants, arguments.rounds, _tell)
    every_bar, at_points = told[EVERY_BAR][-1], told[AT_POINTS][-1]
    assert isinstance(every_bar, Outcome), "A1 is a run of the arena"
    assert isinstance(at_points, Outcome), "A2 is a run of the arena"
    ratios = {
        f"A1 and {PEER}": ratio(told[PEER], told[EVERY_BAR]),
        f"A2 and {PEER}": ratio(told[PEER], told[AT_POINTS]),
        "A2 and A1": ratio(told[EVERY_BAR], told[AT_POINTS]),
    }
    for name, found in ratios.items():
        _tell(
            f"{name:<28} {found.cpu:5.2f} times faster ({found.least:.2f} to {found.most:.2f}; wall {found.wall:.2f})"
        )
    done = [
        checks.of_the_tape(tape),
        *checks.of_equality(every_bar, at_points, "the full tape"),
        *checks.of_exits_and_funding(),
        *checks.of_defects(),
        asking.check(),
    ]
    for check in done:
        _tell(f"{'ok  ' if check.holds else '-   ' if check.holds is None else 'FAIL'} {check.name}: {check.found}")
    if not arguments.no_page:
        PAGE.write_text(page(at_points, ratios, arguments.rounds, done), encoding="utf-8")
        _tell(f"wrote {PAGE.relative_to(PAGE.parents[1])}")
    return 0 if all(check.holds is not False for check in done) else 1


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
