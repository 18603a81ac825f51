"""The peer: backtesting.py on the same tape, coin by coin, with the same orders at the same opens and the same fee."""

import time
import warnings
from typing import Any

import talib
from msgspec import Struct

from benchmarks.tape import COINS, Tape

FEE = 0.00045
FAST, SLOW = 12, 26


class PeerOutcome(Struct, frozen=True, kw_only=True):
    """What its runs over all coins did and took together; a flip is one trade that closed."""

    cpu_s: float
    wall_s: float
    trades: int


def play_peer(tape: Tape) -> PeerOutcome:
    """One backtest a coin; only the runs themselves are timed. Raises ``ImportError`` where it is not installed."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from backtesting import Backtest

        cpu_s = wall_s = 0.0
        trades = 0
        for coin, (opened, high, low, close, volume) in tape.bars.items():
            columns = {"Open": opened, "High": high, "Low": low, "Close": close, "Volume": volume}
            frame = pd.DataFrame(columns, index=pd.to_datetime(tape.open_ms, unit="ms"))
            test = Backtest(
                frame, _cross(COINS[coin].quantity), cash=10_000_000, commission=FEE, exclusive_orders=True, margin=0.1
            )
            cpu, wall = time.process_time(), time.perf_counter()
            found = test.run()
            cpu_s += time.process_time() - cpu
            wall_s += time.perf_counter() - wall
            trades += len(found["_trades"])
    return PeerOutcome(cpu_s=cpu_s, wall_s=wall_s, trades=trades)


def _cross(quantity: float) -> Any:
    from backtesting import Strategy

    class Cross(Strategy):  # type: ignore[misc,unused-ignore]
        def init(self) -> None:
            close = self.data.Close.s.to_numpy()
            self.fast = self.I(talib.EMA, close, FAST)
            self.slow = self.I(talib.EMA, close, SLOW)

        def next(self) -> None:
            if self.fast[-1] > self.slow[-1]:
                if not self.position.is_long:
                    self.buy(size=quantity)
            elif not self.position.is_short:
                self.sell(size=quantity)

    return Cross
