"""The shipped prompts, word for word, for a fixed slot."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.executor.context import Context
from engine.executor.limits import Limits
from engine.executor.prompt import Rendered, render
from engine.model.account import Account
from engine.model.market import snapshot_of
from engine.model.standing import Standing
from tests.executor.prompt.scene import ANN, LONG_MS, NOW_MS, SERIES_MS, coin, context, prompt_set

GOLDEN = Path(__file__).parent / "golden"

EVERY_LIMIT: dict[str, Any] = {
    "max_trade_size_usd": Decimal(2500),
    "max_trader_notional_usd": Decimal(20000),
    "max_risk_per_trade_pct": Decimal("1.5"),
    "max_new_positions_per_cycle": 2,
    "liquidity_threshold_usd": Decimal(15_000_000),
    "btceth_position_value_min_equity_multiple": Decimal("0.1"),
    "btceth_position_value_max_equity_multiple": Decimal(10),
    "alt_position_value_min_equity_multiple": Decimal("0.05"),
    "alt_position_value_max_equity_multiple": Decimal("1.5"),
    "cooldown_ms": 15 * 60_000,
    "min_edge_over_fees": Decimal(5),
    "max_turnover_per_day_multiple": Decimal(20),
    "max_fees_per_day_pct": Decimal(1),
    "max_opens_per_day": 12,
    "daily_loss_limit_pct": Decimal(5),
    "max_drawdown_pct": Decimal(15),
    "max_loss_streak": 4,
    "max_correlated_positions": 2,
    "sharpe_pause_threshold": -0.5,
    "pause_ms": 2 * 3_600_000,
}


def bare() -> Context:
    """The first slot of a trader on a market that has nothing but a price."""
    nothing = dict.fromkeys(
        [
            "funding_rate",
            "open_interest",
            "open_interest_average",
            "volume",
            "volume_average",
            "day_volume_usd",
            "change_1h",
            "change_4h",
        ]
    )
    return context(
        coins=("BTC",),
        market=snapshot_of(NOW_MS, [coin("BTC", "110000", **nothing)]),
        account=Account(trader=ANN, capital_usd=Decimal(10_000), units=Decimal(10_000)),
        known_equity_usd=Decimal(10_000),
        plans={},
        standing=Standing(),
        limits=Limits(),
        recent_trades=(),
        lessons=(),
    )


def as_text(rendered: Rendered) -> str:
    parts = [f"=== {message.role} ===\n{message.content}" for message in rendered.messages]
    return f"{''.join(parts)}=== {rendered.version} ===\n"


@pytest.mark.parametrize(
    ("name", "scene", "strategy"),
    [
        ("usual", context(), None),
        ("bare", bare(), None),
        ("every-limit", context(limits=Limits(**EVERY_LIMIT)), None),
        ("aggressive-short", context(), "aggressive_short"),
        ("conservative-long", context(), "conservative_long"),
        ("balanced-swing", context(), "balanced_swing"),
        ("crowd-fader", context(), "crowd_fader"),
    ],
)
def test_the_prompt_is_as_it_was(
    name: str, scene: Context, strategy: str | None, golden: Callable[[Path, str], None]
) -> None:
    rendered = render(scene, prompt_set(strategy), SERIES_MS, LONG_MS)

    golden(GOLDEN / f"{name}.txt", as_text(rendered))
