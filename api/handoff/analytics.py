"""The tables of ``analytics``: nof1's six, from a model's trades, signals and invocations, and one on its citations.

Each formula is written once, over summaries (count, mean, sample deviation, median, ...). ``model_analytics`` takes
the summaries of whole lists; ``ModelStatistics`` in ``api.handoff.running`` keeps the same summaries up to date one
event at a time. The formulas reproduce nof1's own published numbers from its published trades, with two deliberate
differences: ``std_taker_fee`` is the plain sample deviation (nof1 updates its running one wrongly), and the leverage
columns of the signals table are those of the signals to enter (nof1 shows 1 for everyone).
"""

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from api.handoff.schema import Trade
from api.handoff.tables import (
    NO_USAGE,
    FeePnlMoves,
    GroundingBreakdown,
    InvocationBreaks,
    LongsShorts,
    ModelAnalytics,
    ModelUsage,
    OverallTrades,
    Signals,
    WinnersLosers,
)

SignalGroup = Literal["long", "short", "hold", "close"]
SIGNAL_GROUPS: Final[Mapping[str, SignalGroup]] = {
    "buy_to_enter": "long",
    "sell_to_enter": "short",
    "hold": "hold",
    "close": "close",
    "close_position": "close",
}
"""A decision's signal, and the column of the signals table it is counted in."""


class Signal(Struct, frozen=True, kw_only=True):
    """What a model said about one coin in one cycle; ``signal`` is a key of ``SIGNAL_GROUPS``."""

    time_s: float
    coin: str
    signal: str
    confidence: float
    leverage: float


class Invocation(Struct, frozen=True, kw_only=True):
    """One call of a model, with how many coins it was watching and held long or short when it was asked."""

    time_s: float
    conversation_id: str = ""
    coins_watched: int
    coins_long: int = 0
    coins_short: int = 0


class Citations(Struct, frozen=True, kw_only=True):
    """The numbers in the words of one reply, and how many of them stood in its prompt."""

    cited: int
    grounded: int


class Summary(Struct, frozen=True, kw_only=True):
    """A group of numbers. All zero for an empty group; ``std`` is the sample deviation, zero below two numbers."""

    count: int = 0
    total: float = 0.0
    mean: float = 0.0
    std: float = 0.0
    median: float = 0.0
    smallest: float = 0.0
    largest: float = 0.0


class TradeSummaries(Struct, frozen=True, kw_only=True):
    """A group of trades: profits and fees in USD, holding periods in minutes, notionals in USD."""

    net: Summary = Summary()
    gross: Summary = Summary()
    fee: Summary = Summary()
    holding: Summary = Summary()
    notional: Summary = Summary()


class CoinMinutes(Struct, frozen=True, kw_only=True):
    """Minutes between invocations, times the coins watched, held long and held short at the end of each break."""

    watched: float = 0.0
    long: float = 0.0
    short: float = 0.0


def summarise(values: Sequence[float]) -> Summary:
    if not values:
        return Summary()
    total = math.fsum(values)
    mean = total / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Summary(
        count=len(values),
        total=total,
        mean=mean,
        std=math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0,
        median=statistics.median(values),
        smallest=min(values),
        largest=max(values),
    )


def summarise_trades(trades: Sequence[Trade]) -> TradeSummaries:
    return TradeSummaries(
        net=summarise([trade.realized_net_pnl for trade in trades]),
        gross=summarise([trade.realized_gross_pnl for trade in trades]),
        fee=summarise([trade.total_commission_dollars for trade in trades]),
        holding=summarise([holding_mins(trade) for trade in trades]),
        notional=summarise([notional_usd(trade) for trade in trades]),
    )


def holding_mins(trade: Trade) -> float:
    return (trade.exit_time - trade.entry_time) / 60


def notional_usd(trade: Trade) -> float:
    """At entry; leverage does not come into it."""
    return abs(trade.quantity) * trade.entry_price


def is_winner(trade: Trade) -> bool:
    """A trade that lost its gross profit to fees is a loser, and so is one that broke even."""
    return trade.realized_net_pnl > 0


def share(part: float, whole: float) -> float:
    """``part`` of ``whole``, 0 when there is no whole."""
    return part / whole if whole else 0.0


