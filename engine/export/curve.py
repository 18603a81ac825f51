"""The curve: the closed hours of all traders as encoded rows, thinned out as they grow old."""

from collections import deque

from msgspec import Struct

from engine.model.standing import DAY_MS, HOUR_MS

HOURLY_MS = 30 * DAY_MS
SIX_HOURLY_MS = 180 * DAY_MS


class ClosedHour(Struct, frozen=True, kw_only=True, gc=False):
    """The rows of all traders at the end of one hour, separated by commas, and the instant they share."""

    at_ms: int
    rows: bytes


class Curve:
    """One group of rows an hour for 30 days, one in six hours up to 180 days, one a UTC day before that.

    The last group of a day or of six hours stands for it. Every trader is in each group from its start on, so each
    keeps a row a day. The very first group always stays: it is where the curves begin.
    """

    def __init__(self) -> None:
        self._first: ClosedHour | None = None
        self._daily: list[ClosedHour] = []
        self._six_hourly: deque[ClosedHour] = deque()
        self._hourly: deque[ClosedHour] = deque()
        self._encoded: bytes | None = b""

    @property
    def is_empty(self) -> bool:
        """Whether no hour was closed yet."""
        return self._first is None

    def close(self, at_ms: int, rows: bytes) -> None:
        """Add the rows with which an hour ended; hours come in the order of time."""
        closed = ClosedHour(at_ms=at_ms, rows=rows)
        self._encoded = None
        if self._first is None:
            self._first = closed
            return
        self._hourly.append(closed)
        while self._hourly[0].at_ms < at_ms - HOURLY_MS:
            old = self._hourly.popleft()
            if _bucket(old, 6 * HOUR_MS) != _bucket(self._hourly[0], 6 * HOUR_MS):
                self._six_hourly.append(old)
        while self._six_hourly and self._six_hourly[0].at_ms < at_ms - SIX_HOURLY_MS:
            old = self._six_hourly.popleft()
            following = self._six_hourly[0] if self._six_hourly else self._hourly[0]
            if _bucket(old, DAY_MS) != _bucket(following, DAY_MS):
                self._daily.append(old)

    def encoded(self) -> bytes:
        """All rows that are left, oldest first, separated by commas; joined anew once an hour."""
        if self._encoded is None:
            first = [] if self._first is None else [self._first]
            hours = [*first, *self._daily, *self._six_hourly, *self._hourly]
            self._encoded = b",".join([hour.rows for hour in hours])
        return self._encoded


def _bucket(hour: ClosedHour, length_ms: int) -> int:
    return hour.at_ms // length_ms
