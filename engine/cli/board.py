"""The leaderboard of ``engine run``: live on a terminal, a plain line a minute elsewhere."""

import sys
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from engine.clock import Clock
from engine.manager.state import State

TERMINAL_MS = 1_000
PLAIN_MS = 60_000


class Board:
    """Shows who stands where, from the last marks."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._terminal = sys.stdout.isatty()
        self._live = Live(console=Console(), refresh_per_second=1, transient=True) if self._terminal else None

    async def follow(self, clock: Clock) -> None:
        """Refresh until cancelled."""
        while True:
            if self._live is not None:
                self._live.update(self._table())
            else:
                print(self._line(), flush=True)
            await clock.sleep_until(clock.now_ms() + (TERMINAL_MS if self._terminal else PLAIN_MS))

    def _ranking(self) -> list[tuple[str, float]]:
        found = [(name, 100 * (trader.standing.nav - 1)) for name, trader in self._state.traders.items()]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))

    def _line(self) -> str:
        return "leaderboard: " + ", ".join(f"{name} {percent:+.2f} %" for name, percent in self._ranking())

    def _table(self) -> Table:
        table = Table(title="nof0 arena")
        for title in ("trader", "decider", "return %", "model USD", "trades", "positions", "state"):
            table.add_column(title, justify="left" if title in ("trader", "decider", "state") else "right")
        for name, percent in self._ranking():
            trader = self._state.traders[name]  # type: ignore[index]
            table.add_row(
                name,
                trader.terms.decider,
                f"{percent:+.2f}",
                f"{self._state.ledger(name).model_cost_usd:.2f}",
                str(trader.standing.trades),
                str(len(self._state.ledger(name).positions)),
                trader.standing.status,
            )
        return table

    def __enter__(self) -> "Board":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
