"""Clocks: the one place that reads the wall clock; everything else is told the time."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What time it is, and how to wait."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC; never decreases."""
        ...

    async def sleep_until(self, instant_ms: int) -> None:
        """Return once ``instant_ms`` has come; at once when it is past."""
        ...


class LiveClock:
    """The wall clock of this machine; while that is behind a time told before, time passes by the monotonic clock.

    ``not_before_ms`` is a time told by an earlier run.
    """

    def __init__(self, not_before_ms: int = 0) -> None:
        self._latest_ms = not_before_ms
        self._told_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC; a wall clock that is set back neither stops time nor turns it back."""
        wall_ms, monotonic_ns = time.time_ns() // 1_000_000, time.monotonic_ns()
        if wall_ms >= self._latest_ms:
            self._latest_ms, self._told_ns = wall_ms, monotonic_ns
            return wall_ms
        passed_ms = (monotonic_ns - self._told_ns) // 1_000_000
        if passed_ms > 0:
            self._latest_ms += passed_ms
            self._told_ns += passed_ms * 1_000_000
        return self._latest_ms

    async def sleep_until(self, instant_ms: int) -> None:
        """Sleep in short steps, so that a step of the wall clock is noticed."""
        while (left_ms := instant_ms - self.now_ms()) > 0:  # noqa: ASYNC110 - no event tells that time has passed
            await asyncio.sleep(min(left_ms / 1000, 1.0))


class SimClock:
    """A clock that stands where its driver put it."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The instant the driver set, ms UTC."""
        return self._now_ms

    def set(self, now_ms: int) -> None:
        """Move forward to ``now_ms``; time does not run backwards."""
        assert now_ms >= self._now_ms, f"clock moved back from {self._now_ms} to {now_ms}"
        self._now_ms = now_ms

    async def sleep_until(self, instant_ms: int) -> None:
        """Move to the instant without waiting."""
        self.set(max(instant_ms, self._now_ms))


class PlayedClock:
    """A clock that first stands where a driver puts it, while history is played, and then is the wall clock."""

    def __init__(self, now_ms: int) -> None:
        self._played = SimClock(now_ms)
        self._live: LiveClock | None = None

    def now_ms(self) -> int:
        """The instant the driver set, afterwards the wall clock's; ms UTC, never decreases."""
        if self._live is None:
            return self._played.now_ms()
        return self._live.now_ms()

    def set(self, now_ms: int) -> None:
        """Move forward while history is played."""
        assert self._live is None, "history is over"
        self._played.set(now_ms)

    def go_live(self) -> None:
        """History is over: from here on it is the wall clock."""
        self._live = LiveClock(self._played.now_ms())

    async def sleep_until(self, instant_ms: int) -> None:
        """Wait for the wall clock; while history is played, move to the instant."""
        if self._live is None:
            await self._played.sleep_until(instant_ms)
        else:
            await self._live.sleep_until(instant_ms)


def monotonic_ms() -> float:
    """Milliseconds of a clock that no one can set, for measuring durations."""
    return time.perf_counter_ns() / 1e6
