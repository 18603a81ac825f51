"""EMA trend and EMA cross: which side they take, when they turn, and that their points miss nothing."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from engine.executor.ports import Columns
from engine.executor.strategies import build
from engine.executor.strategies.ema_trend import turns
from engine.model.market import Column, MarketSnapshot
from tests.executor.strategies.markets import a_walk, at, columns_over, follow, windows_of

FAST, SLOW, ATR = Column("ema", 12), Column("ema", 26), Column("atr", 14)
NAN = float("nan")
CROSS = build("ema_cross", {"quantity": {"BTC": 2}}, seed=0)
TREND = build("ema_trend", {"band_pct": 1.0}, seed=0)


def averages(fast: float, slow: float, atr: float = 1.5) -> MarketSnapshot:
    return windows_of({FAST: [fast], SLOW: [slow], ATR: [atr]})


@pytest.mark.parametrize(
    ("fast", "slow", "held", "target"),
    [
        (101, 100, 0, 2),
        (99, 100, 0, -2),
        (101, 100, -2, 2),
        (99, 100, 2, -2),
        (101, 100, 2, None),
        (99, 100, -2, None),
        (100, 100, 2, None),
        (NAN, 100, 0, None),
        (100, NAN, 0, None),
    ],
)
def test_a_cross_turns_the_position_to_the_side_of_the_fast_average(
    fast: float, slow: float, held: int, target: int | None
) -> None:
    decisions = CROSS.decide(at(averages(fast, slow), {"BTC": Decimal(held)}))

    assert [decision.target_quantity for decision in decisions] == ([] if target is None else [target])


def test_a_cross_leaves_coins_alone_that_it_has_no_quantity_for() -> None:
    other = windows_of({FAST: [101], SLOW: [100]}, coin="ETH")

    assert list(CROSS.decide(at(other))) == []
    assert CROSS.points("ETH", {SLOW: np.ones(3), FAST: np.zeros(3)}) is not None


def test_a_trend_enters_with_stop_and_target_by_the_average_true_range() -> None:
    (decision,) = TREND.decide(at(averages(102, 100)))

    # A tenth of 10,000 USD at 100 USD; two and seven ranges of 1.50 USD.
    assert (decision.signal, decision.target_quantity) == ("buy_to_enter", Decimal(10))
    assert (decision.stop_loss, decision.profit_target) == (Decimal(97), Decimal("110.5"))
    assert decision.confidence == 0.8


def test_a_downtrend_mirrors_stop_and_target() -> None:
    (decision,) = TREND.decide(at(averages(98, 100)))

    assert (decision.signal, decision.target_quantity) == ("sell_to_enter", Decimal(-10))
    assert (decision.stop_loss, decision.profit_target) == (Decimal(103), Decimal("89.5"))


@pytest.mark.parametrize("held", [10, 0, -10])
def test_within_the_band_a_trend_keeps_what_it_has(held: int) -> None:
    assert list(TREND.decide(at(averages(100.9, 100), {"BTC": Decimal(held)}))) == []
    assert list(TREND.decide(at(averages(99.1, 100), {"BTC": Decimal(held)}))) == []


@pytest.mark.parametrize("atr", [NAN, 0.0, float("inf")])
def test_without_a_range_there_is_no_stop_and_no_entry(atr: float) -> None:
    assert list(TREND.decide(at(averages(102, 100, atr)))) == []


def test_a_stop_that_would_lie_below_zero_keeps_it_out() -> None:
    assert list(TREND.decide(at(averages(102, 100, atr=50.0)))) == []


def test_the_turns_of_written_out_averages() -> None:
    fast = np.array([NAN, 100.0, 101.0, 103.0, 101.0, 99.0, 97.0, 100.0, 98.0, 103.0])
    slow = np.array([NAN, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0])

    assert np.flatnonzero(turns(fast, slow, 0.0)).tolist() == [2, 5, 9]
    assert np.flatnonzero(turns(fast, slow, 2.0)).tolist() == [3, 6, 9]
    assert turns(fast[:0], slow[:0], 0.0).tolist() == []


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ema_cross", {"quantity": {"BTC": 2, "ETH": 30}}),
        ("ema_cross", {"quantity": {"BTC": 2, "ETH": 30}, "fast": 3, "slow": 5}),
        ("ema_trend", {"stop_atr": None, "target_atr": None, "band_pct": 0.1}),
        ("ema_trend", {"stop_atr": None, "target_atr": None, "band_pct": 0.0, "fast": 3, "slow": 5}),
    ],
)
def test_asking_at_points_only_yields_the_very_decisions_of_asking_at_every_bar(
    name: str, settings: dict[str, Any], seed: int
) -> None:
    closes = {"BTC": a_walk(seed, 600), "ETH": a_walk(seed + 1, 600, start=10.0)}
    strategy = build(name, settings, seed=0)

    at_every_bar = follow(strategy, closes, at_points_only=False)

    assert follow(strategy, closes, at_points_only=True) == at_every_bar
    assert len(at_every_bar) > 2


@pytest.mark.parametrize("name", ["ema_cross", "ema_trend"])
def test_every_point_is_a_bar_at_which_a_follower_acts(name: str, seed: int) -> None:
    lean: dict[str, Any] = {"quantity": {"BTC": 2}} if name == "ema_cross" else {"stop_atr": None, "target_atr": None}
    strategy = build(name, lean, seed=0)
    close = a_walk(seed, 600)
    table: Columns = columns_over(close, strategy.columns)

    points = strategy.points("BTC", table)

    assert points is not None
    acted = [bar for bar, _ in follow(strategy, {"BTC": close}, at_points_only=False)]
    assert np.flatnonzero(points).tolist() == acted


def test_with_stops_every_slot_may_be_a_point() -> None:
    assert TREND.points("BTC", {FAST: np.ones(3), SLOW: np.ones(3), ATR: np.ones(3)}) is None
