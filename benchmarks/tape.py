"""The benchmark tape: six correlated coins in one-minute bars, dense with EMA crosses, the same in every run."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BARS = 200_000
BAR_MS = 60_000
START_MS = 1_704_067_200_000  # 2024-01-01
SUB_BARS = 4
SEED = 20240101


class Coin(Struct, frozen=True, kw_only=True):
    """How one coin of the tape moves (``volatility`` a bar) and how much of it is traded."""

    start: float
    tick: float
    decimals: int
    volatility: float
    quantity: float


COINS: Mapping[str, Coin] = {
    "BTC": Coin(start=60000.0, tick=0.1, decimals=1, volatility=0.0005, quantity=1.0),
    "ETH": Coin(start=3000.0, tick=0.01, decimals=2, volatility=0.0006, quantity=20.0),
    "SOL": Coin(start=150.0, tick=0.001, decimals=3, volatility=0.0009, quantity=400.0),
    "BNB": Coin(start=600.0, tick=0.01, decimals=2, volatility=0.0006, quantity=100.0),
    "XRP": Coin(start=0.6, tick=0.00001, decimals=5, volatility=0.0009, quantity=100_000.0),
    "DOGE": Coin(start=0.1, tick=0.000001, decimals=6, volatility=0.0010, quantity=600_000.0),
}


class Tape(Struct, frozen=True, kw_only=True):
    """Open instants in ms UTC, and per coin (open, high, low, close, volume)."""

    open_ms: NDArray[np.int64]
    bars: Mapping[str, tuple[Floats, Floats, Floats, Floats, Floats]]


def make_tape(bars: int = BARS) -> Tape:
    """The tape of that many bars a coin: a market factor, an own factor, just enough drift removed to stay in range."""
    random = np.random.default_rng(SEED)
    market = random.standard_normal(bars * SUB_BARS)
    found = {}
    for name, coin in COINS.items():
        own = random.standard_normal(bars * SUB_BARS)
        path = np.cumsum((0.6 * market + 0.8 * own) * coin.volatility / SUB_BARS**0.5)
        path -= np.linspace(0, path[-1] * 0.8, bars * SUB_BARS)
        price = np.round(coin.start * np.exp(path) / coin.tick) * coin.tick
        price = np.round(price, coin.decimals).reshape(bars, SUB_BARS)
        opened = np.empty(bars)
        opened[0] = np.round(coin.start, coin.decimals)
        opened[1:] = price[:-1, -1]
        high = np.maximum(opened, price.max(1))
        low = np.minimum(opened, price.min(1))
        volume = np.round(random.exponential(60000 / coin.start, bars), 3) + 1
        found[name] = (opened, high, low, np.ascontiguousarray(price[:, -1]), volume)
    return Tape(open_ms=START_MS + BAR_MS * np.arange(bars, dtype=np.int64), bars=found)
