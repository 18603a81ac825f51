"""Prices as decimals: what a column of floats was recorded as, digit by digit, without writing out each float."""

from decimal import Decimal

import numpy as np

from engine.market.bars import Floats, price_of

FINEST = 12  # decimals that are tried
LARGEST = 10**15  # up to here a decimal of that many digits and its float name each other


class Prices:
    """A column of floats read as the decimals that they stand for, exactly as ``price_of`` reads them.

    The shortest decimal of a float costs half a microsecond to find. Recorded prices lie on a grid of a few decimals,
    so that whole columns are turned into counts of its steps at once, and a count becomes a decimal in a third of that.
    """

    __slots__ = ("_floats", "_step", "_steps", "count")

    def __init__(self, column: Floats) -> None:
        places, steps = _on_grid(column)
        self.count = len(column)
        self._floats = np.ascontiguousarray(column).data
        self._steps = steps.data
        self._step = Decimal(1).scaleb(-places)

    def at(self, row: int) -> Decimal | None:
        """The price of a row; ``None`` where nothing was recorded."""
        steps = self._steps[row]
        if steps:
            return Decimal(steps) * self._step
        value = self._floats[row]
        return None if value != value else price_of(value)


def _on_grid(column: Floats) -> tuple[int, np.typing.NDArray[np.int64]]:
    """The fewest decimals that suit most of the column, and each price in steps of the last; 0 where that is not it.

    A price that needs fewer decimals is left out: it is written with fewer.
    """
    best, chosen = 0, np.zeros(len(column), dtype=np.int64)
    for places in range(FINEST + 1):
        scale = 10.0**places
        with np.errstate(invalid="ignore", over="ignore"):
            steps = np.rint(column * scale)
            suits = (np.abs(steps) < LARGEST) & (steps / scale == column)
            if places:
                suits &= steps % 10 != 0
        if suits.sum() > chosen.astype(bool).sum():
            best, chosen = places, np.where(suits, steps, 0).astype(np.int64)
    return best, chosen
