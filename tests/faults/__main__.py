"""``python -m tests.faults``: as many kills, or stops, as there is time for, chosen by a seed, each recovered from.

A work folder serves ``ARENA_KILLS`` kills in a row, so that recoveries stand on recoveries; then a new one begins. What
failed is told at once, its folder is kept, and the rest goes on.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from random import Random

from tests.faults.kills import Death, a_kill, kill_and_recover, kill_by_strace
from tests.faults.machine import SYNCS
from tests.faults.stops import STALE_MS, stop_again_and_again
from tests.processes.quick_arena import write_arena

ARENA_KILLS = 10
ARENA_STOPS = 20
FAULTS = (AssertionError, OSError, subprocess.SubprocessError)  # what a run that failed ends with
RESOLVED, ORDERS, FILLS = "orders resolved by evidence", "orders looked at", "fills looked at"


def main() -> int:
    """0 when everything was recovered from, 1 otherwise; what failed is kept and named."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--stops", type=int, default=0, help="stop an engine for longer than a slot, so many times")
    parser.add_argument("--jobs", type=int, default=1, help="arenas at a time")
    parser.add_argument("--seed", type=int, default=1, help="the same seed chooses the same calls")
    parser.add_argument("--strace", action="store_true", help="kill unmodified engines, by strace; needs it")
    asked = parser.parse_args()
    stopped = every(asked.stops, ARENA_STOPS, asked.jobs, lambda first, count: stops(asked.seed, first, count))
    if stopped["failed"]:
        print(f"{stopped['failed']} of the series of stops failed", file=sys.stderr)
    killed = every(asked.kills, ARENA_KILLS, asked.jobs, lambda first, count: kills(asked, first, count))
    return 1 if stopped["failed"] or killed["failed"] else 0


def every(wanted: int, at_once: int, jobs: int, run: Callable[[int, int], Counter[str]]) -> Counter[str]:
    """Run in pieces, so many at a time, and tell how far it is after each; the sums."""
    began, sums = time.monotonic(), Counter[str]()
    if not wanted:
        return sums
    with ThreadPoolExecutor(jobs) as pool:
        pieces = [pool.submit(run, first, min(at_once, wanted - first)) for first in range(0, wanted, at_once)]
        for piece in as_completed(pieces):
            sums.update(piece.result())
            seconds = time.monotonic() - began
            print(
                f"{seconds:.0f} s: " + ", ".join(f"{count} {what}" for what, count in sorted(sums.items())),
                file=sys.__stdout__,  # ``recovered`` keeps for itself what is printed meanwhile
                flush=True,
            )
    return sums


def stops(seed: int, first: int, count: int) -> Counter[str]:
    """A number of stops of one engine."""
    folder = Path(tempfile.mkdtemp(prefix="nof0-faults-"))
    try:
        found = stop_again_and_again(folder, Random(f"{seed}:stops:{first}"), count)
    except FAULTS as error:
        return failed(f"stops {first} to {first + count - 1}", folder, error)
    print(found, file=sys.__stdout__, flush=True)
    stale = [f"an order that opens was executed {age} ms after its prices" for age in found.stale_ms if age > STALE_MS]
    if found.faults or stale:
        return failed(f"stops {first} to {first + count - 1}", folder, AssertionError("; ".join(found.faults + stale)))
    shutil.rmtree(folder)
    return Counter({"stops recovered from": count})


def kills(asked: argparse.Namespace, first: int, count: int) -> Counter[str]:
    """A number of kills on one arena: how many were reached, at which calls, and what recoveries were held against."""
    folder = Path(tempfile.mkdtemp(prefix="nof0-faults-"))
    config, sums = write_arena(folder), Counter[str]()
    last = Counter[str]()
    for number in range(first, first + count):
        try:
            death = one_kill(config, folder, Random(f"{asked.seed}:{number}"), asked.strace)
        except FAULTS as error:
            return sums + failed(f"kill {number} (seed {asked.seed})", folder, error)
        sums["recoveries: no duplicate, no lost fill, verified, book = venue"] += 1
        sums["not reached, stopped" if death.call is None else "killed"] += 1
        if death.call is not None:
            sums[f"at {death.call} ({death.place})"] += 1
        last = death.looked_at
    sums.update({ORDERS: last["orders"], FILLS: last["fills"], RESOLVED: last["resolved"]})
    shutil.rmtree(folder)
    return sums


def one_kill(config: Path, folder: Path, rng: Random, by_strace: bool) -> Death:
    """Kill where the draw says, and recover."""
    kill = a_kill(rng)
    if not by_strace:
        return kill_and_recover(config, folder / "engine.log", kill)
    death = kill_by_strace(config, folder, rng.choice([*SYNCS, "write", "rename"]), rng.randint(1, 60))
    assert death is not None, "there is no strace here that works"
    return death


def failed(what: str, folder: Path, error: BaseException) -> Counter[str]:
    """Say so, and where to look."""
    print(f"{what}, kept in {folder}: {error}", file=sys.__stderr__, flush=True)
    return Counter(failed=1)


if __name__ == "__main__":
    sys.exit(main())
