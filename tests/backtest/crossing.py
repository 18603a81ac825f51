"""A strategy with exact points, and random walks for it: long while the close is above its average, short below."""

import random
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.model.decision import Decision
from engine.model.market import Column
from tests.arena.small_arena import Row

CLOSE, AVERAGE = Column("close"), Column("ema", 8)


class Crossing:
    """Turns around where the close crosses its average; ``sign`` -1 does the opposite. Stops are fractions."""

    name = "crossing"
    columns = (CLOSE, AVERAGE)

    def __init__(self, usd: int, *, sign: int = 1, stop: str | None = None) -> None:
        self._usd = Decimal(usd)
        self._sign = sign
        self._stop = None if stop is None else Decimal(stop)
        self.asked = 0

    def decide(self, context: Context) -> Sequence[Decision]:
        self.asked += 1
        decisions = []
        for coin in context.coins:
            window, mark = context.market.window(coin), context.market.mark(coin)
            if window is None or mark is None:
                continue
            close, average = window.value(CLOSE), window.value(AVERAGE)
            if not (close > average or close < average):
                continue
            up = (close > average) == (self._sign > 0)
            held = context.account.positions.get(coin)
            if held is not None and held.is_long == up:
                continue
            stop = None if self._stop is None else mark * (1 - self._stop if up else 1 + self._stop)
            decisions.append(
                Decision(
                    symbol=coin,
                    signal="buy_to_enter" if up else "sell_to_enter",
                    position_size_usd=self._usd,
                    stop_loss=stop,
                )
            )
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_]:
        side = np.sign(columns[CLOSE] - columns[AVERAGE])
        found: NDArray[np.bool_] = np.ones(len(side), dtype=bool)
        found[1:] = side[1:] != side[:-1]
        return found


def walk(seed: int, count: int, first: float = 100.0) -> list[Row]:
    """A random walk of bars on which stops of one percent are met now and then."""
    rng = random.Random(seed)
    rows: list[Row] = []
    price = first
    for _ in range(count):
        close = round(price * (1 + rng.gauss(0, 0.004)), 3)
        high = round(max(price, close) * (1 + abs(rng.gauss(0, 0.002))), 3)
        low = round(min(price, close) * (1 - abs(rng.gauss(0, 0.002))), 3)
        rows.append((price, high, low, close))
        price = close
    return rows
