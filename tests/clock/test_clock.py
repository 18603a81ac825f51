"""Clocks: the live one stands still rather than going back, the simulated one refuses to."""

import asyncio
import time

import pytest

from engine.clock import Clock, LiveClock, SimClock, monotonic_ms


def test_the_live_clock_stands_still_while_the_wall_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    wall_ns = iter([5_000_000_000, 3_000_000_000, 4_999_000_000, 5_001_999_999])
    monkeypatch.setattr(time, "time_ns", lambda: next(wall_ns))
    clock = LiveClock()

    told = [clock.now_ms() for _ in range(4)]

    assert told == [5_000, 5_000, 5_000, 5_001]  # whole milliseconds, rounded down


def test_the_live_clock_tells_the_time_of_this_machine() -> None:
    before = time.time_ns() // 1_000_000

    now = LiveClock().now_ms()

    assert before <= now <= time.time_ns() // 1_000_000


async def test_the_live_clock_waits_until_the_instant_and_no_longer_for_one_that_is_past() -> None:
    clock = LiveClock()
    instant = clock.now_ms() + 20

    await clock.sleep_until(instant)
    await asyncio.wait_for(clock.sleep_until(instant - 1_000), timeout=1)

    assert clock.now_ms() >= instant


async def test_a_wait_notices_that_the_wall_clock_was_set_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    day_ns = 86_400_000_000_000
    wall_ns = iter([0, day_ns])
    monkeypatch.setattr(time, "time_ns", lambda: next(wall_ns))
    clock = LiveClock()

    # an hour is left, of which a second at most is slept through before the clock is read again
    await asyncio.wait_for(clock.sleep_until(3_600_000), timeout=5)


def test_the_simulated_clock_stands_where_it_was_put() -> None:
    clock = SimClock(1_000)

    clock.set(1_000)
    clock.set(2_500)

    assert clock.now_ms() == 2_500


def test_the_simulated_clock_refuses_to_go_back() -> None:
    clock = SimClock(1_000)

    with pytest.raises(AssertionError, match="moved back from 1000 to 999"):
        clock.set(999)

    assert clock.now_ms() == 1_000


def test_waiting_on_the_simulated_clock_moves_it_and_never_suspends() -> None:
    clock = SimClock(1_000)

    for instant in (5_000, 4_000):
        with pytest.raises(StopIteration):
            clock.sleep_until(instant).send(None)

    assert clock.now_ms() == 5_000


def test_both_are_clocks() -> None:
    clocks: list[Clock] = [LiveClock(), SimClock(0)]

    assert all(isinstance(clock.now_ms(), int) for clock in clocks)


def test_durations_never_run_backwards() -> None:
    first, second = monotonic_ms(), monotonic_ms()

    assert second >= first
