"""One struct per published JSON document and row: fields and units exactly as they travel in the nof1 wire format.

Times are seconds (float) everywhere except ``serverTime`` and the prices' ``timestamp``, which are integer
milliseconds. Amounts are USD, percentages 0..100, confidences 0..1, quantities signed (negative is short). A struct
cannot hold NaN or an infinity, because JSON cannot either: building one raises ``ValueError``. Zeros are always
written out.

Published files carry no ``serverTime``, so that equal data has equal bytes; the API adds it to each answer.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from api.handoff.tables import ModelAnalytics
from api.handoff.wire import Wire

DOCUMENTS: Final = (
    "crypto-prices",
    "account-totals",
    "trades",
    "leaderboard",
    "analytics",
    "conversations",
    "positions",
    "since-inception-values",
)
"""The documents of one generation. The ninth, ``analytics-{model}``, is answered from ``analytics``."""

STARTING_NAV_USD: Final = 10_000.0
"""Every trader starts at this net asset value on the wire, whatever capital it really has: the frontend assumes it."""

UNKNOWN_CONDITION: Final = "n/a"

Side = Literal["long", "short"]


# /crypto-prices


class CoinPrice(Wire, frozen=True, kw_only=True):
    symbol: str
    price: float
    timestamp: int
    """Milliseconds."""


class CryptoPrices(Wire, frozen=True, kw_only=True):
    prices: dict[str, CoinPrice] = field(default_factory=dict)
    server_time_ms: int | UnsetType = field(default=UNSET, name="serverTime")


# /account-totals and /positions


class ExitPlan(Wire, frozen=True, kw_only=True):
    """A position's way out. Never empty on the wire: a row that flips between empty and filled crashes the frontend."""

    profit_target: float | None = None
    stop_loss: float | None = None
    invalidation_condition: str = UNKNOWN_CONDITION

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.invalidation_condition:
            msgspec.structs.force_setattr(self, "invalidation_condition", UNKNOWN_CONDITION)


class Position(Wire, frozen=True, kw_only=True):
    entry_oid: int
    oid: int = -1
    tp_oid: int = -1
    sl_oid: int = -1
    symbol: str
    entry_time: float
    entry_price: float
    current_price: float
    quantity: float
    leverage: float
    margin: float
    unrealized_pnl: float
    closed_pnl: float = 0.0
    """What closing parts of it has brought so far, less the entry fee."""
    commission: float = 0.0
    slippage: float = 0.0
    liquidation_price: float | None = None
    risk_usd: float = 0.0
    confidence: float = 0.0
    wait_for_fill: bool = False
    index_col: int | None = None
    exit_plan: ExitPlan = ExitPlan()


class AccountTotal(Wire, frozen=True, kw_only=True):
    """One trader at one instant. Both markers count from the earliest inception of all traders, not from its own."""

    id: str
    model_id: str
    timestamp: float
    dollar_equity: float
    realized_pnl: float
    total_unrealized_pnl: float
    cum_pnl_pct: float
    sharpe_ratio: float
    since_inception_hourly_marker: int
    since_inception_minute_marker: int
    positions: dict[str, Position] = field(default_factory=dict)


class AccountTotals(Wire, frozen=True, kw_only=True):
    account_totals: tuple[AccountTotal, ...] = field(default=(), name="accountTotals")
    last_hourly_marker_read: int = field(default=0, name="lastHourlyMarkerRead")
    server_time_ms: int | UnsetType = field(default=UNSET, name="serverTime")


class ModelPositions(Wire, frozen=True, kw_only=True):
    id: str
    model_id: str
    positions: dict[str, Position] = field(default_factory=dict)


class Positions(Wire, frozen=True, kw_only=True):
    """The published file; the API repeats the rows under the key ``positions``."""

    account_totals: tuple[ModelPositions, ...] = field(default=(), name="accountTotals")
    server_time_ms: int | UnsetType = field(default=UNSET, name="serverTime")


# /trades


