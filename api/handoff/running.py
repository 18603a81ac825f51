"""The same tables as ``api.handoff.analytics``, kept up to date one trade, signal or invocation at a time.

Adding an event and asking for the tables costs the same after a year as on the first day (the sorted list behind a
median is the exception: one insertion moves pointers, 8 bytes a trade).
"""

import math
from bisect import insort
from typing import Literal

from api.handoff.analytics import (
    SIGNAL_GROUPS,
    Citations,
    CoinMinutes,
    Invocation,
    Signal,
    SignalGroup,
    Summary,
    TradeSummaries,
    fee_pnl_moves,
    grounding_breakdown,
    holding_mins,
    invocation_breaks,
    is_winner,
    longs_shorts,
    notional_usd,
    overall_trades,
    share,
    signals_table,
    winners_losers,
)
from api.handoff.schema import Trade
from api.handoff.tables import NO_USAGE, ModelAnalytics, ModelUsage


class RunningSummary:
    """Count, total, mean, sample deviation and extremes of numbers that come one by one; no median.

    Source: Welford, Note on a method for calculating corrected sums of squares and products (1962).
    """

    __slots__ = ("_count", "_largest", "_lost", "_mean", "_smallest", "_squares", "_total")

    def __init__(self) -> None:
        self._count = 0
        self._total = 0.0
        self._lost = 0.0
        self._mean = 0.0
        self._squares = 0.0
        self._smallest = math.inf
        self._largest = -math.inf

    def add(self, value: float) -> None:
        self._count += 1
        # Neumaier's compensation: a total of gains and losses may end near zero, where a plain sum has lost its digits.
        total = self._total + value
        self._lost += (self._total - total) + value if abs(self._total) >= abs(value) else (value - total) + self._total
        self._total = total
        delta = value - self._mean
        self._mean += delta / self._count
        self._squares += delta * (value - self._mean)
        self._smallest = min(self._smallest, value)
        self._largest = max(self._largest, value)

    def summary(self) -> Summary:
        if not self._count:
            return Summary()
        total = self._total + self._lost
        return Summary(
            count=self._count,
            total=total,
            mean=total / self._count,
            std=math.sqrt(self._squares / (self._count - 1)) if self._count > 1 else 0.0,
            median=self._median(),
            smallest=self._smallest,
            largest=self._largest,
        )

    def _median(self) -> float:
        return 0.0


class SortedSummary(RunningSummary):
    """With the median, from a sorted list of all numbers: for the few that differ from each other, like notionals."""

    __slots__ = ("_ordered",)

    def __init__(self) -> None:
        super().__init__()
        self._ordered: list[float] = []

    def add(self, value: float) -> None:
        super().add(value)
        insort(self._ordered, value)

    def _median(self) -> float:
        middle, odd = divmod(len(self._ordered), 2)
        return self._ordered[middle] if odd else (self._ordered[middle - 1] + self._ordered[middle]) / 2


class TalliedSummary(RunningSummary):
    """With the median, from a count per value: for the many that repeat, like confidences and leverages."""

    __slots__ = ("_tally",)

    def __init__(self) -> None:
        super().__init__()
        self._tally: dict[float, int] = {}

    def add(self, value: float) -> None:
        super().add(value)
        self._tally[value] = self._tally.get(value, 0) + 1

    def _median(self) -> float:
        below_middle, below_or_at_middle = (self._count - 1) // 2, self._count // 2
        lower: float | None = None
        passed = 0
        for value in sorted(self._tally):
            passed += self._tally[value]
            if lower is None and passed > below_middle:
                lower = value
            if lower is not None and passed > below_or_at_middle:
                return (lower + value) / 2
        raise AssertionError("a median was asked of no numbers")


class RunningTrades:
    """The five summaries of a group of trades."""

    __slots__ = ("_fee", "_gross", "_holding", "_net", "_notional")

    def __init__(self, *, with_medians: bool = False) -> None:
        self._net = RunningSummary()
        self._gross = RunningSummary()
        self._fee = RunningSummary()
        self._holding = SortedSummary() if with_medians else RunningSummary()
        self._notional = SortedSummary() if with_medians else RunningSummary()

    def add(self, trade: Trade) -> None:
        self._net.add(trade.realized_net_pnl)
        self._gross.add(trade.realized_gross_pnl)
        self._fee.add(trade.total_commission_dollars)
        self._holding.add(holding_mins(trade))
        self._notional.add(notional_usd(trade))

    def summaries(self) -> TradeSummaries:
        return TradeSummaries(
            net=self._net.summary(),
            gross=self._gross.summary(),
            fee=self._fee.summary(),
            holding=self._holding.summary(),
            notional=self._notional.summary(),
        )


