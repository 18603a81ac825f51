"""Libraries for the tests of selectors: strategies that decide what a test says, scores that it writes out."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.selector.library import Candidate, Library, Score
from engine.executor.selector.selector import Selector
from engine.model.decision import Decision
from engine.model.market import Column, MarketSnapshot
from tests.executor.strategies.markets import windows_of

HOUR_MS = 3_600_000
FAST, SLOW = Column("ema", 20, HOUR_MS), Column("ema", 50, HOUR_MS)
SHORT, LONG = Column("atr", 7, HOUR_MS), Column("atr", 50, HOUR_MS)


class Told:
    """A strategy that decides what it is told, and keeps the contexts in which it was asked."""

    columns: tuple[Column, ...] = ()

    def __init__(self, *decisions: Decision, name: str = "told") -> None:
        self.name = name
        self.decisions: Sequence[Decision] = decisions
        self.asked: list[Context] = []

    def decide(self, context: Context) -> Sequence[Decision]:
        self.asked.append(context)
        return [decision for decision in self.decisions if decision.symbol in context.coins]

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        return None


class Timed(Told):
    """A strategy that decides at each minute since ``from_ms`` what was written down for it, once."""

    def __init__(self, from_ms: int, script: Mapping[int, Decision]) -> None:
        super().__init__()
        self._from_ms = from_ms
        self._script = script

    def decide(self, context: Context) -> Sequence[Decision]:
        self.asked.append(context)
        found = self._script.get((context.slot_ms - self._from_ms) // 60_000)
        return [] if found is None else [found]


def holding(coin: str, quantity: str, **terms: str) -> Decision:
    """The wish to hold so many coins, long or short."""
    prices = {{"stop": "stop_loss", "target": "profit_target"}[name]: Decimal(price) for name, price in terms.items()}
    return Decision(
        symbol=coin,
        signal="buy_to_enter" if Decimal(quantity) > 0 else "sell_to_enter",
        target_quantity=Decimal(quantity),
        confidence=0.8,
        justification="told",
        **prices,  # type: ignore[arg-type]
    )


def a_score(score: float) -> Score:
    return Score(score=score, sharpe=score, return_pct=score, hours=500)


def a_library(
    strategies: Mapping[str, Told],
    scores: Mapping[str, Mapping[str, float]] | None = None,
    regime_interval_ms: int = HOUR_MS,
) -> Library:
    """A library of these; ``scores`` by label and regime."""
    return Library(
        name="test 1 (0)",
        regime_interval_ms=regime_interval_ms,
        candidates=tuple(
            Candidate(
                label=label,
                strategy=strategy,
                about=f"{label}, told",
                scores={regime: a_score(score) for regime, score in (scores or {}).get(label, {}).items()},
            )
            for label, strategy in strategies.items()
        ),
    )


def a_selector(library: Library, top: int = 3, least_change: str = "0.05") -> Selector:
    return Selector(library=library, top=top, reweigh_ms=HOUR_MS, least_change=Decimal(least_change))


def a_regime(fast: float, slow: float, short: float, long: float, coin: str = "BTC") -> MarketSnapshot:
    """A market whose averages and ranges are written out, on a mark of 100 USD."""
    return windows_of({FAST: [fast], SLOW: [slow], SHORT: [short], LONG: [long]}, coin=coin)
