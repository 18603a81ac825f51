"""The synthetic world: prices, volumes, funding and open interest of every coin as functions of a seed and the time."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from engine.market.bars import HOUR_MS, Bars
from engine.market.lattice import TICK_MS, YEAR_MS, Lattice, Walker
from engine.market.noise import Floats, Indices, bell, drifting, keys
from engine.model.instrument import Instrument

BASE_RATE = 1.25e-5  # Hyperliquid's funding an hour while the premium is small
HIGHEST_RATE = 4e-4
FEWEST_SAMPLES = 225  # a bar of a coarser interval is drawn through at least so many prices
CHUNK_TICKS = 1 << 17

_PREMIUM_OF_TREND, _PREMIUM_OF_NOISE, _NO_PREMIUM = 1.2e-5, 1.5e-5, 1.4e-5
_TREND_HOURS = 8
_QUIET, _BUSY = 0.4, 0.75  # volume of a still market, and what a move of one deviation adds, as shares of the mean
_POWERS = np.array([10.0**power for power in range(-9, 13)])


class Profile(Struct, frozen=True, kw_only=True):
    """What a synthetic coin is like: price in USD, yearly volatility, coins traded a day and held open.

    ``common`` is how much of its moves are the whole market's, 0 to 1.
    """

    start_price: float
    volatility: float
    common: float
    day_volume: float
    open_interest: float


PROFILES: Mapping[str, Profile] = {
    "BTC": Profile(start_price=110_000, volatility=0.45, common=0.85, day_volume=30_000, open_interest=32_000),
    "ETH": Profile(start_price=4_000, volatility=0.65, common=0.85, day_volume=550_000, open_interest=620_000),
    "SOL": Profile(start_price=190, volatility=0.8, common=0.8, day_volume=5_500_000, open_interest=4_200_000),
    "BNB": Profile(start_price=1_100, volatility=0.55, common=0.75, day_volume=90_000, open_interest=75_000),
    "DOGE": Profile(start_price=0.2, volatility=0.9, common=0.8, day_volume=7e8, open_interest=4.5e8),
    "XRP": Profile(start_price=2.6, volatility=0.75, common=0.75, day_volume=1.1e8, open_interest=8e7),
    "HYPE": Profile(start_price=45, volatility=0.95, common=0.7, day_volume=9e6, open_interest=2.2e7),
}


class World:
    """Every number of the synthetic market; rows are coins in the order they were given."""

    def __init__(
        self,
        seed: int,
        instruments: Sequence[Instrument],
        profiles: Sequence[Profile],
        fine_ms: int,
    ) -> None:
        """``fine_ms`` is the interval whose bars contain every price there is; coarser bars are drawn through fewer."""
        names = [instrument.coin for instrument in instruments]
        self._instruments = instruments
        self._fine_ms = fine_ms
        walkers = [
            Walker(coin=name, start_price=of.start_price, volatility=of.volatility, common=of.common)
            for name, of in zip(names, profiles, strict=True)
        ]
        self.lattice = Lattice(seed, walkers)
        self._day_volume = np.array([[profile.day_volume] for profile in profiles])
        self._open_interest = np.array([[profile.open_interest] for profile in profiles])
        self._premium = keys(seed, [f"{name}:premium" for name in names])
        self._slow_interest = keys(seed, [f"{name}:interest" for name in names])
        self._fast_interest = keys(seed, [f"{name}:interest of the day" for name in names])

    def bars(self, first: int, count: int, interval_ms: int) -> list[Bars]:
        """Bars ``first`` to ``first + count - 1`` of each coin, counted from 1970 in steps of the interval."""
        level = self._level(interval_ms)
        tick_ms = TICK_MS << level
        per = interval_ms // tick_ms
        step = max(1, CHUNK_TICKS // per)
        parts = [
            self._chunk(start, min(step, first + count - start), per, level)
            for start in range(first, first + count, step)
        ]
        fields = {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
        open_ms = (first + np.arange(count, dtype=np.int64)) * interval_ms
        return [
            Bars(
                interval_ms=interval_ms,
                open_ms=open_ms,
                volume=np.round(fields["volume"][row], instrument.size_decimals),
                **{name: gridded(fields[name][row], instrument) for name in ("open", "high", "low", "close")},
            )
            for row, instrument in enumerate(self._instruments)
        ]

    def _chunk(self, first: int, count: int, per: int, level: int) -> dict[str, Floats]:
        prices = self.lattice.prices(first * per, count * per + 1, level)
        starts = prices[:, :-1].reshape(len(prices), count, per)
        edges = prices[:, ::per]
        opens, closes = edges[:, :-1], edges[:, 1:]
        deviation = self.lattice.volatility * np.sqrt((TICK_MS << level) / YEAR_MS)
        moves = np.abs(np.diff(prices, axis=1)) / (prices[:, :-1] * deviation)
        traded = (_QUIET + _BUSY * moves).reshape(len(prices), count, per).sum(axis=2)
        return {
            "open": opens,
            "high": np.maximum(starts.max(axis=2), closes),
            "low": np.minimum(starts.min(axis=2), closes),
            "close": closes,
            "volume": traded * self._day_volume * ((TICK_MS << level) / (24 * HOUR_MS)),
        }

    def _level(self, interval_ms: int) -> int:
        """The coarsest level of the lattice that still draws a bar through enough prices."""
        level = 0
        while (
            interval_ms > self._fine_ms
            and interval_ms % (TICK_MS << level + 1) == 0
            and interval_ms // (TICK_MS << level + 1) >= FEWEST_SAMPLES
        ):
            level += 1
        return level

    def funding_rates(self, first_hour: int, count: int) -> Floats:
        """The rate of the period that ended at each hour, a fraction; hours counted from 1970.

        Around the base rate, which holds exactly while the premium is small; higher when prices have risen.
        """
        level = 4  # ticks of 16 s: 225 of them an hour
        per = HOUR_MS // (TICK_MS << level)
        before = first_hour - _TREND_HOURS
        logs = np.log(self.lattice.prices(before * per, (count - 1 + _TREND_HOURS) * per + 1, level)[:, ::per])
        trend = logs[:, _TREND_HOURS:] - logs[:, :-_TREND_HOURS]
        trend /= self.lattice.volatility * np.sqrt(_TREND_HOURS * HOUR_MS / YEAR_MS)
        hours = np.arange(first_hour, first_hour + count, dtype=np.int64)
        premium = _PREMIUM_OF_TREND * trend + _PREMIUM_OF_NOISE * bell(self._premium, hours)
        beyond = np.sign(premium) * np.maximum(np.abs(premium) - _NO_PREMIUM, 0)
        bounded: Floats = np.minimum(np.maximum(BASE_RATE + beyond, -HIGHEST_RATE), HIGHEST_RATE)
        return np.round(bounded, 10)

    def open_interest(self, hours: Indices) -> Floats:
        """Coins held open during each hour, counted from 1970; drifts over days and within them."""
        slow = drifting(self._slow_interest, hours / 72)
        fast = drifting(self._fast_interest, hours / 8)
        interest: Floats = np.round(self._open_interest * np.exp(0.22 * slow + 0.08 * fast), 2)
        return interest


def gridded(prices: Floats, instrument: Instrument) -> Floats:
    """Prices on the instrument's grid, the nearest; keeps their order."""
    magnitude = np.searchsorted(_POWERS, prices, side="right") - 10
    places = np.clip(instrument.significant_figures - 1 - magnitude, 0, instrument.max_price_decimals)
    scale = _POWERS[places + 9]
    rounded: Floats = np.rint(prices * scale) / scale
    return rounded
