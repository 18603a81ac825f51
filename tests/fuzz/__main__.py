"""``python -m tests.fuzz``: as many replies as there is time for, over several processes, by one seed."""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from engine.executor import risk
from tests.fuzz.campaign import REPLIES_A_CASE, OpenDoor, Tally, play
from tests.fuzz.envelope import breaches_of_opening

CASES_A_PIECE = 100


def main() -> int:
    """0 when nothing was found, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--replies", type=int, default=100_000, help="how many replies (rounded up to whole cases)")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes")
    parser.add_argument("--seed", type=int, default=1, help="the same seed plays the same replies")
    parser.add_argument("--case", type=int, help="play one case alone: the number that a fault names")
    parser.add_argument("--prove", action="store_true", help="leave out one rule of risk after the other: is it seen?")
    asked = parser.parse_args()
    if asked.prove:
        return prove(asked.seed, asked.replies // REPLIES_A_CASE)
    first = 0 if asked.case is None else asked.case
    cases = -(-asked.replies // REPLIES_A_CASE) if asked.case is None else 1
    began = time.monotonic()
    tally = Tally()
    with ProcessPoolExecutor(asked.jobs) as pool:
        pieces = [
            pool.submit(play, asked.seed, start, min(start + CASES_A_PIECE, first + cases))
            for start in range(first, first + cases, CASES_A_PIECE)
        ]
        for done in as_completed(pieces):
            tally.add(done.result())
            print(f"\r{tally.replies} replies, {len(tally.faults)} faults", end="", file=sys.stderr, flush=True)
    took_s = time.monotonic() - began
    print(file=sys.stderr)
    print(f"seed {asked.seed}: {took_s:.1f} s, {tally.replies / took_s:.0f} replies a second")
    print("\n".join(tally.lines()))
    return 1 if tally.faults else 0


def prove(seed: int, cases: int) -> int:
    """Leave out one rule of risk after the other, and tell after how many cases the checker noticed."""
    rules = risk.RULES
    for missing in rules:
        risk.RULES = tuple(rule for rule in rules if rule is not missing)
        risk._active.clear()
        noticed = next((case for case in range(cases) if _faults(seed, case)), None)
        print(f"without {missing.name:<26}", "never noticed" if noticed is None else f"noticed in case {noticed}")
    risk.RULES = rules
    risk._active.clear()
    return 0


def _faults(seed: int, case: int) -> list[str]:
    return play(seed, case, case + 1, judge=breaches_of_opening, gateway=OpenDoor).faults


if __name__ == "__main__":
    sys.exit(main())
