"""Rounds: the contestants one after the other, again and again, so that a busy machine slows all of them alike."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Protocol

from msgspec import Struct


class Timed(Protocol):
    """Something that took so long."""

    @property
    def cpu_s(self) -> float:
        """Processor time, seconds."""
        ...

    @property
    def wall_s(self) -> float:
        """Time on the clock, seconds."""
        ...


class Ratio(Struct, frozen=True, kw_only=True):
    """How many times less time one took than another: by medians over the rounds, and round by round the extremes."""

    cpu: float
    least: float
    most: float
    wall: float


def play_rounds(
    contestants: Mapping[str, Callable[[], Timed]], rounds: int, told: Callable[[str], None]
) -> dict[str, list[Timed]]:
    """What each of them did, by name, one entry a round."""
    found: dict[str, list[Timed]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, play in contestants.items():
            outcome = play()
            found[name].append(outcome)
            told(f"round {number + 1}/{rounds}  {name:<20} {outcome.cpu_s:6.2f} s cpu  {outcome.wall_s:6.2f} s wall")
    return found


def ratio(slow: Sequence[Timed], fast: Sequence[Timed]) -> Ratio:
    """How many times faster ``fast`` was; the two are paired by round."""
    by_round = [one.cpu_s / other.cpu_s for one, other in zip(slow, fast, strict=True)]
    return Ratio(
        cpu=median(one.cpu_s for one in slow) / median(one.cpu_s for one in fast),
        least=min(by_round),
        most=max(by_round),
        wall=median(one.wall_s for one in slow) / median(one.wall_s for one in fast),
    )
