"""EMA trend: long while the fast average of the close is above the slow one, short while it is below."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import EntrySettings, above_zero, direction_of, enter, scaled
from engine.model.decision import Decision
from engine.model.market import Column
from engine.model.position import ZERO


class EmaTrendSettings(EntrySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Periods in bars of ``interval_ms`` (0 is the market's own bar).

    A side is taken when the averages are ``band_pct`` percent of the slow one apart, and kept until the other side is.
    Stop and target lie ``stop_atr`` and ``target_atr`` average true ranges away; without either the position ends by
    the opposite signal alone.
    """

    fast: int = 12
    slow: int = 26
    interval_ms: int = 0
    band_pct: float = 0.05
    atr_period: int = 14
    stop_atr: float | None = 2.0
    target_atr: float | None = 7.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_periods(self.fast, self.slow)
        above_zero(self, "atr_period", "stop_atr", "target_atr")
        if not 0 <= self.band_pct < 100:
            raise ValueError(f"band_pct is {self.band_pct}, it must be from 0 to below 100")
        if self.interval_ms < 0:
            raise ValueError(f"interval_ms is {self.interval_ms}, it must not be negative")


class EmaTrend:
    """Follows the trend of each coin it may trade."""

    name = "ema_trend"

    def __init__(self, settings: EmaTrendSettings) -> None:
        self._settings = settings
        self._fast = Column("ema", settings.fast, settings.interval_ms)
        self._slow = Column("ema", settings.slow, settings.interval_ms)
        self._atr = Column("atr", settings.atr_period, settings.interval_ms)
        self._has_exits = settings.stop_atr is not None or settings.target_atr is not None
        self.columns = (self._fast, self._slow, self._atr) if self._has_exits else (self._fast, self._slow)

    def decide(self, context: Context) -> list[Decision]:
        """Be on the side of the trend in every coin where it is clear."""
        decisions = []
        for coin in context.coins:
            window = context.market.window(coin)
            if window is None:
                continue
            fast, slow = window.value(self._fast), window.value(self._slow)
            band = slow * self._settings.band_pct / 100
            trend = 1 if fast > slow + band else -1 if fast < slow - band else 0
            if trend == 0 or trend == direction_of(context, coin):
                continue
            decision = self._entry(context, coin, trend, window.value(self._atr) if self._has_exits else 0.0)
            if decision is not None:
                decisions.append(decision)
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Where the trend turns; with stops, positions end in between too, and every slot may be a point."""
        if self._has_exits:
            return None
        return turns(columns[self._fast], columns[self._slow], self._settings.band_pct)

    def _entry(self, context: Context, coin: str, trend: int, atr: float) -> Decision | None:
        settings = self._settings
        if not isfinite(atr) or (self._has_exits and atr <= 0):
            return None
        stop_away, target_away = scaled(settings.stop_atr, atr), scaled(settings.target_atr, atr)
        why = f"EMA {settings.fast} is {'above' if trend > 0 else 'below'} EMA {settings.slow}"
        return enter(context, coin, trend, settings, stop_away, target_away, why)


class EmaCrossSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Periods in the market's own bars; ``quantity`` is what to hold of each coin, in coins, long or short."""

    quantity: dict[str, Decimal]
    fast: int = 12
    slow: int = 26

    def __post_init__(self) -> None:
        _check_periods(self.fast, self.slow)
        for coin, quantity in self.quantity.items():
            if not (quantity.is_finite() and quantity > 0):
                raise ValueError(f"quantity of {coin} is {quantity}, it must be a number above zero")


class EmaCross:
    """Always in the market: a fixed quantity of each coin, turned around when the averages cross."""

    name = "ema_cross"

    def __init__(self, settings: EmaCrossSettings) -> None:
        self._fast = Column("ema", settings.fast)
        self._slow = Column("ema", settings.slow)
        self._long = _targets(settings.quantity, 1)
        self._short = _targets(settings.quantity, -1)
        self.columns = (self._fast, self._slow)

    def decide(self, context: Context) -> Sequence[Decision]:
        """Turn the coins around in which the position is not on the side of the averages."""
        wanted = []
        coins, market, positions = context.coins, context.market, context.account.positions
        averages = zip(coins, market.values(self._fast, coins), market.values(self._slow, coins), strict=True)
        for coin, fast, slow in averages:
            position = positions.get(coin)
            if fast > slow:
                if position is None or position.quantity < ZERO:
                    wanted.append(self._long.get(coin))
            elif fast < slow and (position is None or position.quantity > ZERO):
                wanted.append(self._short.get(coin))
        return [decision for decision in wanted if decision is not None]

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Where the averages cross, and where they are first known."""
        if coin not in self._long:
            return np.zeros(len(columns[self._slow]), dtype=np.bool_)
        return turns(columns[self._fast], columns[self._slow], 0.0)


def turns(fast: NDArray[np.float64], slow: NDArray[np.float64], band_pct: float) -> NDArray[np.bool_]:
    """The bars at which the side of the trend differs from the last one it had; its first one is a turn too.

    Computed by the very expressions by which ``decide`` tells the side, so that the two agree in every bit.
    """
    band = slow * band_pct / 100
    side = (fast > slow + band).astype(np.int8) - (fast < slow - band).astype(np.int8)
    bars = np.arange(len(side))
    latest = np.maximum.accumulate(np.where(side != 0, bars, -1))  # the last bar so far that had a side
    before = np.concatenate(([-1], latest[:-1])) if len(side) else latest
    last_side = np.where(before >= 0, side[before], 0)
    turned: NDArray[np.bool_] = (side != 0) & (side != last_side)
    return turned


def _targets(quantities: Mapping[str, Decimal], direction: int) -> dict[str, Decision]:
    return {
        coin: Decision(
            symbol=coin,
            signal="buy_to_enter" if direction > 0 else "sell_to_enter",
            target_quantity=direction * quantity,
            confidence=1.0,
        )
        for coin, quantity in quantities.items()
    }


def _check_periods(fast: int, slow: int) -> None:
    if not 2 <= fast < slow:
        raise ValueError(f"fast is {fast} and slow {slow} bars, 2 <= fast < slow is needed")
