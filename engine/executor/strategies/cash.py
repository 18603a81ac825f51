"""Cash: the baseline that does nothing."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.model.decision import Decision
from engine.model.market import Column

CLOSES = Column("close")  # read by nobody; its length is that of the history


class CashSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to set."""


class Cash:
    """Keeps its money."""

    name = "cash"
    columns = (CLOSES,)

    def decide(self, context: Context) -> tuple[Decision, ...]:
        """Nothing, ever."""
        return ()

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Nowhere."""
        return np.zeros(len(columns[CLOSES]), dtype=np.bool_)
