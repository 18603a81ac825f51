"""Scripts: strategies that do at each minute what a test wrote down, and short words for decisions."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.model.decision import Decision
from engine.model.market import Column

MINUTE_MS = 60_000
T0 = 1_760_918_400_000  # 2025-10-20 00:00 UTC, minute 0 of these tests

Script = Mapping[int, Any]  # by minute: a decision, or several


class Scripted:
    """A strategy that does what its script says: decisions by minute, none at the others."""

    name = "scripted"
    columns: tuple[Column, ...] = ()

    def __init__(self, script: Script) -> None:
        self._script = {
            minute: (decided,) if isinstance(decided, Decision) else tuple(decided)
            for minute, decided in script.items()
        }
        self.asked: list[int] = []

    def decide(self, context: Context) -> Sequence[Decision]:
        minute = (context.slot_ms - T0) // MINUTE_MS
        self.asked.append(minute)
        return self._script.get(minute, ())

    def points(self, coin: str, columns: Columns) -> None:
        return None


def buy(coin: str = "BTC", quantity: str = "1", **terms: Any) -> Decision:
    """Enter long."""
    return _enter(coin, "buy_to_enter", quantity, terms)


def sell(coin: str = "BTC", quantity: str = "1", **terms: Any) -> Decision:
    """Enter short."""
    return _enter(coin, "sell_to_enter", quantity, terms)


def close(coin: str = "BTC", quantity: str | None = None) -> Decision:
    """Close, all of it unless a quantity is given."""
    return Decision(symbol=coin, signal="close", quantity=None if quantity is None else Decimal(quantity))


def _enter(coin: str, signal: Any, quantity: str, terms: Mapping[str, Any]) -> Decision:
    prices: dict[str, Any] = {
        {"stop": "stop_loss", "target": "profit_target"}.get(name, name): Decimal(value)
        if isinstance(value, str)
        else value
        for name, value in terms.items()
    }
    return Decision(symbol=coin, signal=signal, quantity=Decimal(quantity), **prices)