class ModelStatistics:
    """What one model's row of ``analytics`` is made of; equal to ``model_analytics`` over the same events."""

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id
        self._trades = RunningTrades(with_medians=True)
        self._winners, self._losers = RunningTrades(), RunningTrades()
        self._longs, self._shorts = RunningTrades(), RunningTrades()
        self._newest_trade: tuple[float, str] = (0.0, "")
        self._confidence: dict[SignalGroup | Literal["all"], RunningSummary] = {
            "all": TalliedSummary(), "long": RunningSummary(), "short": RunningSummary(),
            "hold": RunningSummary(), "close": RunningSummary(),
        }  # fmt: skip
        self._leverage: dict[Literal["long", "short", "all"], RunningSummary] = {
            "all": TalliedSummary(), "long": RunningSummary(), "short": RunningSummary(),
        }  # fmt: skip
        self._breaks = RunningSummary()
        self._invocations = 0
        self._newest_invocation: Invocation | None = None
        self._watched, self._long, self._short = RunningSummary(), RunningSummary(), RunningSummary()
        self._cited, self._grounded = 0, 0
        self._shares = RunningSummary()

    def add_trade(self, trade: Trade) -> None:
        """Trades may come in any order."""
        self._trades.add(trade)
        (self._winners if is_winner(trade) else self._losers).add(trade)
        (self._longs if trade.side == "long" else self._shorts).add(trade)
        if trade.exit_time > self._newest_trade[0]:
            self._newest_trade = (trade.exit_time, trade.id)

    def add_signal(self, signal: Signal) -> None:
        """Raises ``KeyError`` for a signal that is not in ``SIGNAL_GROUPS``."""
        group = SIGNAL_GROUPS[signal.signal]
        self._confidence["all"].add(signal.confidence)
        self._confidence[group].add(signal.confidence)
        if group == "long" or group == "short":
            self._leverage["all"].add(signal.leverage)
            self._leverage[group].add(signal.leverage)

    def add_invocation(self, invocation: Invocation) -> None:
        """In the order of time."""
        if self._newest_invocation is not None:
            mins = (invocation.time_s - self._newest_invocation.time_s) / 60
            self._breaks.add(mins)
            self._watched.add(mins * invocation.coins_watched)
            self._long.add(mins * invocation.coins_long)
            self._short.add(mins * invocation.coins_short)
        self._newest_invocation = invocation
        self._invocations += 1

    def add_citations(self, reply: Citations) -> None:
        """A reply that cited no number leaves everything as it is."""
        if reply.cited:
            self._cited += reply.cited
            self._grounded += reply.grounded
            self._shares.add(share(reply.grounded, reply.cited))

    def analytics(self, updated_at_s: float, usage: ModelUsage = NO_USAGE) -> ModelAnalytics:
        confidence = {group: running.summary() for group, running in self._confidence.items()}
        leverage = {side: running.summary() for side, running in self._leverage.items()}
        minutes = CoinMinutes(
            watched=self._watched.summary().total,
            long=self._long.summary().total,
            short=self._short.summary().total,
        )
        trades = self._trades.summaries()
        last = self._newest_invocation

        return ModelAnalytics(
            id=self.model_id,
            model_id=self.model_id,
            updated_at=updated_at_s,
            last_trade_exit_time=self._newest_trade[0],
            last_trade_doc_id=self._newest_trade[1],
            last_convo_timestamp=last.time_s if last else 0.0,
            last_convo_doc_id=last.conversation_id if last else "",
            fee_pnl_moves_breakdown_table=fee_pnl_moves(trades),
            winners_losers_breakdown_table=winners_losers(self._winners.summaries(), self._losers.summaries()),
            signals_breakdown_table=signals_table(confidence, leverage, minutes),
            longs_shorts_breakdown_table=longs_shorts(self._longs.summaries(), self._shorts.summaries()),
            overall_trades_overview_table=overall_trades(trades, leverage["all"]),
            invocation_breakdown_table=invocation_breaks(self._invocations, self._breaks.summary()),
            grounding_breakdown_table=grounding_breakdown(self._cited, self._grounded, self._shares.summary()),
            model_usage_breakdown_table=usage,
        )
