"""The EMA cross with a stop and a target beside every entry, for runs in which positions end between decisions."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from engine.executor.context import Context
from engine.executor.strategies.ema_trend import EmaCross
from engine.model.decision import Decision

STOP, TARGET = Decimal("0.004"), Decimal("0.008")  # of the mark, away from it


class StoppedCross(EmaCross):
    """Decides as the EMA cross does; a position that was stopped out is taken up again at once."""

    name = "stopped_cross"

    def decide(self, context: Context) -> Sequence[Decision]:
        """The decisions of the EMA cross, each with its exits."""
        return [_with_exits(decision, context) for decision in super().decide(context)]


def _with_exits(decision: Decision, context: Context) -> Decision:
    mark = context.market.marks[decision.symbol] or Decimal(0)
    ahead = 1 if decision.signal == "buy_to_enter" else -1
    return replace(decision, stop_loss=mark - ahead * STOP * mark, profit_target=mark + ahead * TARGET * mark)
