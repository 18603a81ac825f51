"""A circuit breaker: a model that keeps failing is left alone for a while, then tried, and trusted again by a rule."""

from collections import deque
from typing import Literal

FAILURES_IN_A_ROW = 5
LAST_CALLS = 20  # of these, more than half failed: open
FIRST_PAUSE_MS = 30_000
LONGEST_PAUSE_MS = 600_000
TRIAL_CALLS = 10  # tried so often before it is trusted again, where others can stand in meanwhile
TRUSTED_ABOVE_PCT = 99

Position = Literal["closed", "open", "trial"]


class Breaker:
    """Lets calls to one model through, or not. All times are ms of one monotonic clock.

    Closed, every call goes through. It opens after ``FAILURES_IN_A_ROW``, or when more than half of the ``LAST_CALLS``
    failed, and stays open for a pause that doubles with every trial that fails. Then it is on trial: one call at a time
    goes through. It closes again when ``trial_calls`` were tried and more than ``TRUSTED_ABOVE_PCT`` of them succeeded;
    with so few, one failure is too many and opens it again.
    """

    def __init__(self, trial_calls: int = TRIAL_CALLS) -> None:
        assert trial_calls >= 1, f"a trial of {trial_calls} calls"
        self._trial_calls = trial_calls
        self._last: deque[bool] = deque(maxlen=LAST_CALLS)
        self._in_a_row = 0
        self._pause_ms = FIRST_PAUSE_MS
        self._open_until_ms: float | None = None
        self._tried = self._passed = 0
        self._trying = False
        self.why = ""

    def position(self, now_ms: float) -> Position:
        """Where it stands."""
        if self._open_until_ms is None:
            return "closed"
        return "open" if now_ms < self._open_until_ms else "trial"

    def admit(self, now_ms: float) -> bool:
        """Whether a call may be made now; one that may ends with ``passed``, ``failed`` or ``let_go``."""
        match self.position(now_ms):
            case "closed":
                return True
            case "open":
                return False
            case "trial":
                free, self._trying = not self._trying, True
                return free

    def passed(self, now_ms: float) -> bool:
        """A call succeeded. Returns whether the model is trusted again because of it."""
        self._last.append(True)
        self._in_a_row = 0
        if self.position(now_ms) != "trial":
            return False  # one that was under way when it opened proves nothing
        self._trying = False
        self._tried += 1
        self._passed += 1
        if self._tried < self._trial_calls or 100 * self._passed <= TRUSTED_ABOVE_PCT * self._tried:
            return False
        self._open_until_ms = None
        self._last.clear()
        self._pause_ms = FIRST_PAUSE_MS
        return True

    def failed(self, now_ms: float, why: str, at_least_ms: int = 0) -> bool:
        """A call failed; the endpoint wants to be left alone for ``at_least_ms``. Returns whether it opens for that."""
        self._last.append(False)
        self._in_a_row += 1
        match self.position(now_ms):
            case "open":
                return False
            case "trial":
                self._trying = False
                self._pause_ms = min(2 * self._pause_ms, LONGEST_PAUSE_MS)
            case "closed":
                most_failed = len(self._last) == LAST_CALLS and 2 * self._last.count(False) > LAST_CALLS
                if self._in_a_row < FAILURES_IN_A_ROW and not most_failed:
                    return False
        self._open_until_ms = now_ms + max(self._pause_ms, min(at_least_ms, LONGEST_PAUSE_MS))
        self._tried = self._passed = 0
        self.why = why
        return True

    def let_go(self) -> None:
        """A call that was admitted has ended, whether or not it said anything about the model."""
        self._trying = False