def fee_pnl_moves(trades: TradeSummaries) -> FeePnlMoves:
    """The fee percentage is of the net profit, and 0 for a model that has none."""
    return FeePnlMoves(
        avg_gross_pnl=trades.gross.mean,
        avg_net_pnl=trades.net.mean,
        avg_taker_fee=trades.fee.mean,
        biggest_net_gain=trades.net.largest,
        biggest_net_loss=trades.net.smallest,
        overall_pnl_with_fees=trades.net.total,
        overall_pnl_without_fees=trades.gross.total,
        std_gross_pnl=trades.gross.std,
        std_net_pnl=trades.net.std,
        std_taker_fee=trades.fee.std,
        total_fees_as_pct_of_pnl=trades.fee.total / trades.net.total * 100 if trades.net.total > 0 else 0.0,
        total_fees_paid=trades.fee.total,
    )


def winners_losers(winners: TradeSummaries, losers: TradeSummaries) -> WinnersLosers:
    return WinnersLosers(
        win_rate=share(winners.net.count, winners.net.count + losers.net.count) * 100,
        avg_winners_holding_period=winners.holding.mean,
        avg_winners_net_pnl=winners.net.mean,
        avg_winners_notional=winners.notional.mean,
        std_winners_holding_period=winners.holding.std,
        std_winners_net_pnl=winners.net.std,
        std_winners_notional=winners.notional.std,
        avg_losers_holding_period=losers.holding.mean,
        avg_losers_net_pnl=losers.net.mean,
        avg_losers_notional=losers.notional.mean,
        std_losers_holding_period=losers.holding.std,
        std_losers_net_pnl=losers.net.std,
        std_losers_notional=losers.notional.std,
    )


def longs_shorts(longs: TradeSummaries, shorts: TradeSummaries) -> LongsShorts:
    return LongsShorts(
        num_long_trades=longs.net.count,
        num_short_trades=shorts.net.count,
        long_short_trades_ratio=share(longs.net.count, longs.net.count + shorts.net.count),
        avg_longs_holding_period=longs.holding.mean,
        avg_longs_net_pnl=longs.net.mean,
        avg_longs_notional=longs.notional.mean,
        std_longs_holding_period=longs.holding.std,
        std_longs_net_pnl=longs.net.std,
        std_longs_notional=longs.notional.std,
        avg_shorts_holding_period=shorts.holding.mean,
        avg_shorts_net_pnl=shorts.net.mean,
        avg_shorts_notional=shorts.notional.mean,
        std_shorts_holding_period=shorts.holding.std,
        std_shorts_net_pnl=shorts.net.std,
        std_shorts_notional=shorts.notional.std,
    )


def overall_trades(trades: TradeSummaries, entry_leverage: Summary) -> OverallTrades:
    """``entry_leverage``: of the signals to enter, long and short together, whether or not they became trades."""
    return OverallTrades(
        total_trades=trades.net.count,
        avg_holding_period_mins=trades.holding.mean,
        median_holding_period_mins=trades.holding.median,
        std_holding_period_mins=trades.holding.std,
        avg_size_of_trade_notional=trades.notional.mean,
        median_size_of_trade_notional=trades.notional.median,
        std_size_of_trade_notional=trades.notional.std,
        avg_convo_leverage=entry_leverage.mean,
        median_convo_leverage=entry_leverage.median,
    )


def signals_table(
    confidence: Mapping[SignalGroup | Literal["all"], Summary],
    leverage: Mapping[Literal["long", "short", "all"], Summary],
    minutes: CoinMinutes,
) -> Signals:
    """``confidence`` by group, ``leverage`` of the signals to enter by side; flat is what is neither long nor short."""
    long, short, hold, close = confidence["long"], confidence["short"], confidence["hold"], confidence["close"]
    total = confidence["all"].count
    flat = minutes.watched - minutes.long - minutes.short
    return Signals(
        num_long_signals=long.count,
        num_short_signals=short.count,
        num_hold_signals=hold.count,
        num_close_signals=close.count,
        total_signals=total,
        long_signal_pct=share(long.count, total) * 100,
        short_signal_pct=share(short.count, total) * 100,
        hold_signal_pct=share(hold.count, total) * 100,
        close_signal_pct=share(close.count, total) * 100,
        long_short_ratio=share(long.count, short.count),
        avg_leverage=leverage["all"].mean,
        avg_leverage_long=leverage["long"].mean,
        avg_leverage_short=leverage["short"].mean,
        median_leverage=leverage["all"].median,
        std_leverage=leverage["all"].std,
        std_leverage_long=leverage["long"].std,
        std_leverage_short=leverage["short"].std,
        avg_confidence=confidence["all"].mean,
        avg_confidence_long=long.mean,
        avg_confidence_short=short.mean,
        avg_confidence_hold=hold.mean,
        avg_confidence_close=close.mean,
        median_confidence=confidence["all"].median,
        std_confidence=confidence["all"].std,
        std_confidence_long=long.std,
        std_confidence_short=short.std,
        std_confidence_hold=hold.std,
        std_confidence_close=close.std,
        mins_long_combined=minutes.long,
        mins_short_combined=minutes.short,
        mins_flat_combined=flat,
        pct_mins_long_combined=share(minutes.long, minutes.watched) * 100,
        pct_mins_short_combined=share(minutes.short, minutes.watched) * 100,
        pct_mins_flat_combined=share(flat, minutes.watched) * 100,
    )


