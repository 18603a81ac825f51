"""Virtual time: processes share one timeline, whose order of events is a function of a seed and which never waits."""

import asyncio
import contextvars
import heapq
from collections.abc import Callable, Coroutine
from itertools import count
from random import Random
from typing import Any

LIVELOCK = 200_000  # callbacks at one instant: more is a loop that never lets time pass
CLOSINGS = 10  # attempts to close a coroutine, each of which ends one of the blocks that it waits in
KEPT_TASKS = 256  # tasks of a process that are remembered before those that are done are forgotten


class Dead(BaseException):
    """The process that tried to do something is gone: nothing of it runs on, so nothing may catch this."""


class Stuck(Exception):
    """Nothing will ever happen again, or time stands still for ever; the message says which."""


class Over(Exception):
    """The timeline was halted."""


class Handle:
    """A callback in its place on the timeline. ``owner`` is the process whose callback it is, none for the world."""

    __slots__ = ("_args", "_callback", "_context", "cancelled_", "owner", "when_s")

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        owner: "ProcessLoop | None",
        context: contextvars.Context | None,
        when_s: float = 0.0,
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self.owner = owner
        self.when_s = when_s
        self.cancelled_ = False

    def cancel(self) -> None:
        """Never call it."""
        self.cancelled_ = True

    def cancelled(self) -> bool:
        """Whether it will not be called."""
        return self.cancelled_

    def when(self) -> float:
        """When it is due, in seconds of the timeline."""
        return self.when_s

    def run(self) -> None:
        """Call it."""
        if self._context is None:
            self._callback(*self._args)
        else:
            self._context.run(self._callback, *self._args)


class Timeline:
    """Instants in µs since the simulation began. Of what is ready at one instant a seeded draw decides what comes next.

    ``disorder`` is how often it is not the oldest: 0 is the order of a real event loop, 1 a random walk.
    """

    def __init__(self, random: Random, disorder: float) -> None:
        self.now_us = 0
        self.steps = 0
        self._random = random
        self._disorder = disorder
        self._ready: list[Handle] = []
        self._timers: list[tuple[int, int, Handle]] = []
        self._numbers = count()
        self._spinning = 0
        self._halted = False

    @property
    def now_ms(self) -> int:
        """Whole milliseconds since the simulation began."""
        return self.now_us // 1000

    def soon(self, handle: Handle) -> Handle:
        """Have a callback called at this instant."""
        self._ready.append(handle)
        return handle

    def at_us(self, when_us: int, handle: Handle) -> Handle:
        """Have a callback called at an instant, or now when that is past."""
        heapq.heappush(self._timers, (max(when_us, self.now_us), next(self._numbers), handle))
        return handle

    def later(self, delay_ms: float, callback: Callable[..., object], *args: Any) -> Handle:
        """Have something of the world happen after a while, whatever becomes of any process."""
        return self.at_us(self.now_us + round(delay_ms * 1000), Handle(callback, args, None, None))

    def halt(self) -> None:
        """Let nothing happen any more: whoever runs the timeline is told by ``Over``."""
        self._halted = True

    def run_until(self, until_ms: int) -> None:
        """Let everything happen up to an instant. Raises ``Over``, ``Stuck``, and what the world raises."""
        until_us = until_ms * 1000
        step = self._step
        while not self._halted and step(until_us):
            self.steps += 1
        if self._halted:
            raise Over
        self.now_us = max(self.now_us, until_us)

    def _step(self, until_us: int) -> bool:
        if not self._ready:
            if not self._timers:
                raise Stuck("deadlock: nothing is ready and no timer runs")
            if self._timers[0][0] > until_us:
                return False
            if self._timers[0][0] > self.now_us:
                self._spinning = 0
            self.now_us = self._timers[0][0]
            while self._timers and self._timers[0][0] <= self.now_us:
                self._ready.append(heapq.heappop(self._timers)[2])
        self._spinning += 1
        if self._spinning > LIVELOCK:
            raise Stuck(f"livelock: {LIVELOCK} callbacks at {self.now_ms} ms and time does not pass")
        ready = self._ready
        place = 0
        if len(ready) > 1 and self._disorder and self._random.random() < self._disorder:
            place = int(self._random.random() * len(ready))
        _dispatch(ready.pop(place))
        return True


def _dispatch(handle: Handle) -> None:
    owner = handle.owner
    if handle.cancelled_:
        return
    if owner is None:
        handle.run()
        return
    if not owner.alive:
        return
    asyncio._set_running_loop(owner)
    try:
        handle.run()
    except Dead:
        return
    finally:
        asyncio._set_running_loop(None)
        if not owner.alive:
            owner.bury()


class ProcessLoop(asyncio.AbstractEventLoop):
    """The event loop of one simulated process. When it is killed, whatever it had under way stops where it was."""

    def __init__(self, timeline: Timeline, number: int) -> None:
        self.timeline = timeline
        self.number = number
        self.alive = True
        self.complaints: list[str] = []
        self._tasks: list[asyncio.Task[Any]] = []

    def kill(self) -> None:
        """End the process between two of its steps. Inside a step raise ``Dead`` after it."""
        self.alive = False

    def bury(self) -> None:
        """Close what was suspended, oldest first, so that it does not happen whenever memory is collected."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            for _ in range(CLOSINGS):
                try:
                    task.get_coro().close()
                except (Dead, RuntimeError, BaseExceptionGroup):  # it did or waited for something on its way out
                    continue
                break

    async def sleep_ms(self, delay_ms: float) -> None:
        """Let virtual time pass for this process."""
        future = self.create_future()
        handle = self.call_later(delay_ms / 1000, _wake, future)
        try:
            await future
        finally:
            handle.cancel()

    # What asyncio asks of a loop

    def time(self) -> float:
        return self.timeline.now_us / 1e6

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        return self.timeline.soon(Handle(callback, args, self, context or contextvars.copy_context()))

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(callback, args, self, context or contextvars.copy_context(), when)
        return self.timeline.at_us(round(when * 1e6), handle)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name or "task", context=context)
        if len(self._tasks) >= KEPT_TASKS:
            self._tasks = [known for known in self._tasks if not known.done()]
        self._tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.alive:
            fault = context.get("exception")
            self.complaints.append(f"{context.get('message')}: {fault!r}")


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
