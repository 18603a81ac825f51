"""The clock of a simulated machine: virtual time with the steps that people and time servers give it."""

import asyncio

from engine.simulation.loop import ProcessLoop, Timeline


class MachineClock:
    """The wall clock of the machine, shared by every process that is started on it.

    ``origin_ms`` is the instant (ms UTC) at which the simulation began; ``stepped_ms`` is how wrong the clock is.
    """

    def __init__(self, timeline: Timeline, origin_ms: int) -> None:
        self.timeline = timeline
        self.origin_ms = origin_ms
        self.stepped_ms = 0
        self._sleepers: dict[int, asyncio.Future[None]] = {}
        self._slept = 0

    def true_ms(self) -> int:
        """What time it really is, which is also the venue's time; ms UTC."""
        return self.origin_ms + self.timeline.now_ms

    def wall_ms(self) -> int:
        """What the machine believes; ms UTC."""
        return self.true_ms() + self.stepped_ms

    def step(self, by_ms: int) -> None:
        """Set the clock forward or back; whoever sleeps notices, as sleeping in short steps would."""
        self.stepped_ms += by_ms
        sleepers, self._sleepers = self._sleepers, {}
        for future in sleepers.values():
            if not future.done():
                future.set_result(None)

    async def sleep(self, loop: ProcessLoop, delay_ms: int) -> None:
        """Sleep in real time, or until the clock is stepped."""
        future = loop.create_future()
        self._slept += 1
        number = self._slept
        self._sleepers[number] = future
        handle = loop.call_later(delay_ms / 1000, _wake, future)
        try:
            await future
        finally:
            handle.cancel()
            self._sleepers.pop(number, None)


class ProcessClock:
    """What one process makes of it, satisfying ``engine.clock.Clock``: time goes on, whatever the wall clock is set to.

    A step forward is followed; after a step back time goes on from where it was, by the time that really passes.
    ``floor_ms`` is the instant at which its journal ended: a start does not go back before it.
    """

    def __init__(self, machine: MachineClock, loop: ProcessLoop, floor_ms: int) -> None:
        self._machine = machine
        self._loop = loop
        self._latest_ms = max(floor_ms, machine.wall_ms())
        self._read_ms = machine.true_ms()

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC; never decreases, and never stands still while time passes."""
        machine = self._machine
        true_ms = machine.origin_ms + machine.timeline.now_us // 1000
        if true_ms != self._read_ms or machine.stepped_ms:
            latest_ms, wall_ms = self._latest_ms + true_ms - self._read_ms, true_ms + machine.stepped_ms
            self._latest_ms = latest_ms if latest_ms > wall_ms else wall_ms
            self._read_ms = true_ms
        return self._latest_ms

    async def sleep_until(self, instant_ms: int) -> None:
        """Return once the instant has come; a step of the wall clock is noticed."""
        while (left_ms := instant_ms - self.now_ms()) > 0:
            await self._machine.sleep(self._loop, left_ms)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
