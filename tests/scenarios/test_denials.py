"""Scenario 1: whatever rule denies a decision, nothing leaves for the venue (and R-01: not one byte)."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from engine.executor.limits import AccountLimits
from engine.executor.risk import RULES, judge
from engine.manager.record import Control
from engine.model.decision import Approved
from tests.arena.scripts import T0, Scripted, buy, close
from tests.arena.small_arena import BRACKETED, HOUR_MS, LOOSE, STOPPED, ZERO, SmallArena, Trader
from tests.executor.risk.test_rules import TRIALS

TEN_BTC = buy("BTC", "10")  # 1,000 USD, a tenth of the trader's equity
TEN_ETH = buy("ETH", "10")  # 100 USD
FLAT = {"BTC": [100.0] * 10, "ETH": [10.0] * 10}
HALVED = {"BTC": [100.0, 100.0, 50.0], "ETH": [10.0]}


class Case(Struct, frozen=True):
    """A script whose last decision is denied, and the limits that deny it."""

    script: Mapping[int, Any]
    limits: Any = LOOSE
    account: Mapping[str, Any] = {}
    prices: Mapping[str, Any] = {}
    trader: Mapping[str, Any] = {}
    rival: Mapping[int, Any] = {}
    before: Callable[[SmallArena], object] = lambda arena: None
    minute: float | None = None


def limited(script: Mapping[int, Any], limits: Any = LOOSE, **changes: Any) -> Case:
    return Case(script, replace(limits, **changes))


def an_hour_of_pause(arena: SmallArena) -> None:
    arena.say(Control(command="pause", reason="", by="test", until_ms=T0 + HOUR_MS), "ann")


CASES: dict[str, Case] = {
    "equity": Case({1: TEN_BTC}, trader={"capital_usd": ZERO}),
    "symbol_allowed": Case({1: TEN_ETH}, trader={"coins": ("BTC",)}),
    "pause": Case({1: TEN_BTC}, before=an_hour_of_pause),
    "snapshot_fresh": Case({1: TEN_BTC}, replace(LOOSE, max_snapshot_age_ms=29_999), minute=1.5),
    "price_band": Case({1: buy("BTC", "10", entry_price="110")}),
    "cooldown": limited({1: TEN_BTC, 2: close(), 3: TEN_BTC}, cooldown_ms=HOUR_MS),
    "confidence": limited({1: buy("BTC", "10", confidence=0.74)}, min_confidence=Decimal(75)),
    "leverage": Case({1: buy("BTC", "10", leverage=21)}),
    "stop_present": Case({1: TEN_BTC}, STOPPED),
    "target_present": Case({1: TEN_BTC}, replace(LOOSE, take_profit_enabled=True)),
    "stop_side": Case({1: buy("BTC", "10", stop="101")}, STOPPED),
    "target_side": Case({1: buy("BTC", "10", target="99")}, replace(LOOSE, take_profit_enabled=True)),
    "risk_reward": limited({1: buy("BTC", "10", stop="99", target="102")}, BRACKETED, min_risk_reward_ratio=Decimal(3)),
    "fee_viability": limited(
        {1: buy("BTC", "10", target="100.1")}, LOOSE, take_profit_enabled=True, min_edge_over_fees=Decimal(3)
    ),
    "minimum_notional": Case({1: buy("BTC", "0.05")}),
    "trade_size": limited({1: TEN_BTC}, max_trade_size_usd=Decimal(999)),
    "risk_per_trade": limited({1: buy("BTC", "10", stop="80")}, STOPPED, max_risk_per_trade_pct=Decimal(1)),
    "liquidity": limited({1: TEN_BTC}, liquidity_threshold_usd=Decimal(1)),
    "max_positions": limited({1: TEN_BTC, 2: TEN_ETH}, max_positions=1),
    "new_positions_per_cycle": limited({1: TEN_BTC}, max_new_positions_per_cycle=0),
    "position_size": limited({1: TEN_BTC}, max_position_size_usd=Decimal(999)),
    "value_band": limited({1: TEN_BTC}, btceth_position_value_max_equity_multiple=Decimal("0.09")),
    "opens_per_day": limited({1: TEN_BTC, 2: TEN_ETH}, max_opens_per_day=1),
    "turnover_per_day": limited({1: TEN_BTC}, max_turnover_per_day_multiple=Decimal("0.09")),
    "fees_per_day": limited({1: TEN_BTC}, max_fees_per_day_pct=Decimal("0.001")),
    "daily_loss": Case({1: TEN_BTC, 3: TEN_ETH}, replace(LOOSE, daily_loss_limit_pct=Decimal(5)), prices=HALVED),
    "drawdown": Case({1: TEN_BTC, 3: TEN_ETH}, replace(LOOSE, max_drawdown_pct=Decimal(5)), prices=HALVED),
    "loss_streak": limited({1: TEN_BTC, 2: close(), 3: TEN_BTC}, max_loss_streak=1),
    "margin_usage": limited({1: TEN_BTC}, max_margin_usage_pct=Decimal("0.4")),
    "stop_before_liquidation": Case({1: buy("BTC", "10", stop="85")}, STOPPED, trader={"capital_usd": Decimal(100)}),
    "coin_lease": Case({2: TEN_BTC}, account={"policy": "exclusive"}, rival={1: TEN_BTC}),
    "trader_notional": limited({1: TEN_BTC}, max_trader_notional_usd=Decimal(999)),
    "coin_notional": Case({1: TEN_BTC}, account={"max_coin_notional_usd": Decimal(999)}),
    "account_notional": Case({1: TEN_BTC}, account={"max_account_notional_usd": Decimal(999)}),
    "correlated_positions": limited({1: TEN_ETH, 2: TEN_BTC}, max_correlated_positions=1),
}
# What the planner never proposes: these rules check the planner itself.
OF_THE_PLANNER = ("quantity", "price", "held_position", "side")


def test_every_rule_has_a_case() -> None:
    assert {rule.name for rule in RULES} == {*CASES, *OF_THE_PLANNER}


@pytest.mark.parametrize("rule", CASES)
def test_a_denied_decision_sends_nothing(rule: str) -> None:
    """Scenario 1, R-01."""
    case = CASES[rule]
    last = max(case.script)
    trader = Trader(decider=Scripted(case.script), limits=case.limits, **case.trader)
    arena = SmallArena(
        {"ann": trader, "bob": case.rival}, case.prices or FLAT, account_limits=AccountLimits(**case.account)
    )
    case.before(arena)
    for minute in range(1, last):
        for name in ("ann", "bob"):
            arena.at(minute).observe().slot(name)
    sent, filled, before = arena.gateway.submitted, len(arena.fills()), arena.ledger("ann")

    closed = arena.at(case.minute or last).observe().slot("ann")

    assert (closed.outcome, arena.denials("ann")) == ("denied", [rule])
    assert (arena.gateway.submitted, len(arena.fills())) == (sent, filled)
    assert not arena.sim.snapshot().open_orders
    assert arena.ledger("ann") == before


@pytest.mark.parametrize("rule", OF_THE_PLANNER)
def test_a_proposal_that_no_planner_should_make_is_not_approved(rule: str) -> None:
    """Scenario 1."""
    trial = TRIALS[rule]

    verdicts = judge([trial.trips], trial.worse or trial.context)

    assert not any(isinstance(verdict, Approved) for verdict in verdicts)
