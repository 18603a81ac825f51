"""``engine simulate``: universes by seed, each with its own misfortunes, and the crash loop; in figures."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from engine.simulation.crashes import SCENARIOS, Harvest, harvest
from engine.simulation.outcome import Outcome
from engine.simulation.shrink import Story, decoded, encoded, replay_story, shrink, told
from engine.simulation.trips import Switched, switched
from engine.simulation.universe import simulate_seed

CHUNK = 4  # seeds that one worker takes at a time

Found = TypeVar("Found")


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
        for name in ("effects", "starts", "crashes", "orders", "rejected", "filled", "fills", "ambiguous"):
            self.totals[name] += getattr(outcome, name)
        self.quiet += not outcome.fills


def simulate(
    seeds: str = "0-199",
    *,
    hours: float = 2.0,
    crash_loop: bool = False,
    variants: str = "0",
    jobs: int = 2,
    stories: Path | None = None,
    replay: Path | None = None,
) -> int:
    """Run universes and say what happened in them; 0 when no promise was broken, 1 when one was, 2 for no seeds.

    No ``seeds`` at all, an empty text, leave the crash loop alone over these ``variants`` of its scenarios. ``stories``
    is a folder in which each failure is left, shrunk, as a file that ``replay`` reads again.
    """
    if replay is not None:
        return _replay(replay)
    try:
        wanted = read_seeds(seeds) if seeds else []
        numbers = read_seeds(variants) if crash_loop else []
    except SeedsUnreadable as error:
        print(error, file=sys.stderr)
        return 2
    failed = _universes(wanted, max(1, round(hours * 60)), jobs, stories) if wanted else 0
    broken = _crash_loop(numbers, jobs) + _tripped(numbers, jobs) if numbers else 0
    return 1 if failed or broken else 0


def _universes(seeds: list[int], minutes: int, jobs: int, stories: Path | None) -> int:
    """Run the universes of these seeds, and tell of the first that failed; how many did."""
    began, tally, trace, failed = Stopwatch(), Tally(), blake2b(digest_size=16), []
    for outcome in _outcomes(seeds, minutes, jobs):
        tally.take(outcome)
        trace.update(f"{outcome.seed} {outcome.trace}\n".encode())
        if outcome.violation is not None:
            failed.append(outcome)
            broken = outcome.violation
            print(f"seed {outcome.seed}: {broken.promise} at {broken.at_ms / 1000:.1f} s: {broken.detail}", flush=True)
    _report(tally, began, trace.hexdigest())
    for outcome in failed[:3]:
        story = shrink(outcome)
        print(f"\nseed {outcome.seed}, shrunk from {len(outcome.fired)} faults to {len(story.keep)}:")
        print(told(replay_story(story)))
        if stories is not None:
            stories.mkdir(parents=True, exist_ok=True)
            (stories / f"{story.promise.lower()}-{story.seed}.json").write_bytes(encoded(story))
    return len(failed)


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


class Stopwatch:
    """What passed since it was made: time, and the processor's own, of this process and of its children that ended."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._cpu_s = sum(os.times()[:4])

    def seconds(self) -> float:
        """Seconds of real time; never nothing."""
        return max(time.monotonic() - self._began_s, 1e-9)

    def cpu_seconds(self) -> float:
        """Seconds of processor time."""
        return sum(os.times()[:4]) - self._cpu_s


def _report(tally: Tally, began: Stopwatch, trace: str) -> None:
    totals = tally.totals
    print(
        f"{tally.seeds} universes, {tally.minutes / 60:.0f} virtual hours in {began.seconds():.1f} s "
        f"({3600 * tally.seeds / began.seconds():,.0f} an hour); "
        f"{1440 * began.cpu_seconds() / tally.minutes:.1f} CPU seconds a virtual day"
    )
    print(
        f"{totals['starts']} starts, {totals['crashes']} crashes, {totals['effects']} effects, "
        f"{totals['orders']} orders, {totals['rejected']} of them refused, {totals['filled']} filled, "
        f"{totals['ambiguous']} of unknown outcome, {totals['fills']} fills; "
        f"in {tally.quiet} universes nothing was filled"
    )
    print(f"faults: {', '.join(f'{kind} {number}' for kind, number in sorted(tally.faults.items()))}")
    print(f"trace {trace}")


def _crash_loop(numbers: list[int], jobs: int) -> int:
    """Kill these variants of every scenario at every effect; how many broke a promise."""
    began, sums = Stopwatch(), Harvest()
    for found in _each(harvest, numbers, jobs):
        sums.add(found)
        for fault in found.broken:
            print(fault, flush=True)
    print(
        f"crash loop: {sums.universes} universes ({len(set(sums.traces))} different) of {len(numbers)} variants of "
        f"{len(SCENARIOS)} scenarios in {began.seconds():.1f} s "
        f"({3600 * sums.universes / began.seconds():,.0f} an hour), {began.cpu_seconds():.0f} CPU seconds; "
        f"{len(sums.broken)} broken"
    )
    print(
        f"{sums.crashes} crashes, {sums.orders} orders, {sums.ambiguous} of unknown outcome, {sums.fills} fills; "
        f"in {sums.quiet} universes nothing was filled"
    )
    print(f"trace {_trace_of(sums)}")
    return len(sums.broken)


def _tripped(numbers: list[int], jobs: int) -> int:
    """Trip the kill switch at every effect of these variants, in each mode; how many broke a promise."""
    began, sums = Stopwatch(), Switched(ran=Harvest())
    for found in _each(switched, numbers, jobs):
        sums.add(found)
        for fault in found.ran.broken:
            print(fault, flush=True)
    ran, trips = sums.ran, sums.ran.universes
    print(
        f"kill switch: {trips} trips at {sums.boundaries} boundaries in {began.seconds():.1f} s, "
        f"{sums.under_way} with an order under way, {ran.crashes} crashes after them; "
        f"{sums.opening} opening orders left after a trip, the last one {sums.latest_ms} ms after it, "
        f"and {sums.reducing} that reduce; {len(ran.broken)} broken"
    )
    print(f"flat in the end: {', '.join(f'{mode} {flat}' for mode, flat in sums.flat.items())} of {trips // 3} each")
    print(f"trace {_trace_of(ran)}")
    return len(ran.broken)


def _each(run: Callable[[str, int], Found], numbers: list[int], jobs: int) -> Iterator[Found]:
    """What comes of every scenario's variants, in an order that does not depend on ``jobs``."""
    pairs = [(name, number) for number in numbers for name in SCENARIOS]
    if jobs <= 1:
        yield from (run(name, number) for name, number in pairs)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run, [name for name, _ in pairs], [number for _, number in pairs])


def _trace_of(sums: Harvest) -> str:
    return blake2b("\n".join(sums.traces).encode(), digest_size=16).hexdigest()


def _replay(path: Path) -> int:
    story: Story = decoded(path.read_bytes())
    outcome = replay_story(story)
    print(told(outcome))
    return 0 if outcome.violation is None else 1


def story_files(folder: Path) -> Iterable[Path]:
    """The stories kept in a folder, by name."""
    return sorted(folder.glob("*.json"))
