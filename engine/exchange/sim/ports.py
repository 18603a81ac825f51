"""What the simulated venue asks of a market: the price an order meets, the bars that passed, the funding rate."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from engine.model.market import Bar, Marks, Quote


class SimMarket(Protocol):
    """The one market of a simulated account. Every answer depends on the instant asked for, never on a later one."""

    def quote(self, coin: str, now_ms: int) -> Quote | None:
        """The middle price at ``now_ms``; ``None`` when there was none, as for a coin that is not traded any more.

        Over bars it is the open of the bar that opens at or was opened last before ``now_ms``, or a price inside that
        bar which the driver says has been touched.
        """
        ...

    def marks(self, now_ms: int) -> Marks:
        """The prices alone of what ``quote`` tells, by coin, finite and above 0; ``None`` where it tells nothing."""
        ...

    def bars_between(self, coin: str, after_ms: int, until_ms: int) -> Sequence[Bar]:
        """The bars that closed in ``(after_ms, until_ms]``, oldest first."""
        ...

    def funding_rate(self, coin: str, hour_ms: int) -> Decimal | None:
        """The fraction that longs pay to shorts at the full hour ``hour_ms``; ``None`` when the market has none."""
        ...
