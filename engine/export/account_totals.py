"""Account totals: the equity curve of every trader by the hour, and its row of this moment."""

from collections.abc import Iterable, Mapping

from api.handoff import schema as wire
from api.handoff.running import RunningSummary
from api.handoff.wire import assemble
from engine.export.curve import Curve
from engine.export.rows import RowEncoder
from engine.export.worth import START_USD, Worth, seconds
from engine.model.standing import HOUR_MS

MINUTE_MS = 60_000


class AccountTotals:
    """The rows of all traders. Hours are counted from one inception, that of the arena.

    The client polls with the newest hour of all models and drops older rows, so a count of its own for each model would
    leave the ones that started later standing still. All rows of one hour share one timestamp for a similar reason:
    points older than the newest one drawn are skipped.
    """

    def __init__(self, encode: RowEncoder) -> None:
        self._encode = encode
        self._curve = Curve()
        self._returns: dict[str, RunningSummary] = {}
        self._hour_ends: dict[str, float] = {}
        self.inception_ms: int | None = None

    def hour(self, at_ms: int) -> int:
        """The hourly marker of an instant: whole hours since the arena's inception."""
        return max(0, at_ms - (self.inception_ms or 0)) // HOUR_MS

    def sharpe(self, trader: str) -> float:
        """Mean over sample deviation of the returns of all closed hours, not annualised; 0 when undefined."""
        returns = self._returns.get(trader)
        if returns is None:
            return 0.0
        summary = returns.summary()
        return summary.mean / summary.std if summary.std > 0 else 0.0

    def close_hour(self, at_ms: int, contestants: Mapping[str, Worth], benchmarks: Mapping[str, Worth]) -> None:
        """Keep the rows with which an hour ended."""
        shown = self._shown(contestants, benchmarks)
        for trader, worth in shown.items():
            self._add_return(trader, float(worth.equity_usd))
        if shown:
            self._curve.close(at_ms, b",".join(self._rows(at_ms, shown, {})))

    def document(
        self,
        at_ms: int,
        contestants: Mapping[str, Worth],
        benchmarks: Mapping[str, Worth],
        positions: Mapping[str, Mapping[str, wire.Position]],
    ) -> bytes:
        """The closed hours and the rows of this moment, which alone carry positions."""
        shown = self._shown(contestants, benchmarks)
        live = list(self._rows(at_ms, shown, positions))
        closed = [] if self._curve.is_empty else [self._curve.encoded()]
        return assemble("accountTotals", [*closed, *live], lastHourlyMarkerRead=self.hour(at_ms) if live else 0)

    def _shown(self, contestants: Mapping[str, Worth], benchmarks: Mapping[str, Worth]) -> Mapping[str, Worth]:
        """Benchmarks begin one hour after the contestants: the page opens the model of the very first row."""
        if self._curve.is_empty and contestants:
            return contestants
        return {**contestants, **benchmarks}

    def _rows(
        self, at_ms: int, shown: Mapping[str, Worth], positions: Mapping[str, Mapping[str, wire.Position]]
    ) -> Iterable[bytes]:
        hour = self.hour(at_ms)
        minute = max(0, at_ms - (self.inception_ms or 0)) // MINUTE_MS
        for trader, worth in shown.items():
            yield self._encode(
                wire.AccountTotal(
                    id=f"{trader}_{hour}",
                    model_id=trader,
                    timestamp=seconds(at_ms),
                    dollar_equity=float(worth.equity_usd),
                    realized_pnl=float(worth.realized_usd),
                    total_unrealized_pnl=float(worth.unrealized_usd),
                    cum_pnl_pct=round(float((worth.equity_usd - START_USD) / START_USD * 100), 2),
                    sharpe_ratio=self.sharpe(trader),
                    since_inception_hourly_marker=hour,
                    since_inception_minute_marker=minute,
                    positions=dict(positions.get(trader, {})),
                )
            )

    def _add_return(self, trader: str, equity_usd: float) -> None:
        before = self._hour_ends.get(trader, float(START_USD))
        self._hour_ends[trader] = equity_usd
        if before > 0:
            self._returns.setdefault(trader, RunningSummary()).add(equity_usd / before - 1)