def invocation_breaks(invocations: int, breaks: Summary) -> InvocationBreaks:
    return InvocationBreaks(
        num_invocations=invocations,
        avg_invocation_break_mins=breaks.mean,
        min_invocation_break_mins=breaks.smallest,
        max_invocation_break_mins=breaks.largest,
        std_invocation_break_mins=breaks.std,
    )


def grounding_breakdown(cited: int, grounded: int, shares: Summary) -> GroundingBreakdown:
    """``shares``: grounded over cited, 0 to 1, of each reply that cited a number."""
    return GroundingBreakdown(
        num_replies=shares.count,
        num_numbers_cited=cited,
        num_numbers_grounded=grounded,
        grounded_pct=share(grounded, cited) * 100,
        avg_grounded_pct=shares.mean * 100,
        min_grounded_pct=shares.smallest * 100,
    )


def coin_minutes(invocations: Sequence[Invocation]) -> CoinMinutes:
    """What was held is sampled at each invocation and stands for the break before it."""
    watched = long = short = 0.0
    for before, now in itertools.pairwise(invocations):
        mins = (now.time_s - before.time_s) / 60
        watched += mins * now.coins_watched
        long += mins * now.coins_long
        short += mins * now.coins_short
    return CoinMinutes(watched=watched, long=long, short=short)


def model_analytics(
    model_id: str,
    updated_at_s: float,
    trades: Sequence[Trade],
    signals: Iterable[Signal],
    invocations: Sequence[Invocation],
    citations: Sequence[Citations] = (),
    usage: ModelUsage = NO_USAGE,
) -> ModelAnalytics:
    """The row of one model from its whole history; ``invocations`` in the order of time, the others in any."""
    winners = [trade for trade in trades if is_winner(trade)]
    losers = [trade for trade in trades if not is_winner(trade)]
    longs = [trade for trade in trades if trade.side == "long"]
    shorts = [trade for trade in trades if trade.side == "short"]
    confidence: dict[SignalGroup | Literal["all"], list[float]] = {
        "all": [], "long": [], "short": [], "hold": [], "close": [],
    }  # fmt: skip
    leverage: dict[Literal["long", "short", "all"], list[float]] = {"all": [], "long": [], "short": []}
    for signal in signals:
        group = SIGNAL_GROUPS[signal.signal]
        confidence["all"].append(signal.confidence)
        confidence[group].append(signal.confidence)
        if group == "long" or group == "short":
            leverage["all"].append(signal.leverage)
            leverage[group].append(signal.leverage)
    entry_leverage = {side: summarise(values) for side, values in leverage.items()}
    breaks = [(now.time_s - before.time_s) / 60 for before, now in itertools.pairwise(invocations)]
    newest = max(trades, key=lambda trade: trade.exit_time, default=None)

    return ModelAnalytics(
        id=model_id,
        model_id=model_id,
        updated_at=updated_at_s,
        last_trade_exit_time=newest.exit_time if newest else 0.0,
        last_trade_doc_id=newest.id if newest else "",
        last_convo_timestamp=invocations[-1].time_s if invocations else 0.0,
        last_convo_doc_id=invocations[-1].conversation_id if invocations else "",
        fee_pnl_moves_breakdown_table=fee_pnl_moves(summarise_trades(trades)),
        winners_losers_breakdown_table=winners_losers(summarise_trades(winners), summarise_trades(losers)),
        signals_breakdown_table=signals_table(
            {group: summarise(values) for group, values in confidence.items()},
            entry_leverage,
            coin_minutes(invocations),
        ),
        longs_shorts_breakdown_table=longs_shorts(summarise_trades(longs), summarise_trades(shorts)),
        overall_trades_overview_table=overall_trades(summarise_trades(trades), entry_leverage["all"]),
        invocation_breakdown_table=invocation_breaks(len(invocations), summarise(breaks)),
        grounding_breakdown_table=grounding_breakdown(
            sum(reply.cited for reply in citations),
            sum(reply.grounded for reply in citations),
            summarise([share(reply.grounded, reply.cited) for reply in citations if reply.cited]),
        ),
        model_usage_breakdown_table=usage,
    )
