"""A lattice of prices: correlated random walks of several coins, any stretch of which can be computed by itself.

Lévy's construction of Brownian motion: prices at the ends of a long cell are noise around the start price, the middle
of each cell is the mean of its ends plus noise of half the cell's own deviation, and so on down to ``TICK_MS``. Every
number is a hash of (seed, coin, level, place), so a price depends on nothing but seed and time, and costs one number a
level. Levels of minutes to hours are scaled by regimes: calm and turbulent, trending and ranging.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from engine.market.noise import Floats, Indices, bell, drifting, keys, uniform

TICK_MS = 1_000
TOP_LEVEL = 24  # cells of 194 days
VOLATILITY_LEVEL = 13  # below: scaled by a volatility that changes every 2.3 hours
TREND_LEVEL = 17  # from there down to the level above: trends, in regimes of 36 hours
YEAR_MS = 365.25 * 86_400_000

_ANCHOR_DEVIATION = 0.16  # of the logarithm of the price at the ends of the longest cells
_TAIL = 0.12  # how much of the third power makes the tails fat
_TAIL_SCALE = 1 / 1.3476  # gives z + _TAIL * z**3 the deviation 1
_SLOW, _FAST, _OWN = 0.45, 0.3, 0.25  # deviations of the logarithm of volatility, common twice and a coin's own
_VOLATILITY_SCALE = 0.78  # gives the squared volatility a mean near 1
_RANGING, _TRENDING = (0.35, 0.5), (0.65, 1.9)  # (up to this uniform number, this factor), (from this, this)


class Walker(Struct, frozen=True, kw_only=True):
    """One coin of the lattice: its start price in USD, yearly volatility, and how much of it is the common factor's."""

    coin: str
    start_price: float
    volatility: float
    common: float


class Lattice:
    """Prices of several coins at multiples of ``TICK_MS``, a row a coin."""

    def __init__(self, seed: int, walkers: Sequence[Walker]) -> None:
        names = [walker.coin for walker in walkers]
        self._common = [keys(seed, [f"common:{level}"]) for level in range(TOP_LEVEL + 1)]
        self._own = [keys(seed, [f"{name}:{level}" for name in names]) for level in range(TOP_LEVEL + 1)]
        self._slow, self._fast, self._trend = (keys(seed, [name]) for name in ("slow", "fast", "trend"))
        self._restless = keys(seed, [f"{name}:volatility" for name in names])
        common = np.array([[walker.common] for walker in walkers])
        self._shares = common, np.sqrt(1 - common**2)
        self._start = np.array([[walker.start_price] for walker in walkers])
        self.volatility = np.array([[walker.volatility] for walker in walkers])

    def prices(self, first: int, count: int, level: int = 0) -> Floats:
        """Prices at places ``first`` to ``first + count - 1`` of a level, whose places are ``TICK_MS << level`` apart.

        The value at a place is the same whatever stretch it was asked for with: every step below treats each place by
        itself.
        """
        last = first + count - 1
        span = TOP_LEVEL - level
        low, high = first >> span, (last >> span) + 1
        places = np.arange(low, high + 1, dtype=np.int64)
        values = _ANCHOR_DEVIATION * self._mixed(TOP_LEVEL, places)
        factor = self._volatility_factor(first, last, level)
        for above in range(TOP_LEVEL, level, -1):
            cells = np.arange(low, high, dtype=np.int64)
            finer = np.empty((len(values), 2 * len(cells) + 1))
            finer[:, ::2] = values
            finer[:, 1::2] = (values[:, :-1] + values[:, 1:]) * 0.5 + self._displaced(above, cells, factor)
            span = above - 1 - level
            new_low, new_high = first >> span, (last >> span) + 1
            values = finer[:, new_low - 2 * low : new_high - 2 * low + 1]
            low, high = new_low, new_high
        prices: Floats = self._start * np.exp(values[:, :count])
        return prices

    def _displaced(self, level: int, cells: Indices, factor: tuple[int, Floats]) -> Floats:
        """How far the middle of each cell lies off the mean of its ends, in logarithms."""
        deviation = self.volatility * np.sqrt((TICK_MS << level) / YEAR_MS) * 0.5
        noise = self._mixed(level, cells)
        noise *= (1 + _TAIL * noise * noise) * _TAIL_SCALE * deviation
        if level < VOLATILITY_LEVEL:
            start, volatility = factor
            noise *= volatility[:, (cells >> (VOLATILITY_LEVEL - level)) - start]
        elif level < TREND_LEVEL:
            chance = uniform(self._trend, cells >> (TREND_LEVEL - level))
            noise *= np.where(chance < _RANGING[0], _RANGING[1], np.where(chance >= _TRENDING[0], _TRENDING[1], 1.0))
        return noise

    def _mixed(self, level: int, places: Indices) -> Floats:
        """Noise of each coin: its share of the common factor, and its own."""
        common, own = self._shares
        noise: Floats = common * bell(self._common[level], places) + own * bell(self._own[level], places)
        return noise

    def _volatility_factor(self, first: int, last: int, level: int) -> tuple[int, Floats]:
        """The first volatility cell that a stretch touches, and the factor of each such cell, a row a coin."""
        span = VOLATILITY_LEVEL - level
        low, high = (first >> span, last >> span) if span >= 0 else (first << -span, last << -span)
        if span < 0:
            return low, np.empty((len(self._start), 0))  # so coarse a level reads no factor
        cells = np.arange(low, high + 1, dtype=np.int64)
        log = _SLOW * drifting(self._slow, cells / 32) + _FAST * bell(self._fast, cells >> 2)
        return low, np.exp(log + _OWN * bell(self._restless, cells)) * _VOLATILITY_SCALE
