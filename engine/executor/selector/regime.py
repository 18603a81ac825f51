"""Regimes: in what kind of market a coin is, told from closed bars by one rule for scoring and for selecting."""

from math import isfinite
from typing import Literal, get_args

from engine.model.market import Column, Window

Regime = Literal["trend_up", "trend_down", "range", "turbulent"]
REGIMES: tuple[Regime, ...] = get_args(Regime)
UNKNOWN = "unknown"

FAST, SLOW = 20, 50  # bars of the exponential averages whose distance is the trend
SHORT, LONG = 7, 50  # bars of the average true ranges whose ratio is the unrest
TURBULENT = 1.3  # unrest from which nothing else counts
TREND = 0.75  # distance of the averages, in long ranges, from which there is a trend


def regime_columns(interval_ms: int) -> tuple[Column, ...]:
    """The columns by which a regime is told, over bars of ``interval_ms``."""
    return (
        Column("ema", FAST, interval_ms),
        Column("ema", SLOW, interval_ms),
        Column("atr", SHORT, interval_ms),
        Column("atr", LONG, interval_ms),
    )


def regime_of(window: Window | None, interval_ms: int) -> Regime | None:
    """The regime at the last closed bar; ``None`` as long as its columns are not warm.

    Turbulent where the ranges of the last bars are ``TURBULENT`` times the usual ones; else a trend where the averages
    are ``TREND`` usual ranges apart; else a range.
    """
    if window is None:
        return None
    fast, slow, short, usual = (window.value(column) for column in regime_columns(interval_ms))
    if not (isfinite(fast) and isfinite(slow) and isfinite(short) and isfinite(usual) and usual > 0):
        return None
    if short >= TURBULENT * usual:
        return "turbulent"
    distance = (fast - slow) / usual
    return "trend_up" if distance >= TREND else "trend_down" if distance <= -TREND else "range"
