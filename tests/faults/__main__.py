"""``python -m tests.faults``: as many kills as there is time for, at calls that a seed chose, each recovered from.

A work folder serves ``ARENA_KILLS`` kills in a row, so that recoveries stand on recoveries; then a new one begins.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from tests.faults.kills import a_kill, kill_and_recover, kill_by_strace
from tests.faults.machine import SYNCS
from tests.processes.quick_arena import write_arena

ARENA_KILLS = 10


def main() -> int:
    """0 when every kill was recovered from, 1 otherwise; what failed is kept and named."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=1, help="arenas at a time")
    parser.add_argument("--seed", type=int, default=1, help="the same seed chooses the same calls")
    parser.add_argument("--strace", action="store_true", help="kill unmodified engines, by strace; needs it")
    asked = parser.parse_args()
    began = time.monotonic()
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(asked.jobs) as pool:
        pieces = [
            pool.submit(series, asked.seed, first, min(ARENA_KILLS, asked.kills - first), asked.strace)
            for first in range(0, asked.kills, ARENA_KILLS)
        ]
        for piece in pieces:
            counts.update(piece.result())
    print(f"seed {asked.seed}: {time.monotonic() - began:.0f} s, " + ", ".join(f"{n} {w}" for w, n in counts.items()))
    return 1 if counts["failed"] else 0


def series(seed: int, first: int, kills: int, by_strace: bool) -> Counter[str]:
    """A number of kills on one arena; how many were reached, were not, and failed."""
    folder = Path(tempfile.mkdtemp(prefix="nof0-faults-"))
    config, counts = write_arena(folder), Counter[str]()
    for number in range(first, first + kills):
        rng = Random(f"{seed}:{number}")
        kill = a_kill(rng)
        try:
            if by_strace:
                reached = kill_by_strace(config, folder, rng.choice([*SYNCS, "write", "rename"]), rng.randint(1, 60))
                assert reached is not None, "there is no strace here that works"
            else:
                reached = kill_and_recover(config, folder / "engine.log", kill)
        except AssertionError as error:
            counts["failed"] += 1
            print(f"kill {number} ({kill}), kept in {folder}: {error}", file=sys.stderr)
            break
        counts["killed and recovered" if reached else "not reached, stopped and recovered"] += 1
    return counts


if __name__ == "__main__":
    sys.exit(main())
