"""Prices as decimals: what recorded floats stand for, digit by digit, without writing out each of them."""

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from engine.market.bars import Floats, price_of

FINEST = 12  # decimals that are tried
SAMPLE = 4096
LARGEST = 10**15  # up to here a decimal of that many digits and its float name each other
STEPS = tuple(Decimal(1).scaleb(-places) for places in range(FINEST + 1))


class Prices:
    """The prices of several coins, row by row, as the decimals that their floats stand for: those of ``price_of``.

    The shortest decimal of a float costs half a microsecond to find. Recorded prices lie on a grid of a few decimals,
    so that whole columns are turned into (count, places) at once, price = count / 10^places, and what is asked for into
    decimals in a third of the time.
    """

    def __init__(self, columns: Mapping[str, Floats]) -> None:
        self._columns: dict[str, tuple[memoryview, memoryview, memoryview]] = {}
        for coin, column in columns.items():
            counts, places = _counted(column)
            self._columns[coin] = counts.data, places.data, np.ascontiguousarray(column).data

    def row(self, row: int) -> dict[str, Decimal | None]:
        """Every coin's price; ``None`` where nothing was recorded."""
        found: dict[str, Decimal | None] = {}
        for coin, (counts, places, floats) in self._columns.items():
            if count := counts[row]:
                found[coin] = Decimal(count) * STEPS[places[row]]
            else:
                value = floats[row]
                found[coin] = None if value != value else price_of(value)
        return found


def _counted(column: Floats) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Each price as a count and its decimals, with no more of these than it is written with; count 0: neither."""
    most = _usual_places(column)
    counts = _counts(column, most)
    places = np.full(len(column), most, dtype=np.int8)
    for _ in range(most):
        shorter = (counts % 10 == 0) & (places > 0)
        if not shorter.any():
            break
        counts[shorter] //= 10
        places[shorter] -= 1
    return counts, places


def _usual_places(column: Floats) -> int:
    """The fewest decimals that write as many prices as any number of them does; judged by some of the prices."""
    some = column[:: max(1, len(column) // SAMPLE)]
    suited = [int(np.count_nonzero(_counts(some, places))) for places in range(FINEST + 1)]
    return suited.index(max(suited))


def _counts(column: Floats, places: int) -> NDArray[np.int64]:
    """Each price in steps of the last decimal; 0 where it is no whole count."""
    scale = 10.0**places
    known = np.where(np.abs(column) < LARGEST / scale, column, 0.0)  # neither NaN nor too large for a float to count
    counts = np.rint(known * scale)
    return np.where(counts / scale == known, counts, 0).astype(np.int64)
