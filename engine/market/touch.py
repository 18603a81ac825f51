"""Touches: prices inside the current bar that a backtest has moved to, and the extremes in which they must lie."""

from decimal import Decimal

import numpy as np
from msgspec import Struct

from engine.market.bars import Bars

BLOCK_ROWS = 256


class Touch(Struct, frozen=True, gc=False):
    """The price of a coin from ``at_ms`` until its bar ends."""

    price: Decimal
    at_ms: int
    until_ms: int


def touched_price(touch: Touch | None, now_ms: int) -> Decimal | None:
    """The price that was moved to, while it holds."""
    return touch.price if touch is not None and touch.at_ms <= now_ms < touch.until_ms else None


def touch_inside(
    coin: str, price: Decimal, at_ms: int, open_ms: int, interval_ms: int, low: float, high: float
) -> Touch:
    """A touch of a price that the bar at that instant contains. Raises ``ValueError`` for one that it does not."""
    if not low <= float(price) <= high:
        raise ValueError(f"{coin}: {price} at {at_ms} lies outside of the bar that opened at {open_ms}: {low}..{high}")
    return Touch(price, at_ms, open_ms + interval_ms)


class Extremes:
    """Lowest low and highest high over ranges of bars, whole blocks of them computed once."""

    def __init__(self, bars: Bars) -> None:
        self._low = bars.low
        self._high = bars.high
        edges = np.arange(0, len(bars), BLOCK_ROWS)
        self._block_low = np.fmin.reduceat(bars.low, edges) if len(bars) else bars.low
        self._block_high = np.fmax.reduceat(bars.high, edges) if len(bars) else bars.high

    def over(self, first: int, last: int) -> tuple[float, float]:
        """(lowest, highest) over rows ``first`` to ``last - 1``; both NaN when no row there has data."""
        assert 0 <= first < last <= len(self._low), f"no rows {first}..{last - 1} among {len(self._low)}"
        from_block, to_block = -(-first // BLOCK_ROWS), last // BLOCK_ROWS
        if from_block >= to_block:
            return float(np.fmin.reduce(self._low[first:last])), float(np.fmax.reduce(self._high[first:last]))
        head, tail = slice(first, from_block * BLOCK_ROWS), slice(to_block * BLOCK_ROWS, last)
        blocks = slice(from_block, to_block)
        lows = np.concatenate((self._low[head], self._block_low[blocks], self._low[tail]))
        highs = np.concatenate((self._high[head], self._block_high[blocks], self._high[tail]))
        return float(np.fmin.reduce(lows)), float(np.fmax.reduce(highs))
