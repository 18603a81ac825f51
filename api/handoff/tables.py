"""nof1's six analytics tables, one struct each, one of our own, and the row of one model that carries them.

All values are numbers; what has no data is zero. ``api.handoff.analytics`` says by which formulas they are filled.
"""

from msgspec import UNSET, UnsetType

from api.handoff.wire import Wire


class FeePnlMoves(Wire, frozen=True, kw_only=True):
    avg_gross_pnl: float
    avg_net_pnl: float
    avg_taker_fee: float
    biggest_net_gain: float
    biggest_net_loss: float
    overall_pnl_with_fees: float
    overall_pnl_without_fees: float
    std_gross_pnl: float
    std_net_pnl: float
    std_taker_fee: float
    total_fees_as_pct_of_pnl: float
    total_fees_paid: float


class WinnersLosers(Wire, frozen=True, kw_only=True):
    """Holding periods in minutes, win rate 0..100."""

    win_rate: float
    avg_winners_holding_period: float
    avg_winners_net_pnl: float
    avg_winners_notional: float
    std_winners_holding_period: float
    std_winners_net_pnl: float
    std_winners_notional: float
    avg_losers_holding_period: float
    avg_losers_net_pnl: float
    avg_losers_notional: float
    std_losers_holding_period: float
    std_losers_net_pnl: float
    std_losers_notional: float


class LongsShorts(Wire, frozen=True, kw_only=True):
    """``long_short_trades_ratio`` is the fraction of longs among all trades, 0..1."""

    num_long_trades: int
    num_short_trades: int
    long_short_trades_ratio: float
    avg_longs_holding_period: float
    avg_longs_net_pnl: float
    avg_longs_notional: float
    std_longs_holding_period: float
    std_longs_net_pnl: float
    std_longs_notional: float
    avg_shorts_holding_period: float
    avg_shorts_net_pnl: float
    avg_shorts_notional: float
    std_shorts_holding_period: float
    std_shorts_net_pnl: float
    std_shorts_notional: float


class OverallTrades(Wire, frozen=True, kw_only=True):
    """The portfolio and distance columns are 0 for every model on nof1 and here: they are kept for the shape."""

    total_trades: int
    avg_holding_period_mins: float
    median_holding_period_mins: float
    std_holding_period_mins: float
    avg_size_of_trade_notional: float
    median_size_of_trade_notional: float
    std_size_of_trade_notional: float
    avg_convo_leverage: float
    median_convo_leverage: float
    avg_size_of_trade_portfolio_pct: float = 0.0
    std_size_of_trade_portfolio_pct: float = 0.0
    avg_stop_loss_distance_pct: float = 0.0
    avg_take_profit_distance_pct: float = 0.0


class Signals(Wire, frozen=True, kw_only=True):
    """Percentages 0..100, confidences 0..1; combined minutes are summed over coins."""

    num_long_signals: int
    num_short_signals: int
    num_hold_signals: int
    num_close_signals: int
    total_signals: int
    long_signal_pct: float
    short_signal_pct: float
    hold_signal_pct: float
    close_signal_pct: float
    long_short_ratio: float
    avg_leverage: float
    avg_leverage_long: float
    avg_leverage_short: float
    median_leverage: float
    std_leverage: float
    std_leverage_long: float
    std_leverage_short: float
    avg_confidence: float
    avg_confidence_long: float
    avg_confidence_short: float
    avg_confidence_hold: float
    avg_confidence_close: float
    median_confidence: float
    std_confidence: float
    std_confidence_long: float
    std_confidence_short: float
    std_confidence_hold: float
    std_confidence_close: float
    mins_long_combined: float
    mins_short_combined: float
    mins_flat_combined: float
    pct_mins_long_combined: float
    pct_mins_short_combined: float
    pct_mins_flat_combined: float


class InvocationBreaks(Wire, frozen=True, kw_only=True):
    """Minutes between one call of the model and the next."""

    num_invocations: int
    avg_invocation_break_mins: float
    min_invocation_break_mins: float
    max_invocation_break_mins: float
    std_invocation_break_mins: float


class GroundingBreakdown(Wire, frozen=True, kw_only=True):
    """Numbers that a model cited in its own words, and those of them that stood in its prompt; percentages 0..100.

    Not one of nof1's tables, and missing in rows that nof1 made. ``grounded_pct`` is of all numbers,
    ``avg_grounded_pct`` and ``min_grounded_pct`` are over the replies that cited any; ``num_replies`` counts those.
    """

    num_replies: int
    num_numbers_cited: int
    num_numbers_grounded: int
    grounded_pct: float
    avg_grounded_pct: float
    min_grounded_pct: float


class ModelUsage(Wire, frozen=True, kw_only=True):
    """What a trader's language model answered and what it cost.

    Not one of nof1's tables. ``total_cost_usd`` is what is paid for the calls, in dollars as they are: unlike all other
    amounts it is not on the scale on which everybody starts with 10,000. Swapped replies are those of a stand-in;
    unanswered calls were paid for and gave no reply.
    """

    num_replies: int = 0
    num_late_replies: int = 0
    num_cache_replies: int = 0
    num_swapped_replies: int = 0
    num_unanswered_calls: int = 0
    total_prompt_tokens: int = 0
    total_cached_prompt_tokens: int = 0
    total_completion_tokens: int = 0
    total_cost_usd: float = 0.0
    avg_cost_per_reply_usd: float = 0.0
    avg_latency_secs: float = 0.0


NO_USAGE = ModelUsage()


class ModelAnalytics(Wire, frozen=True, kw_only=True):
    id: str
    model_id: str
    updated_at: float
    last_trade_exit_time: float
    last_trade_doc_id: str
    last_convo_timestamp: float
    last_convo_doc_id: str
    fee_pnl_moves_breakdown_table: FeePnlMoves
    winners_losers_breakdown_table: WinnersLosers
    signals_breakdown_table: Signals
    longs_shorts_breakdown_table: LongsShorts
    overall_trades_overview_table: OverallTrades
    invocation_breakdown_table: InvocationBreaks
    grounding_breakdown_table: GroundingBreakdown | UnsetType = UNSET
    model_usage_breakdown_table: ModelUsage | UnsetType = UNSET
