"""Equal weight: the baseline that holds the same value of every coin and restores it from time to time."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import HUNDRED, above_zero, affordable_usd, exact
from engine.model.decision import Decision
from engine.model.market import Column
from engine.model.position import ZERO

DAY_MS = 86_400_000


class EqualWeightSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``invested_pct`` percent of equity are split evenly over all coins, anew every ``rebalance_ms`` of UTC time.

    A coin within ``drift_pct`` percent of its share is left alone. ``leverage`` is left to the trader's limits when it
    is not given; it sets the margin and not the size.
    """

    invested_pct: float = 100.0
    rebalance_ms: int = DAY_MS
    drift_pct: float = 5.0
    leverage: int | None = None

    def __post_init__(self) -> None:
        above_zero(self, "invested_pct", "rebalance_ms", "leverage")
        if not 0 <= self.drift_pct < 100:
            raise ValueError(f"drift_pct is {self.drift_pct}, it must be from 0 to below 100")


class EqualWeight:
    """Holds every coin long at the same value."""

    name = "equal_weight"
    columns: tuple[Column, ...] = ()

    def __init__(self, settings: EqualWeightSettings) -> None:
        self._settings = settings
        self._invested_pct = exact(settings.invested_pct)
        self._drift = exact(settings.drift_pct) / HUNDRED

    def decide(self, context: Context) -> list[Decision]:
        """Bring every coin back to its share, in the first slot of each period; buy what is missing at any slot."""
        positions = context.account.positions
        due = context.slot_ms % self._settings.rebalance_ms < context.interval_ms
        equity = context.equity_usd
        if not due and all(coin in positions for coin in context.coins):
            return []
        if not (equity.is_finite() and equity > 0):
            return []
        coins = len(context.coins) + sum(coin not in context.coins for coin in positions)
        share_usd = affordable_usd(equity * self._invested_pct / HUNDRED / coins, context) if coins else ZERO
        decisions = []
        for coin in context.coins:
            mark = context.market.mark(coin)
            position = positions.get(coin)
            if mark is None or (position is not None and not due):
                continue
            held = ZERO if position is None else position.quantity
            missing_usd = share_usd - held * mark
            instrument = context.instruments.get(coin)
            least_usd = ZERO if instrument is None else instrument.min_notional_usd
            if abs(missing_usd) <= share_usd * self._drift or abs(missing_usd) < least_usd:
                continue
            decisions.append(
                Decision(
                    symbol=coin,
                    signal="buy_to_enter" if missing_usd > 0 else "close",
                    target_quantity=share_usd / mark,
                    leverage=self._settings.leverage,
                    confidence=1.0,
                    justification="back to an equal share",
                )
            )
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """It looks at equity and at the time of day: every slot may be a point."""
        return None
