"""Bollinger range: against the edges, out at the middle, and points that miss nothing."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from engine.executor.strategies import build
from engine.model.market import Column, MarketSnapshot
from tests.executor.strategies.markets import a_walk, at, columns_over, follow, windows_of

CLOSE = Column("close")
UPPER, MIDDLE, LOWER = (Column(f"bollinger_{part}", 20) for part in ("upper", "middle", "lower"))
RANGE = build("bollinger_range", {"stop_widths": 0.5}, seed=0)


def a_close(close: float, middle: float = 110.0, width: float = 8.0) -> MarketSnapshot:
    return windows_of({CLOSE: [close], UPPER: [middle + width], MIDDLE: [middle], LOWER: [middle - width]})


def test_a_close_below_the_range_is_bought_with_the_middle_as_its_target() -> None:
    (decision,) = RANGE.decide(at(a_close(100.0)))

    # The mark is 100 USD: ten below the middle; half a width of eight is the way to the stop.
    assert (decision.signal, decision.target_quantity) == ("buy_to_enter", Decimal(10))
    assert (decision.profit_target, decision.stop_loss) == (Decimal(110), Decimal(96))


def test_a_close_above_the_range_is_sold() -> None:
    (decision,) = RANGE.decide(at(a_close(100.0, middle=90.0)))

    assert (decision.signal, decision.target_quantity) == ("sell_to_enter", Decimal(-10))
    assert (decision.profit_target, decision.stop_loss) == (Decimal(90), Decimal(104))


@pytest.mark.parametrize(
    ("close", "held", "signals"),
    [
        (105.0, 0, []),
        (109.9, 5, []),
        (110.0, 5, ["close"]),
        (110.1, -5, []),
        (110.0, -5, ["close"]),
        (100.0, 5, []),
        (100.0, -5, ["buy_to_enter"]),
        (float("nan"), 5, []),
    ],
)
def test_what_is_held_decides_what_a_close_means(close: float, held: int, signals: list[str]) -> None:
    decisions = RANGE.decide(at(a_close(close), {"BTC": Decimal(held)}))

    assert [decision.signal for decision in decisions] == signals


def test_a_range_that_is_not_known_yet_or_has_no_width_is_left_alone() -> None:
    assert list(RANGE.decide(at(a_close(100.0, middle=float("nan"))))) == []
    assert list(RANGE.decide(at(a_close(100.0, middle=110.0, width=0.0)))) == []


@pytest.mark.parametrize("settings", [{}, {"stop_widths": None, "period": 10}])
def test_asking_at_points_only_yields_the_very_decisions_of_asking_at_every_bar(
    settings: dict[str, Any], seed: int
) -> None:
    closes = {"BTC": a_walk(seed, 600), "ETH": a_walk(seed + 1, 600, start=10.0)}
    strategy = build("bollinger_range", settings, seed=0)

    at_every_bar = follow(strategy, closes, at_points_only=False)

    assert follow(strategy, closes, at_points_only=True) == at_every_bar
    assert len(at_every_bar) > 2


def test_its_points_are_few(seed: int) -> None:
    table = columns_over(a_walk(seed, 2000), RANGE.columns)

    points = RANGE.points("BTC", table)

    assert points is not None
    assert np.count_nonzero(points) < 1000
