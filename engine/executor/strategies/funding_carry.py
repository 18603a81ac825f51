"""Funding carry: takes the side that funding is paid to, while the rate is worth it.

Also known by the name ``funding_arbitrage``. It is none: there is no spot leg on a perpetuals venue, so that the
position carries the full price risk of its coin; what it earns on top is the funding.
"""

import numpy as np
from numpy.typing import NDArray

from engine.executor.context import Context
from engine.executor.ports import Columns
from engine.executor.strategies.entry import HUNDRED, EntrySettings, above_zero, direction_of, enter, exact, leave
from engine.model.decision import Decision
from engine.model.market import Column


class FundingCarrySettings(EntrySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates are fractions per hour: a position is taken when it receives ``enter_rate``, and left below ``leave_rate``.

    Stop and target lie ``stop_pct`` and ``target_pct`` percent of the mark away.
    """

    enter_rate: float = 0.00003
    leave_rate: float = 0.000015
    stop_pct: float | None = 2.0
    target_pct: float | None = 7.0

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero(self, "enter_rate", "stop_pct", "target_pct")
        if not 0 <= self.leave_rate < self.enter_rate:
            raise ValueError(
                f"leave_rate is {self.leave_rate} and enter_rate {self.enter_rate}, 0 <= leave < enter is needed"
            )


class FundingCarry:
    """Receives funding in each coin that pays enough of it."""

    columns: tuple[Column, ...] = ()

    def __init__(self, settings: FundingCarrySettings, name: str = "funding_carry") -> None:
        self.name = name
        self._settings = settings
        self._enter = exact(settings.enter_rate)
        self._leave = exact(settings.leave_rate)

    def decide(self, context: Context) -> list[Decision]:
        """Longs pay shorts while the rate is positive, so that the side to be on is the opposite of its sign."""
        decisions = []
        for coin in context.coins:
            snapshot = context.market.coin(coin)
            rate = None if snapshot is None else snapshot.funding_rate
            if snapshot is None or rate is None or not rate.is_finite():
                continue
            held = direction_of(context, coin)
            paid = -1 if rate > 0 else 1
            if abs(rate) >= self._enter and held != paid:
                settings = self._settings
                stop_away = None if settings.stop_pct is None else snapshot.mark * exact(settings.stop_pct) / HUNDRED
                target_away = (
                    None if settings.target_pct is None else snapshot.mark * exact(settings.target_pct) / HUNDRED
                )
                why = f"funding is {rate} an hour"
                entry = enter(context, coin, paid, settings, stop_away, target_away, why)
                if entry is not None:
                    decisions.append(entry)
            elif held != 0 and -held * rate < self._leave:
                decisions.append(leave(coin, f"funding is down to {rate} an hour"))
        return decisions

    def points(self, coin: str, columns: Columns) -> NDArray[np.bool_] | None:
        """Funding moves between bars: every slot may be a point."""
        return None
