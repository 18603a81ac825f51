"""Spending: what language models used up in a UTC day, and what asking them may still cost."""

from decimal import Decimal

from msgspec import Struct

from engine.model.position import ZERO
from engine.model.standing import DAY_MS


class Usage(Struct, frozen=True, kw_only=True, gc=False):
    """Tokens (prompt and completion together) and dollars of some calls."""

    tokens: int = 0
    usd: Decimal = ZERO

    def __bool__(self) -> bool:
        return self.tokens != 0 or self.usd != 0


NOTHING = Usage()


class Spending(Struct, kw_only=True):
    """What is gone of one budget, owned and changed by the fold of records alone.

    ``used`` was used up in the UTC day ``day`` (days since 1970). ``reserved`` is the most that the slots open now may
    still use. ``unsettled`` belongs to calls whose answer never came: nobody knows what they cost, so their worst case
    counts for the rest of the day, or until the answer comes late. ``alerted`` and ``exhausted`` tell whether the day's
    alert and its end were said.
    """

    day: int = -1
    used: Usage = NOTHING
    reserved: Usage = NOTHING
    unsettled: Usage = NOTHING
    alerted: bool = False
    exhausted: bool = False

    def turn_to(self, now_ms: int) -> bool:
        """Begin the day of ``now_ms`` when it is a later one, with nothing used; whether one began.

        A clock that is set back does not bring yesterday's budget back.
        """
        day = now_ms // DAY_MS
        if day <= self.day:
            return False
        self.day = day
        self.used = self.unsettled = NOTHING
        self.alerted = self.exhausted = False
        return True

    def gone(self, now_ms: int) -> Usage:
        """What cannot be used any more at ``now_ms``: used, unsettled and reserved together."""
        if now_ms // DAY_MS > self.day:
            return self.reserved
        return plus(plus(self.used, self.unsettled), self.reserved)


def plus(one: Usage, other: Usage) -> Usage:
    """The sum of both."""
    return Usage(tokens=one.tokens + other.tokens, usd=one.usd + other.usd)


def minus(one: Usage, other: Usage) -> Usage:
    """What is left of ``one``; never less than nothing."""
    return Usage(tokens=max(0, one.tokens - other.tokens), usd=max(ZERO, one.usd - other.usd))


def lesser(one: Usage, other: Usage) -> Usage:
    """The smaller of both, tokens and dollars each."""
    return Usage(tokens=min(one.tokens, other.tokens), usd=min(one.usd, other.usd))


def times(count: int, usage: Usage) -> Usage:
    """So many times the same."""
    return Usage(tokens=count * usage.tokens, usd=count * usage.usd)
