"""Progress: a bar on a terminal, a plain line now and then elsewhere."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

STEPS = 10  # plain lines a run


class Progress:
    """Shows how far a run is; on standard error, so that a report can be piped."""

    def __init__(self, what: str, *, shown: bool = True) -> None:
        self._what = what
        self._shown = shown
        self._terminal = shown and sys.stderr.isatty()
        self._said = 0
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not self._terminal,
        )
        self._task = self._bar.add_task(what, total=None)

    def update(self, done: int, total: int) -> None:
        """Tell that ``done`` of ``total`` bars are played."""
        if self._terminal:
            self._bar.update(self._task, completed=done, total=total)
        elif self._shown and total and done * STEPS // total > self._said:
            self._said = done * STEPS // total
            print(f"{self._what}: {100 * done // total} %", file=sys.stderr, flush=True)

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
