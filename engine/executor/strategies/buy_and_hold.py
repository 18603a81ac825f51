"""Buy and hold: the baseline that buys once and never sells."""

from decimal import Decimal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import HUNDRED, above_zero, affordable_usd, exact
from engine.model.decision import Decision
from engine.model.market import Column


class BuyAndHoldSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``weights`` are percent of equity by coin; without them ``invested_pct`` is split evenly over all its coins.

    ``leverage`` is left to the trader's limits when it is not given; it sets the margin and not the size.
    """

    weights: dict[str, float] = {}
    invested_pct: float = 100.0
    leverage: int | None = None

    def __post_init__(self) -> None:
        above_zero(self, "invested_pct", "leverage")
        for coin, weight in self.weights.items():
            if not 0 < weight <= 1000:
                raise ValueError(f"weight of {coin} is {weight} percent, it must be above 0 and at most 1000")


class BuyAndHold:
    """Buys each coin that it does not hold yet."""

    name = "buy_and_hold"
    columns: tuple[Column, ...] = ()

    def __init__(self, settings: BuyAndHoldSettings) -> None:
        self._settings = settings

    def decide(self, context: Context) -> list[Decision]:
        """What is missing; nothing once everything is held."""
        positions = context.account.positions
        missing = [coin for coin in context.coins if coin not in positions]
        equity = context.equity_usd
        if not missing or not (equity.is_finite() and equity > 0):
            return []
        coins = len(missing) + len(positions)
        decisions = []
        for coin in missing:
            weight, mark = self._weight_pct(coin, coins), context.market.mark(coin)
            if weight > 0 and mark is not None:
                decisions.append(
                    Decision(
                        symbol=coin,
                        signal="buy_to_enter",
                        target_quantity=affordable_usd(equity * weight / HUNDRED, context) / mark,
                        leverage=self._settings.leverage,
                        confidence=1.0,
                        justification="bought to be held",
                    )
                )
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """It waits for positions, not for bars."""
        return None

    def _weight_pct(self, coin: str, coins: int) -> Decimal:
        if self._settings.weights:
            return exact(self._settings.weights.get(coin, 0.0))
        return exact(self._settings.invested_pct) / coins
