"""The catalogue: every strategy builds, refuses what it does not know, and passes the limits as they ship."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from engine.executor.limits import Limits
from engine.executor.ports import Strategy
from engine.executor.risk import judge
from engine.executor.strategies import STRATEGIES, StrategyError, build
from engine.model.decision import Approved, Decision, ExitPlan, Proposal
from engine.model.instrument import round_quantity_down
from engine.model.market import MarketSnapshot, snapshot_of
from tests.executor.risk.cases import INSTRUMENTS, LOOSE
from tests.executor.strategies.markets import a_market, a_walk, at, columns_over

NEEDED: dict[str, Mapping[str, object]] = {"ema_cross": {"quantity": {"BTC": 2}}}


def built(name: str) -> Strategy:
    return build(name, NEEDED.get(name, {}), seed=0)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_is_called_by_its_name(name: str) -> None:
    assert built(name).name == name


def test_an_unknown_strategy_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(StrategyError, match="strategy 'ema_trendy' is unknown; known: ema_trend, "):
        build("ema_trendy", {}, seed=0)


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_unknown_setting_is_refused_by_name(name: str) -> None:
    with pytest.raises(StrategyError, match=f"{name} has no setting lokback; known: "):
        build(name, {**NEEDED.get(name, {}), "lokback": 3}, seed=0)


@pytest.mark.parametrize(
    ("name", "settings", "complaint"),
    [
        ("ema_trend", {"fast": 26, "slow": 12}, "fast is 26 and slow 12 bars"),
        ("ema_trend", {"fast": "12"}, "fast"),
        ("ema_trend", {"position_pct": float("nan")}, "position_pct is nan"),
        ("ema_trend", {"position_pct": 0}, "position_pct is 0"),
        ("ema_trend", {"confidence": 80}, "confidence is 80"),
        ("ema_trend", {"band_pct": -1}, "band_pct is -1"),
        ("ema_trend", {"interval_ms": -1}, "interval_ms is -1"),
        ("ema_cross", {}, "quantity"),
        ("ema_cross", {"quantity": {"BTC": "NaN"}}, "quantity of BTC is NaN"),
        ("ema_cross", {"quantity": {"BTC": -1}}, "quantity of BTC is -1"),
        ("bollinger_range", {"period": 5}, "period is 5 bars"),
        ("breakout", {"leave_period": 30}, "leave_period is 30 and period 20 bars"),
        ("momentum", {"leave_atr": 5}, "leave_atr is 5.0 and enter_atr 4.0"),
        ("mean_reversion", {"oversold": 50}, "oversold is 50.0"),
        ("grid", {"levels": 0}, "levels is 0"),
        ("grid", {"sides": "up"}, "sides"),
        ("volatility", {"calm": 2}, "calm is 2.0 and expanded 1.2"),
        ("funding_carry", {"leave_rate": 1}, "leave_rate is 1"),
        ("buy_and_hold", {"weights": {"BTC": 0}}, "weight of BTC is 0"),
        ("equal_weight", {"drift_pct": 100}, "drift_pct is 100"),
        ("equal_weight", {"rebalance_ms": 0}, "rebalance_ms is 0"),
        ("random", {"trades_per_day": float("inf")}, "trades_per_day is inf"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_what_was_found(
    name: str, settings: Mapping[str, Any], complaint: str
) -> None:
    with pytest.raises(StrategyError, match=complaint):
        build(name, settings, seed=0)


def proposal_of(decision: Decision, held: Decimal, mark: Decimal) -> Proposal:
    """The order towards the decision's target, rounded as orders are."""
    wanted = (decision.target_quantity or Decimal(0)) - held
    quantity = round_quantity_down(abs(wanted), INSTRUMENTS[decision.symbol])
    against = held != 0 and (held > 0) != (wanted > 0)
    return Proposal(
        decision=decision,
        coin=decision.symbol,
        side="buy" if wanted > 0 else "sell",
        quantity=quantity,
        closes=min(quantity, abs(held)) if against else Decimal(0),
        held=held,
        mark=mark,
        limit_price=mark,
        style="market_ioc",
        leverage=decision.leverage or 10,
        plan=ExitPlan(stop_loss=decision.stop_loss, profit_target=decision.profit_target),
    )


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_a_strategy_wants_by_its_defaults_passes_the_limits_by_their_defaults(name: str, seed: int) -> None:
    """Baselines and the lean cross have neither stops nor targets: their traders run without those two limits.

    A grid's reward is a level and its risk the rest of the grid: its trader runs without the limit on their ratio.
    """
    settings = dict(NEEDED.get(name, {})) | ({"trades_per_day": 200} if name == "random" else {})
    strategy = build(name, settings, seed=seed)
    has_exits = name not in ("ema_cross", "cash", "buy_and_hold", "equal_weight")
    limits = Limits() if has_exits else LOOSE
    if name == "grid":
        limits = replace(limits, min_risk_reward_ratio=None)
    close = a_walk(seed, 800)
    table = columns_over(close, strategy.columns)
    held = Decimal(0)
    opened = 0

    for bar in range(800):
        market = a_market({"BTC": table}, bar, {"BTC": close})
        market = with_funding(market, bar) if name.startswith("funding") else market
        mark = market.mark("BTC")
        assert mark is not None
        context = at(market, {"BTC": held}, limits=limits)
        proposals = [proposal_of(decision, held, mark) for decision in strategy.decide(context)]
        verdicts = judge(proposals, context)
        assert verdicts == [Approved(proposal=proposal) for proposal in proposals]
        for proposal in proposals:
            held = proposal.after
            opened += proposal.opens > 0

    assert opened > 0 or name == "cash"


def with_funding(market: MarketSnapshot, bar: int) -> MarketSnapshot:
    """The same market with a rate that swings once in 314 bars."""
    rate = Decimal(repr(round(float(np.sin(bar / 50)) / 10_000, 8)))
    shown = [replace(snapshot, funding_rate=rate) for snapshot in market]
    return snapshot_of(market.time_ms, shown)
