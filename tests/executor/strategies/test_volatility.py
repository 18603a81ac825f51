"""Volatility: with the move while a coin is restless, out when it is calm, and points that miss nothing."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from engine.executor.strategies import build
from engine.model.market import Column, MarketSnapshot
from tests.executor.strategies.markets import a_walk, at, columns_over, follow, windows_of

CLOSE, AVERAGE = Column("close"), Column("ema", 20)
FAST, SLOW = Column("atr", 5), Column("atr", 50)
VOLATILITY = build("volatility", {}, seed=0)
NAN = float("nan")


def unrest(fast: float, close: float = 100.0, average: float = 98.0, slow: float = 1.0) -> MarketSnapshot:
    """A close of 100 USD, two above its average, on a mark of 100 USD; a range of 1 USD is usual."""
    return windows_of({CLOSE: [close], AVERAGE: [average], FAST: [fast], SLOW: [slow]})


@pytest.mark.parametrize(
    ("average", "signal", "quantity", "stop", "target"),
    [(98.0, "buy_to_enter", 10, "97", "110.5"), (102.0, "sell_to_enter", -10, "103", "89.5")],
)
def test_unrest_is_traded_on_the_side_of_the_average_where_the_close_is(
    average: float, signal: str, quantity: int, stop: str, target: str
) -> None:
    (decision,) = VOLATILITY.decide(at(unrest(1.5, average=average)))

    assert decision.signal == signal
    assert decision.target_quantity == quantity
    assert (decision.stop_loss, decision.profit_target) == (Decimal(stop), Decimal(target))


@pytest.mark.parametrize(
    ("fast", "average", "held", "signals"),
    [
        (1.19, 98.0, 0, []),
        (1.5, 98.6, 0, []),  # nearer to its average than a range
        (1.5, 98.0, 5, []),
        (1.5, 98.0, -5, ["buy_to_enter"]),
        (1.01, 98.0, 5, []),
        (1.0, 98.0, 5, ["close"]),
        (1.0, 98.0, -5, ["close"]),
        (1.0, 98.0, 0, []),
        (NAN, 98.0, 5, []),
        (0.0, 98.0, 5, []),
    ],
)
def test_what_is_held_decides_what_unrest_means(fast: float, average: float, held: int, signals: list[str]) -> None:
    decisions = VOLATILITY.decide(at(unrest(fast, average=average), {"BTC": Decimal(held)}))

    assert [decision.signal for decision in decisions] == signals


@pytest.mark.parametrize("settings", [{}, {"fast": 3, "slow": 10, "expanded": 1.1, "calm": 0.9, "stop_atr": None}])
def test_asking_at_points_only_yields_the_very_decisions_of_asking_at_every_bar(
    settings: dict[str, Any], seed: int
) -> None:
    closes = {"BTC": a_walk(seed, 1000), "ETH": a_walk(seed + 1, 1000, start=10.0)}
    strategy = build("volatility", settings, seed=0)

    at_every_bar = follow(strategy, closes, at_points_only=False)

    assert follow(strategy, closes, at_points_only=True) == at_every_bar
    assert len(at_every_bar) > 1


def test_its_points_are_few(seed: int) -> None:
    table = columns_over(a_walk(seed, 2000), VOLATILITY.columns)

    points = VOLATILITY.points("BTC", table)

    assert points is not None
    assert np.count_nonzero(points) < 1000
