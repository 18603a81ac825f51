"""Virtual time: an event loop that does not wait, and a clock on it, so that live scheduling is tested to the ms."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Skipping(selectors.DefaultSelector):
    """Where the loop would wait for time to pass, time passes at once."""

    def __init__(self, loop: "VirtualLoop") -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits and nothing will ever happen"
        self._loop.passed += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is the sum of what it would have waited, in seconds."""

    def __init__(self) -> None:
        self.passed = 0.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        return self.passed


class VirtualClock:
    """The arena's clock on a virtual loop; before the loop runs it stands at ``start_ms``."""

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        self.loop: VirtualLoop | None = None

    def now_ms(self) -> int:
        return self.start_ms + (0 if self.loop is None else int(self.loop.passed * 1000 + 0.5))

    async def sleep_until(self, instant_ms: int) -> None:
        while (left_ms := instant_ms - self.now_ms()) > 0:  # noqa: ASYNC110 - virtual time passes in the sleep alone
            await asyncio.sleep(left_ms / 1000)

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end in virtual time."""
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, VirtualLoop)
            self.loop = loop
            return runner.run(main)
