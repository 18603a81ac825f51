"""Mean reversion: against what has run too far, back at the average, and points that miss nothing."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from engine.executor.strategies import build
from engine.model.market import Column, MarketSnapshot
from tests.executor.strategies.markets import a_walk, at, columns_over, follow, windows_of

CLOSE, AVERAGE, ATR, RSI = Column("close"), Column("ema", 20), Column("atr", 14), Column("rsi", 7)
REVERSION = build("mean_reversion", {"stop_share": 0.5}, seed=0)
NAN = float("nan")


def a_close(close: float, average: float, rsi: float, atr: float = 4.0) -> MarketSnapshot:
    """The mark is 100 USD; two ranges of four are how far a close has to be from its average."""
    return windows_of({CLOSE: [close], AVERAGE: [average], RSI: [rsi], ATR: [atr]})


def test_what_is_far_below_its_average_and_oversold_is_bought_with_the_average_as_its_target() -> None:
    (decision,) = REVERSION.decide(at(a_close(100.0, average=108.0, rsi=25.0)))

    # Eight USD to the average; half of that is the way to the stop.
    assert (decision.signal, decision.target_quantity) == ("buy_to_enter", Decimal(10))
    assert (decision.profit_target, decision.stop_loss) == (Decimal(108), Decimal(96))


def test_what_is_far_above_its_average_and_overbought_is_sold() -> None:
    (decision,) = REVERSION.decide(at(a_close(100.0, average=92.0, rsi=75.0)))

    assert (decision.signal, decision.target_quantity) == ("sell_to_enter", Decimal(-10))
    assert (decision.profit_target, decision.stop_loss) == (Decimal(92), Decimal(104))


@pytest.mark.parametrize(
    ("average", "rsi", "held", "signals"),
    [
        (107.9, 10.0, 0, []),
        (108.0, 25.1, 0, []),
        (92.0, 74.9, 0, []),
        (108.0, 20.0, 5, []),
        (100.0, 50.0, 5, ["close"]),
        (100.1, 50.0, 5, []),
        (100.0, 50.0, -5, ["close"]),
        (99.9, 50.0, -5, []),
        (108.0, 20.0, -5, ["buy_to_enter"]),
        (NAN, 20.0, 5, []),
    ],
)
def test_what_is_held_decides_what_a_close_of_100_means(
    average: float, rsi: float, held: int, signals: list[str]
) -> None:
    decisions = REVERSION.decide(at(a_close(100.0, average, rsi), {"BTC": Decimal(held)}))

    assert [decision.signal for decision in decisions] == signals


def test_a_range_that_is_not_known_lets_nothing_in() -> None:
    assert list(REVERSION.decide(at(a_close(100.0, 108.0, 20.0, atr=NAN)))) == []


def test_a_short_is_left_when_there_is_no_room_for_the_stop_of_the_long_that_is_wanted() -> None:
    """Half of the 250 USD to the average is further than the mark of 100 USD is from zero."""
    decisions = REVERSION.decide(at(a_close(100.0, average=350.0, rsi=20.0), {"BTC": Decimal(-5)}))

    assert [decision.signal for decision in decisions] == ["close"]


@pytest.mark.parametrize("settings", [{}, {"period": 10, "enter_atr": 1.0, "oversold": 40, "stop_share": None}])
def test_asking_at_points_only_yields_the_very_decisions_of_asking_at_every_bar(
    settings: dict[str, Any], seed: int
) -> None:
    closes = {"BTC": a_walk(seed, 1000), "ETH": a_walk(seed + 1, 1000, start=10.0)}
    strategy = build("mean_reversion", settings, seed=0)

    at_every_bar = follow(strategy, closes, at_points_only=False)

    assert follow(strategy, closes, at_points_only=True) == at_every_bar
    assert len(at_every_bar) > 1


def test_its_points_are_few(seed: int) -> None:
    table = columns_over(a_walk(seed, 2000), REVERSION.columns)

    points = REVERSION.points("BTC", table)

    assert points is not None
    assert np.count_nonzero(points) < 1000
