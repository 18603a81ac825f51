"""Breakout: with a close beyond the channel, out when the shorter channel breaks, and points that miss nothing."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from engine.executor.strategies import build
from engine.model.market import Column, MarketSnapshot
from tests.executor.strategies.markets import a_walk, at, columns_over, follow, windows_of

CLOSE, ATR = Column("close"), Column("atr", 14)
HIGH, LOW = Column("channel_high", 20), Column("channel_low", 20)
LEAVE_HIGH, LEAVE_LOW = Column("channel_high", 10), Column("channel_low", 10)
BREAKOUT = build("breakout", {}, seed=0)
NAN = float("nan")


def a_close(close: float, atr: float = 1.5) -> MarketSnapshot:
    """Twenty bars between 95 and 105, the last ten of them between 98 and 102; the mark is 100 USD."""
    rows = {CLOSE: close, HIGH: 105.0, LOW: 95.0, LEAVE_HIGH: 102.0, LEAVE_LOW: 98.0, ATR: atr}
    return windows_of({column: [value] for column, value in rows.items()})


def test_a_close_above_the_channel_is_bought() -> None:
    (decision,) = BREAKOUT.decide(at(a_close(105.1)))

    assert (decision.signal, decision.target_quantity) == ("buy_to_enter", Decimal(10))
    assert (decision.stop_loss, decision.profit_target) == (Decimal(97), Decimal("110.5"))


def test_a_close_below_the_channel_is_sold() -> None:
    (decision,) = BREAKOUT.decide(at(a_close(94.9)))

    assert (decision.signal, decision.target_quantity) == ("sell_to_enter", Decimal(-10))
    assert (decision.stop_loss, decision.profit_target) == (Decimal(103), Decimal("89.5"))


@pytest.mark.parametrize(
    ("close", "held", "signals"),
    [
        (105.0, 0, []),
        (103.0, 0, []),
        (105.1, 5, []),
        (98.0, 5, []),
        (97.9, 5, ["close"]),
        (94.9, 5, ["sell_to_enter"]),
        (102.0, -5, []),
        (102.1, -5, ["close"]),
        (105.1, -5, ["buy_to_enter"]),
        (NAN, 5, []),
    ],
)
def test_what_is_held_decides_what_a_close_means(close: float, held: int, signals: list[str]) -> None:
    decisions = BREAKOUT.decide(at(a_close(close), {"BTC": Decimal(held)}))

    assert [decision.signal for decision in decisions] == signals


@pytest.mark.parametrize("atr", [NAN, 0.0, float("inf")])
def test_without_a_range_there_is_no_stop_and_no_entry(atr: float) -> None:
    assert list(BREAKOUT.decide(at(a_close(105.1, atr)))) == []


def test_a_long_is_left_when_there_is_no_room_for_the_short_that_is_wanted() -> None:
    """Seven ranges of 15 USD below a mark of 100 USD is no price."""
    decisions = BREAKOUT.decide(at(a_close(94.9, atr=15.0), {"BTC": Decimal(5)}))

    assert [decision.signal for decision in decisions] == ["close"]


@pytest.mark.parametrize("settings", [{}, {"period": 8, "leave_period": 8, "stop_atr": None}])
def test_asking_at_points_only_yields_the_very_decisions_of_asking_at_every_bar(
    settings: dict[str, Any], seed: int
) -> None:
    closes = {"BTC": a_walk(seed, 600), "ETH": a_walk(seed + 1, 600, start=10.0)}
    strategy = build("breakout", settings, seed=0)

    at_every_bar = follow(strategy, closes, at_points_only=False)

    assert follow(strategy, closes, at_points_only=True) == at_every_bar
    assert len(at_every_bar) > 2


def test_its_points_are_few(seed: int) -> None:
    table = columns_over(a_walk(seed, 2000), BREAKOUT.columns)

    points = BREAKOUT.points("BTC", table)

    assert points is not None
    assert np.count_nonzero(points) < 1000
