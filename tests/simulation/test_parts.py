"""The parts of the simulation: its time, its disk, its market, and how a failure is made small."""

import asyncio
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from engine.simulation.clock import MachineClock, ProcessClock
from engine.simulation.disk import ProcessDisk, SimDisk
from engine.simulation.faults import Faults
from engine.simulation.loop import ProcessLoop, Stuck, Timeline
from engine.simulation.market import MINUTE_MS, Walk
from engine.simulation.plan import ORIGIN_MS
from engine.simulation.shrink import decoded, encoded, shrink
from engine.simulation.universe import simulate_seed
from tests.simulation.mutants import BY_NAME


def a_timeline(disorder: float = 0.0) -> Timeline:
    return Timeline(Random(1), disorder)


def a_loop(timeline: Timeline) -> ProcessLoop:
    return ProcessLoop(timeline, 1)  # type: ignore[abstract]


def test_an_hour_of_sleep_takes_an_hour_of_virtual_time_and_none_of_ours() -> None:
    timeline, woke = a_timeline(), []
    loop = a_loop(timeline)

    async def sleeper() -> None:
        await loop.sleep_ms(3_600_000)
        woke.append(timeline.now_ms)

    task = started(loop, sleeper())
    timeline.later(3_700_000, lambda: None)
    timeline.run_until(3_600_001)

    assert woke == [3_600_000]
    assert task.done()


def test_a_killed_process_does_nothing_any_more() -> None:
    timeline, done = a_timeline(), []
    loop = a_loop(timeline)

    async def worker() -> None:
        for number in range(10):
            await loop.sleep_ms(1_000)
            done.append(number)

    started(loop, worker())
    timeline.later(3_500, loop.kill)
    timeline.later(20_000, lambda: None)
    timeline.run_until(15_000)
    loop.bury()

    assert done == [0, 1, 2]


def test_when_nothing_can_happen_any_more_it_is_said() -> None:
    timeline = a_timeline()
    loop = a_loop(timeline)

    async def waits_for_ever() -> None:
        await loop.create_future()

    started(loop, waits_for_ever())

    with pytest.raises(Stuck, match="deadlock"):
        timeline.run_until(1_000)
    loop.kill()
    loop.bury()


def test_time_that_does_not_pass_is_noticed() -> None:
    timeline = a_timeline()

    def again() -> None:
        timeline.later(0, again)

    again()

    with pytest.raises(Stuck, match="livelock"):
        timeline.run_until(1_000)


def test_a_clock_that_is_set_back_goes_on_by_the_time_that_passes() -> None:
    timeline = a_timeline()
    machine = MachineClock(timeline, ORIGIN_MS)
    clock = ProcessClock(machine, a_loop(timeline), 0)
    timeline.later(10_000, machine.step, -3_600_000)
    timeline.later(30_000, lambda: None)

    timeline.run_until(10_000)
    before_ms = clock.now_ms()
    timeline.run_until(15_000)

    assert (before_ms, clock.now_ms()) == (ORIGIN_MS + 10_000, ORIGIN_MS + 15_000)


def test_a_power_cut_keeps_what_was_synced_and_a_beginning_of_the_rest() -> None:
    lengths = []
    for seed in range(60):
        disk = SimDisk(Random(seed), lambda path, file, before: None)
        process = ProcessDisk(disk, 1, lambda effect: None, lambda kind: False)
        handle = process.append(Path("log"))
        process.fsync_dir(Path())
        process.write(handle, b"synced")
        process.fdatasync(handle)
        process.write(handle, b" or not")
        disk.lose_power()
        content = disk.names[Path("log")].content
        assert content.startswith(b"synced")
        assert len(content) <= len(b"synced or not")
        lengths.append(len(content))

    assert min(lengths) == len(b"synced")
    assert max(lengths) == len(b"synced or not")


def test_a_file_whose_name_was_not_synced_may_be_gone_after_a_power_cut() -> None:
    def survives(seed: int) -> bool:
        disk = SimDisk(Random(seed), lambda path, file, before: None)
        process = ProcessDisk(disk, 1, lambda effect: None, lambda kind: False)
        process.append(Path("log"))
        disk.lose_power()
        return Path("log") in disk.names

    assert {survives(seed) for seed in range(20)} == {True, False}


def test_every_price_lies_inside_its_bar() -> None:
    walk = Walk(Random(5), ("BTC", "DOGE"), ORIGIN_MS, 0.002)

    for minute in range(30):
        bar = walk.bar("BTC", minute)
        for second in range(0, 60, 7):
            price = walk.price("BTC", ORIGIN_MS + minute * MINUTE_MS + second * 1_000)
            assert Decimal(repr(bar.low)) <= price <= Decimal(repr(bar.high))


def test_masking_one_fault_leaves_the_others_of_its_kind_alone() -> None:
    def happened(keep: list[tuple[str, int]] | None) -> list[int]:
        faults = Faults(9, {"reply_lost": 0.2}, keep)
        return [number for number in range(100) if faults.fires("reply_lost", 0)]

    everything = happened(None)

    assert len(everything) > 5
    assert happened([("reply_lost", number) for number in everything[1:]]) == everything[1:]


def test_a_failure_is_shrunk_to_the_faults_that_it_takes() -> None:
    with BY_NAME["blind_retry_new_id"].on():
        outcome = next(found for seed in range(50) if (found := simulate_seed(seed, 30)).violation is not None)
        story = shrink(outcome, runs=80)
        assert outcome.violation is not None
        again = simulate_seed(story.seed, story.minutes, story.keep).violation

    assert story.promise == outcome.violation.promise
    assert again is not None
    assert again.promise == story.promise
    assert 1 <= len(story.keep) < len(outcome.fired)
    assert decoded(encoded(story)) == story


def started(loop: ProcessLoop, coroutine: object) -> "asyncio.Task[None]":
    """A task of a simulated process."""
    asyncio._set_running_loop(loop)
    try:
        return loop.create_task(coroutine)  # type: ignore[arg-type]
    finally:
        asyncio._set_running_loop(None)
