"""Funding rates of one coin, hour by hour."""

import numpy as np
from msgspec import Struct

from engine.market.bars import HOUR_MS, Floats, Stamps


class Funding(Struct, frozen=True, kw_only=True):
    """The rate of the period that ended at each hour from ``first_ms`` (ms UTC) on; NaN where none is known.

    ``period_hours`` is how long one period is: 1, or 8 on venues that pay three times a day. A rate is a fraction of
    the notional for the whole period.
    """

    first_ms: int
    rates: Floats
    period_hours: int = 1

    def at(self, hour_ms: int) -> float | None:
        """The rate booked at ``hour_ms``; ``None`` when nothing was, or nothing is known."""
        place, beside = divmod(hour_ms - self.first_ms, HOUR_MS)
        if beside or not 0 <= place < len(self.rates):
            return None
        rate = float(self.rates[place])
        return None if rate != rate else rate

    def hourly(self, now_ms: int) -> float | None:
        """The latest booked rate at ``now_ms`` as a fraction per hour; ``None`` when the latest is unknown."""
        rate = self.at(now_ms - now_ms % (self.period_hours * HOUR_MS))
        return None if rate is None else rate / self.period_hours

    def hourly_column(self, at_ms: Stamps) -> Floats:
        """``hourly`` at each of the instants, NaN where it is unknown."""
        stamps = at_ms - at_ms % (self.period_hours * HOUR_MS)
        places = (stamps - self.first_ms) // HOUR_MS
        inside = (places >= 0) & (places < len(self.rates))
        return np.where(inside, self.rates[np.clip(places, 0, len(self.rates) - 1)] / self.period_hours, np.nan)

    def missing(self, first_ms: int, last_ms: int) -> int:
        """How many periods that ended after ``first_ms`` and not later than ``last_ms`` have no known rate."""
        period_ms = self.period_hours * HOUR_MS
        ends = np.arange(first_ms // period_ms + 1, last_ms // period_ms + 1, dtype=np.int64) * period_ms
        return int(np.isnan(self.hourly_column(ends)).sum())
