"""``engine simulate``: universes by seed, each with its own misfortunes, and the crash loop; in figures."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b
from pathlib import Path

from msgspec import Struct

from engine.simulation.crashes import SCENARIOS, every_effect
from engine.simulation.outcome import Outcome
from engine.simulation.shrink import Story, decoded, encoded, replay_story, shrink, told
from engine.simulation.universe import simulate_seed

CHUNK = 4  # seeds that one worker takes at a time


class SeedsUnreadable(ValueError):
    """A list of seeds is not one; the message says what would be."""


class Tally(Struct, kw_only=True):
    """Sums over the universes of one call."""

    seeds: int = 0
    minutes: int = 0
    totals: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    quiet: int = 0

    def take(self, outcome: Outcome) -> None:
        """Add one universe."""
        self.seeds += 1
        self.minutes += outcome.minutes
        self.faults.update(outcome.faults)
        for name in ("effects", "starts", "crashes", "orders", "rejected", "fills", "ambiguous"):
            self.totals[name] += getattr(outcome, name)
        self.quiet += not outcome.fills


def simulate(
    seeds: str = "0-199",
    *,
    hours: float = 2.0,
    crash_loop: bool = False,
    jobs: int = 2,
    stories: Path | None = None,
    replay: Path | None = None,
) -> int:
    """Run universes and say what happened in them; 0 when no promise was broken, 1 when one was, 2 for no seeds.

    ``stories`` is a folder in which each failure is left, shrunk, as a file that ``replay`` reads again.
    """
    if replay is not None:
        return _replay(replay)
    try:
        wanted = read_seeds(seeds)
    except SeedsUnreadable as error:
        print(error, file=sys.stderr)
        return 2
    minutes = max(1, round(hours * 60))
    began, tally, trace, failed = time.monotonic(), Tally(), blake2b(digest_size=16), []
    for outcome in _outcomes(wanted, minutes, jobs):
        tally.take(outcome)
        trace.update(f"{outcome.seed} {outcome.trace}\n".encode())
        if outcome.violation is not None:
            failed.append(outcome)
            broken = outcome.violation
            print(f"seed {outcome.seed}: {broken.promise} at {broken.at_ms / 1000:.1f} s: {broken.detail}")
    _report(tally, time.monotonic() - began, trace.hexdigest())
    for outcome in failed[:3]:
        story = shrink(outcome)
        print(f"\nseed {outcome.seed}, shrunk from {len(outcome.fired)} faults to {len(story.keep)}:")
        print(told(replay_story(story)))
        if stories is not None:
            stories.mkdir(parents=True, exist_ok=True)
            (stories / f"{story.promise.lower()}-{story.seed}.json").write_bytes(encoded(story))
    broken_in_loop = _crash_loop(jobs) if crash_loop else 0
    return 1 if failed or broken_in_loop else 0


def read_seeds(text: str) -> list[int]:
    """The seeds of a list such as ``0-199,500``. Raises ``SeedsUnreadable``."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise SeedsUnreadable(f"{part!r} is not a seed or a range of seeds such as 0-199")
        found += range(int(first), int(last or first) + 1)
    return found


def _outcomes(seeds: list[int], minutes: int, jobs: int) -> Iterator[Outcome]:
    if jobs <= 1:
        yield from (simulate_seed(seed, minutes) for seed in seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(simulate_seed, seeds, [minutes] * len(seeds), chunksize=CHUNK)


def _report(tally: Tally, seconds: float, trace: str) -> None:
    totals = tally.totals
    print(
        f"{tally.seeds} universes, {tally.minutes / 60:.0f} virtual hours in {seconds:.1f} s "
        f"({3600 * tally.seeds / max(seconds, 1e-9):,.0f} an hour)"
    )
    print(
        f"{totals['starts']} starts, {totals['crashes']} crashes, {totals['effects']} effects, "
        f"{totals['orders']} orders, {totals['rejected']} of them refused, "
        f"{totals['ambiguous']} of unknown outcome, {totals['fills']} fills; "
        f"in {tally.quiet} universes nothing was filled"
    )
    print(f"faults: {', '.join(f'{kind} {number}' for kind, number in sorted(tally.faults.items()))}")
    print(f"trace {trace}")


def _crash_loop(jobs: int) -> int:
    began, runs, broken = time.monotonic(), 0, 0
    names = list(SCENARIOS)
    with ProcessPoolExecutor(max(1, jobs)) as pool:
        for name, (count, faults) in zip(names, pool.map(_crash_scenario, names), strict=True):
            runs, broken = runs + count, broken + len(faults)
            for fault in faults:
                print(f"{name}: {fault}")
    print(
        f"crash loop: {runs} universes of {len(names)} scenarios in {time.monotonic() - began:.1f} s, {broken} broken"
    )
    return broken


def _crash_scenario(name: str) -> tuple[int, list[str]]:
    runs, faults = 0, []
    for crashes, outcome in every_effect(SCENARIOS[name]):
        runs += 1
        if outcome.violation is not None:
            at = " and ".join(map(str, crashes))
            faults.append(f"killed at effect {at}: {outcome.violation.promise} {outcome.violation.detail}")
    return runs, faults


def _replay(path: Path) -> int:
    story: Story = decoded(path.read_bytes())
    outcome = replay_story(story)
    print(told(outcome))
    return 0 if outcome.violation is None else 1


def story_files(folder: Path) -> Iterable[Path]:
    """The stories kept in a folder, by name."""
    return sorted(folder.glob("*.json"))
