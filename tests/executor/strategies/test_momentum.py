"""Momentum: with a move that is large for its coin, out when it is gone, and points that miss nothing."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from engine.executor.strategies import build
from engine.model.market import Column, MarketSnapshot
from tests.executor.strategies.markets import a_walk, at, columns_over, follow, windows_of

MOVE, ATR = Column("momentum", 30), Column("atr", 14)
MOMENTUM = build("momentum", {}, seed=0)
NAN = float("nan")


def a_move(move: float, atr: float = 1.5) -> MarketSnapshot:
    """The mark is 100 USD; four ranges of 1.50 USD are a move of six."""
    return windows_of({MOVE: [move], ATR: [atr]})


@pytest.mark.parametrize(
    ("move", "signal", "quantity", "stop", "target"),
    [(6.0, "buy_to_enter", 10, "97", "110.5"), (-6.0, "sell_to_enter", -10, "103", "89.5")],
)
def test_a_large_move_is_followed(move: float, signal: str, quantity: int, stop: str, target: str) -> None:
    (decision,) = MOMENTUM.decide(at(a_move(move)))

    assert decision.signal == signal
    assert decision.target_quantity == quantity
    assert (decision.stop_loss, decision.profit_target) == (Decimal(stop), Decimal(target))


@pytest.mark.parametrize(
    ("move", "held", "signals"),
    [
        (5.9, 0, []),
        (6.0, 5, []),
        (0.1, 5, []),
        (0.0, 5, ["close"]),
        (-5.9, 5, ["close"]),
        (-6.0, 5, ["sell_to_enter"]),
        (-0.1, -5, []),
        (0.0, -5, ["close"]),
        (NAN, 5, []),
    ],
)
def test_what_is_held_decides_what_a_move_means(move: float, held: int, signals: list[str]) -> None:
    decisions = MOMENTUM.decide(at(a_move(move), {"BTC": Decimal(held)}))

    assert [decision.signal for decision in decisions] == signals


@pytest.mark.parametrize("atr", [NAN, 0.0, float("inf")])
def test_without_a_range_no_move_is_large(atr: float) -> None:
    assert list(MOMENTUM.decide(at(a_move(50.0, atr)))) == []


def test_a_long_is_left_when_there_is_no_room_for_the_short_that_is_wanted() -> None:
    """Seven ranges of 15 USD below a mark of 100 USD is no price."""
    decisions = MOMENTUM.decide(at(a_move(-60.0, atr=15.0), {"BTC": Decimal(5)}))

    assert [decision.signal for decision in decisions] == ["close"]


@pytest.mark.parametrize("settings", [{}, {"period": 5, "enter_atr": 2.0, "leave_atr": 1.0, "stop_atr": None}])
def test_asking_at_points_only_yields_the_very_decisions_of_asking_at_every_bar(
    settings: dict[str, Any], seed: int
) -> None:
    closes = {"BTC": a_walk(seed, 600), "ETH": a_walk(seed + 1, 600, start=10.0)}
    strategy = build("momentum", settings, seed=0)

    at_every_bar = follow(strategy, closes, at_points_only=False)

    assert follow(strategy, closes, at_points_only=True) == at_every_bar
    assert len(at_every_bar) > 2


def test_its_points_are_few(seed: int) -> None:
    table = columns_over(a_walk(seed, 2000), MOMENTUM.columns)

    points = MOMENTUM.points("BTC", table)

    assert points is not None
    assert np.count_nonzero(points) < 1000
