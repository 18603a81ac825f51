"""The terms of a case: limits of which most let something pass, and each sometimes binds."""

from collections.abc import Callable
from decimal import Decimal
from random import Random

from engine.executor.limits import AccountLimits, Limits
from tests.fuzz.market import MINUTE_MS


def some_limits(rng: Random) -> Limits:
    """Limits of which most let something pass, and each sometimes binds."""

    def maybe(likely: float, draw: Callable[[], str]) -> Decimal | None:
        return Decimal(draw()) if rng.random() < likely else None

    stop, target = rng.random() < 0.65, rng.random() < 0.65
    return Limits(
        max_positions=rng.randint(1, 6),
        max_position_size_usd=Decimal(rng.choice([200, 2_000, 5_000, 5_000, 20_000])),
        max_trade_size_usd=maybe(0.3, lambda: str(rng.choice([150, 1_500, 9_000]))),
        max_trader_notional_usd=maybe(0.3, lambda: str(rng.choice([3_000, 12_000]))),
        max_margin_usage_pct=maybe(0.7, lambda: str(rng.choice([5, 30, 60]))),
        major_coin_leverage=rng.choice([3, 10, 20, 50]),
        altcoin_leverage=rng.choice([2, 5, 10, 50]),
        min_risk_reward_ratio=maybe(0.9 if stop and target else 0.02, lambda: str(rng.choice([1, "1.5", 3]))),
        min_confidence=maybe(0.5, lambda: str(rng.choice([50, 75]))),
        stop_loss_enabled=stop,
        take_profit_enabled=target,
        max_risk_per_trade_pct=maybe(0.5 if stop else 0.02, lambda: str(rng.choice([1, 3]))),
        price_band_pct=Decimal(rng.choice([1, 2, 2, 5])),
        max_snapshot_age_ms=rng.choice([5_000, 60_000]),
        max_new_positions_per_cycle=rng.choice([None, None, 1, 2]),
        liquidity_threshold_usd=maybe(0.3, lambda: str(rng.choice([10**5, 1_900_000, 2_100_000]))),
        btceth_position_value_min_equity_multiple=maybe(0.2, lambda: "0.01"),
        btceth_position_value_max_equity_multiple=maybe(0.2, lambda: rng.choice(["0.3", "3"])),
        alt_position_value_min_equity_multiple=maybe(0.2, lambda: "0.01"),
        alt_position_value_max_equity_multiple=maybe(0.2, lambda: rng.choice(["0.3", "3"])),
        cooldown_ms=rng.choice([None, None, 5 * MINUTE_MS]),
        min_edge_over_fees=maybe(0.5 if target else 0.02, lambda: "2"),
        max_turnover_per_day_multiple=maybe(0.3, lambda: rng.choice(["1", "10"])),
        max_fees_per_day_pct=maybe(0.3, lambda: rng.choice(["0.3", "1"])),
        max_opens_per_day=rng.choice([None, None, None, 3, 12]),
        daily_loss_limit_pct=maybe(0.3, lambda: rng.choice(["1", "5"])),
        max_drawdown_pct=maybe(0.3, lambda: rng.choice(["2", "10"])),
        max_loss_streak=rng.choice([None, None, None, 3]),
        pause_ms=rng.choice([0, 30 * MINUTE_MS]),
        max_correlated_positions=rng.choice([None, None, None, 1, 2]),
    )


def some_account_limits(rng: Random) -> AccountLimits:
    return AccountLimits(
        policy=rng.choice(["netting", "netting", "netting", "exclusive"]),
        max_account_notional_usd=rng.choice([None, None, Decimal(8_000), Decimal(40_000)]),
        max_coin_notional_usd=rng.choice([None, None, Decimal(4_000), Decimal(15_000)]),
    )
