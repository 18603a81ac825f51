"""Bars and contexts for the tests of strategies: columns as a market provider would compute them, and a follower."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns, Strategy
from engine.indicators import compute
from engine.model.decision import Decision
from engine.model.market import Column, MarketSnapshot, Window, snapshot_of
from engine.model.position import Position
from tests.executor.risk.cases import NOW_MS, a_context, a_snapshot, an_account

BAR_MS = 60_000
Floats = NDArray[np.float64]


def a_walk(seed: int, bars: int, start: float = 100.0, step: float = 0.002) -> Floats:
    """Closes that wander: a geometric random walk, a function of its seed."""
    moves: Floats = np.random.default_rng(seed).normal(0.0, step, bars)
    return start * np.exp(np.cumsum(moves))


def columns_over(close: Floats, columns: Sequence[Column]) -> dict[Column, Floats]:
    """The columns over bars that open where the last one closed and reach a little beyond both ends."""
    opens = np.concatenate((close[:1], close[:-1]))
    arrays = {
        "open": opens,
        "high": np.maximum(opens, close) * 1.001,
        "low": np.minimum(opens, close) * 0.999,
        "close": close,
        "volume": np.ones_like(close),
    }
    return {column: compute(column, arrays) for column in columns}


def a_market(tables: Mapping[str, Columns], bar: int, closes: Mapping[str, Floats]) -> MarketSnapshot:
    """The market after the close of a bar, every mark at that close."""
    time_ms = NOW_MS + bar * BAR_MS
    marks = {coin: Decimal(repr(float(close[bar]))) for coin, close in closes.items()}
    shown = [
        replace(a_snapshot("BTC"), coin=coin, price_ms=time_ms, mark=mark, mid=mark, oracle=mark)
        for coin, mark in marks.items()
    ]
    windows = {coin: Window(coin, {name: table[name].data for name in table}, bar) for coin, table in tables.items()}
    return snapshot_of(time_ms, shown, windows)


def at(market: MarketSnapshot, held: Mapping[str, Decimal] | None = None, **changes: Any) -> Context:
    """A context in that market with these positions."""
    positions = [
        Position(coin=coin, quantity=quantity, cost_usd=quantity * (market.mark(coin) or 0), leverage=5)
        for coin, quantity in (held or {}).items()
        if quantity != 0
    ]
    known: dict[str, Any] = {
        "market": market,
        "coins": market.coins,
        "slot_ms": market.time_ms,
        "now_ms": market.time_ms,
        "interval_ms": BAR_MS,
        "account": an_account(*positions),
    }
    return a_context(**(known | changes))


def windows_of(values: Mapping[Column, Sequence[float]], coin: str = "BTC", mark: str = "100") -> MarketSnapshot:
    """A market of one coin whose columns are written out; the last value is that of the last closed bar."""
    last = max(len(row) for row in values.values()) - 1
    shown = a_snapshot(coin, mark=Decimal(mark), mid=Decimal(mark), oracle=Decimal(mark))
    return snapshot_of(NOW_MS, [shown], {coin: Window(coin, dict(values), last)})


def follow(strategy: Strategy, closes: Mapping[str, Floats], *, at_points_only: bool) -> list[tuple[int, Decision]]:
    """Every decision with its bar, when each is carried out at once and in full.

    The first bar is always asked, as a driver does.
    """
    tables = {coin: columns_over(close, strategy.columns) for coin, close in closes.items()}
    bars = len(next(iter(closes.values())))
    asked = np.ones(bars, dtype=np.bool_)
    if at_points_only:
        asked = np.zeros(bars, dtype=np.bool_)
        asked[0] = True
        for coin in closes:
            points = strategy.points(coin, tables[coin])
            asked |= True if points is None else points
    held: dict[str, Decimal] = {}
    made = []
    for bar in np.flatnonzero(asked).tolist():
        for decision in strategy.decide(at(a_market(tables, bar, closes), held)):
            made.append((bar, decision))
            held[decision.symbol] = decision.target_quantity or Decimal(0)
    return made
