"""The baselines: cash, buy and hold, equal weight, random."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from engine.executor.strategies import build
from engine.model.decision import Decision
from engine.model.ids import TraderId
from engine.model.market import Column, snapshot_of
from tests.executor.risk.cases import LOOSE, NOW_MS, a_snapshot
from tests.executor.strategies.markets import at

DAY_MS = 86_400_000
MARKET = snapshot_of(NOW_MS, [a_snapshot("BTC"), a_snapshot("ETH"), a_snapshot("SOL")])
MIDNIGHT: dict[str, Any] = {"slot_ms": NOW_MS - NOW_MS % DAY_MS}
NOON: dict[str, Any] = {"slot_ms": NOW_MS - NOW_MS % DAY_MS + DAY_MS // 2}


def targets(decisions: Any) -> dict[str, Decimal | None]:
    return {decision.symbol: decision.target_quantity for decision in decisions}


def test_cash_never_does_anything() -> None:
    cash = build("cash", {}, seed=0)

    points = cash.points("BTC", {Column("close"): np.ones(3)})

    assert list(cash.decide(at(MARKET))) == []
    assert points is not None
    assert points.tolist() == [False, False, False]


def test_buy_and_hold_buys_its_weights_once() -> None:
    strategy = build("buy_and_hold", {"weights": {"BTC": 60, "ETH": 30}}, seed=0)

    assert targets(strategy.decide(at(MARKET))) == {"BTC": 60, "ETH": 300}
    assert targets(strategy.decide(at(MARKET, {"BTC": Decimal(7)}))) == {"ETH": 300}
    assert targets(strategy.decide(at(MARKET, {"BTC": Decimal(7), "ETH": Decimal(1)}))) == {}


def test_buy_and_hold_of_one_coin_invests_all_of_it() -> None:
    strategy = build("buy_and_hold", {}, seed=0)

    assert targets(strategy.decide(at(MARKET, coins=("BTC",)))) == {"BTC": 100}
    assert targets(strategy.decide(at(MARKET, coins=("BTC", "ETH")))) == {"BTC": 50, "ETH": 500}


def test_a_position_never_exceeds_what_the_trader_may_hold() -> None:
    strategy = build("buy_and_hold", {}, seed=0)
    limits = replace(LOOSE, max_position_size_usd=Decimal(5000))

    assert targets(strategy.decide(at(MARKET, coins=("BTC",), limits=limits))) == {"BTC": 49}


def test_equal_weight_buys_what_is_missing_at_any_slot() -> None:
    strategy = build("equal_weight", {"invested_pct": 60}, seed=0)

    assert targets(strategy.decide(at(MARKET, **NOON))) == {"BTC": 20, "ETH": 200, "SOL": 2000}


def test_equal_weight_restores_shares_at_midnight_when_they_have_drifted() -> None:
    strategy = build("equal_weight", {"invested_pct": 60, "drift_pct": 5}, seed=0)
    held = {"BTC": Decimal(22), "ETH": Decimal(209), "SOL": Decimal(1800)}

    decisions = strategy.decide(at(MARKET, held, **MIDNIGHT))

    assert targets(decisions) == {"BTC": 20, "SOL": 2000}
    assert [decision.signal for decision in decisions] == ["close", "buy_to_enter"]
    assert list(strategy.decide(at(MARKET, held, **NOON))) == []


def test_a_share_is_split_over_coins_that_are_held_but_not_tradable_now() -> None:
    strategy = build("equal_weight", {"invested_pct": 60}, seed=0)

    decisions = strategy.decide(at(MARKET, {"SOL": Decimal(2000)}, coins=("BTC", "ETH"), **NOON))

    assert targets(decisions) == {"BTC": 20, "ETH": 200}


@pytest.mark.parametrize("equity", [Decimal(0), Decimal("NaN"), Decimal(-1)])
@pytest.mark.parametrize("name", ["buy_and_hold", "equal_weight", "random"])
def test_without_equity_nothing_is_bought(name: str, equity: Decimal) -> None:
    settings = {"trades_per_day": 1e6} if name == "random" else {}

    assert list(build(name, settings, seed=0).decide(at(MARKET, known_equity_usd=equity))) == []


def a_day_of(seed: int, trader: str = "me", **settings: Any) -> list[tuple[int, Decision]]:
    """The decisions of 480 slots of three minutes by a trader who never holds anything."""
    strategy = build("random", settings, seed=seed)
    slots = [NOW_MS + place * 180_000 for place in range(480)]
    return [
        (slot_ms, decision)
        for slot_ms in slots
        for decision in strategy.decide(at(MARKET, slot_ms=slot_ms, interval_ms=180_000, trader=TraderId(trader)))
    ]


def test_random_trades_are_the_same_in_every_run() -> None:
    assert a_day_of(5) == a_day_of(5)


def test_random_trades_differ_by_seed_and_by_trader() -> None:
    day = a_day_of(5, trades_per_day=20)

    assert day != a_day_of(6, trades_per_day=20)
    assert day != a_day_of(5, trader="you", trades_per_day=20)


def test_random_trades_come_about_as_often_as_told_on_both_sides_and_all_coins() -> None:
    made = [decision for _, decision in a_day_of(5, trades_per_day=50)]

    # A hundred actions of 480 are expected, with a deviation of nine; all are openings, as nothing is held.
    assert 64 <= len(made) <= 136
    assert {decision.symbol for decision in made} == {"BTC", "ETH", "SOL"}
    assert {decision.signal for decision in made} == {"buy_to_enter", "sell_to_enter"}


def test_a_drawn_coin_that_is_held_is_closed() -> None:
    strategy = build("random", {"trades_per_day": 1e6}, seed=0)
    held = {"BTC": Decimal(1), "ETH": Decimal(-1), "SOL": Decimal(1)}

    (decision,) = strategy.decide(at(MARKET, held))

    assert decision.signal == "close"
