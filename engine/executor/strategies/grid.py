"""Grid: one step long for every level that the price lies below its average, one step short for every level above."""

from decimal import Decimal
from math import ceil, floor, isfinite
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import HUNDRED, EntrySettings, above_zero, affordable_usd, exact, leave
from engine.model.decision import Decision
from engine.model.market import Column
from engine.model.position import ZERO


class GridSettings(EntrySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Periods in bars of ``interval_ms`` (0 is the market's own bar).

    The middle of the grid is the exponential average of the close over ``period`` bars, its levels lie ``spacing_atr``
    average true ranges apart, ``levels`` of them on either side. ``position_pct`` (or ``position_size_usd``) is the
    size of the whole grid on one side; a level holds its even part. Beyond the outermost level by ``stop_levels`` the
    grid is given up until the price is back at that level. ``sides`` says on which sides positions are taken.
    """

    period: int = 100
    interval_ms: int = 0
    atr_period: int = 50
    spacing_atr: float = 1.5
    levels: int = 4
    stop_levels: float = 2.0
    sides: Literal["both", "long", "short"] = "both"

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "atr_period", "spacing_atr", "stop_levels")
        if self.period < 2:
            raise ValueError(f"period is {self.period} bars, it must be at least 2")
        if not 1 <= self.levels <= 50:
            raise ValueError(f"levels is {self.levels}, it must be from 1 to 50")
        if self.interval_ms < 0:
            raise ValueError(f"interval_ms is {self.interval_ms}, it must not be negative")


class Grid:
    """Buys a step a level on the way down and sells it a level higher, and the other way around above the middle."""

    name = "grid"

    def __init__(self, settings: GridSettings) -> None:
        self._settings = settings
        self._close = Column("close", 0, settings.interval_ms)
        self._middle = Column("ema", settings.period, settings.interval_ms)
        self._atr = Column("atr", settings.atr_period, settings.interval_ms)
        self.columns = (self._close, self._middle, self._atr)

    def decide(self, context: Context) -> list[Decision]:
        """Hold the steps that the price's place in the grid asks for."""
        decisions = []
        equity = context.equity_usd
        if not (equity.is_finite() and equity > 0):
            return []
        for coin in context.coins:
            window, mark = context.market.window(coin), context.market.mark(coin)
            if window is None or mark is None:
                continue
            middle, spacing = window.value(self._middle), self._settings.spacing_atr * window.value(self._atr)
            depth = (middle - window.value(self._close)) / spacing if spacing > 0 else float("nan")
            if isfinite(depth):
                decision = self._step(context, coin, mark, self._step_usd(context, equity), depth, spacing)
                if decision is not None:
                    decisions.append(decision)
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """How many steps are held is told from equity and mark: every slot may be a point."""
        return None

    def _within(self, steps: int) -> int:
        """So many steps, or as many as the grid has on the sides that it may take."""
        levels, sides = self._settings.levels, self._settings.sides
        return max(0 if sides == "long" else -levels, min(steps, 0 if sides == "short" else levels))

    def _step_usd(self, context: Context, equity: Decimal) -> Decimal:
        settings = self._settings
        size_usd = settings.position_size_usd
        whole = exact(size_usd) if size_usd is not None else equity * exact(settings.position_pct) / HUNDRED
        return affordable_usd(whole, context) / settings.levels

    def _step(
        self, context: Context, coin: str, mark: Decimal, step_usd: Decimal, depth: float, spacing: float
    ) -> Decision | None:
        """The order to the right number of steps; ``None`` where that is the number held.

        A step is taken at its level and given back a level nearer to the middle, so that a price that trembles at a
        level trades it once.
        """
        settings = self._settings
        position = context.account.positions.get(coin)
        quantity = ZERO if position is None else position.quantity
        if abs(depth) >= settings.levels + settings.stop_levels:
            return leave(coin, "the price has left the grid") if quantity else None
        if not quantity and abs(depth) > settings.levels:
            return None  # what was just given up is not bought back right before the end of the grid
        held = round(quantity * mark / step_usd)
        steps = min(max(held, self._within(floor(depth))), self._within(ceil(depth)))
        if steps == held:
            return None
        why = f"the price is {abs(depth):.1f} levels {'below' if depth > 0 else 'above'} the middle of its grid"
        if steps == 0:
            return leave(coin, why)
        direction = 1 if steps > 0 else -1
        if quantity * direction > 0 and abs(steps) < abs(held):
            return Decision(symbol=coin, signal="close", target_quantity=steps * step_usd / mark, justification=why)
        # The stop lies where the grid is given up, as far from the mark as the close is from there.
        stop = mark - direction * exact((settings.levels + settings.stop_levels - direction * depth) * spacing)
        target = mark + direction * exact(max(direction * depth, 1.0) * spacing)
        if stop <= 0 or target <= 0:
            return None
        return Decision(
            symbol=coin,
            signal="buy_to_enter" if direction > 0 else "sell_to_enter",
            target_quantity=steps * step_usd / mark,
            leverage=settings.leverage,
            stop_loss=stop,
            profit_target=target,
            confidence=settings.confidence,
            justification=why,
        )
