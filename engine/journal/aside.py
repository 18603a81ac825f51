"""Work done aside: a thread that does what it is handed, one after the other, while whoever hands it over goes on."""

import threading
from collections.abc import Callable
from queue import Full, Queue
from types import TracebackType
from typing import Generic, Self, TypeVar

Work = TypeVar("Work")


class Aside(Generic[Work]):
    """The thread ``name``, which calls ``do`` with each piece; ``room`` of them may wait. ``do`` must not raise.

    As a context it runs from the entry to the exit, which waits for all that was handed over.
    """

    def __init__(self, name: str, do: Callable[[Work], None], room: int) -> None:
        self._do = do
        self._waiting: Queue[Work | None] = Queue(room)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def hand_over(self, work: Work, *, wait: bool = False) -> bool:
        """Have it done soon; without ``wait`` not at all when too much is waiting already. Whether it will be."""
        try:
            self._waiting.put(work, block=wait)
        except Full:
            return False
        return True

    def close(self) -> None:
        """Return when everything handed over is done."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            self._do(work)
