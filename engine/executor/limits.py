"""Limits: the numbers that the pre-trade rules and portfolio guards hold a trader to."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

Policy = Literal["netting", "exclusive", "crossing", "subaccounts"]
MAJOR_COINS = ("BTC", "ETH")


class Limits(Struct, frozen=True, kw_only=True, gc=False):
    """One trader's limits. ``None`` switches a limit off; percentages are percent of the trader's own equity.

    ``min_confidence`` is 0 to 100. ``*_multiple`` values are multiples of equity, ``price_band_pct`` the distance of a
    stated entry price from the mark, ``cooldown_ms`` the rest a coin gets after a close.
    """

    max_positions: int = 4
    max_position_size_usd: Decimal = Decimal(5000)
    max_trade_size_usd: Decimal | None = None
    max_trader_notional_usd: Decimal | None = None
    max_margin_usage_pct: Decimal | None = Decimal(60)
    major_coin_leverage: int = 20
    altcoin_leverage: int = 10
    min_risk_reward_ratio: Decimal | None = Decimal(3)
    min_confidence: Decimal | None = Decimal(75)
    stop_loss_enabled: bool = True
    take_profit_enabled: bool = True
    max_risk_per_trade_pct: Decimal | None = None
    price_band_pct: Decimal = Decimal(2)
    max_snapshot_age_ms: int = 60_000
    max_new_positions_per_cycle: int | None = None
    liquidity_threshold_usd: Decimal | None = None
    btceth_position_value_min_equity_multiple: Decimal | None = None
    btceth_position_value_max_equity_multiple: Decimal | None = None
    alt_position_value_min_equity_multiple: Decimal | None = None
    alt_position_value_max_equity_multiple: Decimal | None = None
    cooldown_ms: int | None = None
    min_edge_over_fees: Decimal | None = None
    max_turnover_per_day_multiple: Decimal | None = None
    max_fees_per_day_pct: Decimal | None = None
    max_opens_per_day: int | None = None
    daily_loss_limit_pct: Decimal | None = None
    max_drawdown_pct: Decimal | None = None
    max_loss_streak: int | None = None
    max_correlated_positions: int | None = None
    correlation_threshold: float = 0.7
    sharpe_pause_threshold: float | None = None
    sharpe_min_sample: int = 48
    pause_ms: int = 0

    def leverage_cap(self, coin: str) -> int:
        """The highest leverage this trader may use on a coin."""
        return self.major_coin_leverage if coin in MAJOR_COINS else self.altcoin_leverage


class AccountLimits(Struct, frozen=True, kw_only=True, gc=False):
    """Limits of one venue account over all its traders, and how its traders share it."""

    policy: Policy = "netting"
    max_account_notional_usd: Decimal | None = None
    max_coin_notional_usd: Decimal | None = None
    taker_fee_rate: Decimal = Decimal("0.00045")