class Trade(Wire, frozen=True, kw_only=True):
    """One completed round trip. Net profit is ``entry_closed_pnl + exit_closed_pnl``, each less its leg's fee."""

    id: str
    trade_id: str
    model_id: str
    symbol: str
    side: Side
    trade_type: Side
    quantity: float
    leverage: float
    confidence: float
    exit_plan: dict[str, float | str | None] = field(default_factory=dict)
    entry_price: float
    entry_time: float
    entry_human_time: str
    entry_sz: float
    entry_oid: int
    entry_tid: int
    entry_crossed: bool
    entry_liquidation: str | None = None
    entry_commission_dollars: float
    entry_closed_pnl: float
    exit_price: float
    exit_time: float
    exit_human_time: str
    exit_sz: float
    exit_oid: int
    exit_tid: int
    exit_crossed: bool
    exit_liquidation: str | None = None
    exit_commission_dollars: float
    exit_closed_pnl: float
    realized_gross_pnl: float
    realized_net_pnl: float
    total_commission_dollars: float


class Trades(Wire, frozen=True, kw_only=True):
    trades: tuple[Trade, ...] = ()
    server_time_ms: int | UnsetType = field(default=UNSET, name="serverTime")


# /leaderboard


class LeaderboardRow(Wire, frozen=True, kw_only=True):
    """Wins and losses are sums of net profit over all completed trades; ``lose_dollars`` is negative.

    The last five columns are not nof1's, and left out of rows that nof1 made. Equity and return are those of trading;
    what the language model cost is beside them, and the same two once more with it taken off, all on the scale on which
    everybody starts with 10,000. ``stand_in`` names the model that answers in place of the trader's own at present,
    else it is empty; ``num_swapped_replies`` counts the replies that such a one gave.
    """

    id: str
    num_trades: int
    sharpe: float
    win_dollars: float
    num_losses: int
    lose_dollars: float
    return_pct: float
    equity: float
    num_wins: int
    model_cost_dollars: float | UnsetType = UNSET
    equity_after_model_cost: float | UnsetType = UNSET
    return_pct_after_model_cost: float | UnsetType = UNSET
    num_swapped_replies: int | UnsetType = UNSET
    stand_in: str | UnsetType = UNSET


class Leaderboard(Wire, frozen=True, kw_only=True):
    leaderboard: tuple[LeaderboardRow, ...] = ()


# /analytics


class Analytics(Wire, frozen=True, kw_only=True):
    """``analytics``, and with one row or none ``analytics-{model}``."""

    analytics: tuple[ModelAnalytics, ...] = ()
    server_time_ms: int | UnsetType = field(default=UNSET, name="serverTime")


# /conversations


class CoinDecision(Wire, frozen=True, kw_only=True):
    """What the model said about one coin. ``signal``: buy_to_enter, sell_to_enter, hold or close_position."""

    coin: str
    signal: str
    quantity: float = 0.0
    confidence: float = 0.0
    leverage: float = 0.0
    profit_target: float | None = None
    stop_loss: float | None = None
    risk_usd: float = 0.0
    invalidation_condition: str = UNKNOWN_CONDITION
    justification: str = ""


class ConversationMessage(Wire, frozen=True, kw_only=True):
    role: str
    content: str
    timestamp: float


class Conversation(Wire, frozen=True, kw_only=True):
    """One call of a model. ``messages`` repeats the texts for readers that expect a chat log; it may stay empty."""

    id: str
    model_id: str
    timestamp: float
    inserted_at: float
    run_id: str
    cycle_id: int
    skill: str = ""
    cot_trace_summary: str
    user_prompt: str
    cot_trace: str
    llm_response: dict[str, CoinDecision] = field(default_factory=dict)
    messages: tuple[ConversationMessage, ...] = ()


class Conversations(Wire, frozen=True, kw_only=True):
    conversations: tuple[Conversation, ...] = ()
    server_time_ms: int | UnsetType = field(default=UNSET, name="serverTime")


# /since-inception-values


class SinceInceptionValue(Wire, frozen=True, kw_only=True):
    """``nav_since_inception`` is the net asset value at the start, not a change."""

    id: str
    model_id: str
    nav_since_inception: float = STARTING_NAV_USD
    inception_date: float
    num_invocations: int = 0


class SinceInceptionValues(Wire, frozen=True, kw_only=True):
    since_inception_values: tuple[SinceInceptionValue, ...] = field(default=(), name="sinceInceptionValues")
    server_time_ms: int | UnsetType = field(default=UNSET, name="serverTime")


DOCUMENT_TYPES: Final[Mapping[str, type[Wire]]] = {
    "crypto-prices": CryptoPrices,
    "account-totals": AccountTotals,
    "trades": Trades,
    "leaderboard": Leaderboard,
    "analytics": Analytics,
    "conversations": Conversations,
    "positions": Positions,
    "since-inception-values": SinceInceptionValues,
}
