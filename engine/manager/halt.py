"""Halts: an arena-wide stop of trading, in three strengths, that outlives every restart until an operator lifts it."""

from typing import Literal, Protocol, get_args

from msgspec import Struct

Mode = Literal["no_opens", "reduce_only", "flatten_own"]
MODES: tuple[str, ...] = get_args(Mode)


class Halt(Struct, frozen=True, kw_only=True):
    """A halt in force: how strong, why, who tripped it and when (ms UTC).

    ``no_opens``: nothing leaves that enlarges a position; decisions to close, stops and targets go on.
    ``reduce_only``: no decisions are asked for either; stops, targets, liquidation and operators still close.
    ``flatten_own``: every trader's own positions are closed, and then nothing leaves any more.
    """

    mode: Mode
    reason: str
    by: str
    since_ms: int


class KillSwitch(Protocol):
    """Where a halt is kept, outside of everything that may break."""

    def read(self) -> Halt | None:
        """The halt in force; asked right before every send. What cannot be read halts, too."""
        ...

    def trip(self, mode: Mode, reason: str, by: str, now_ms: int) -> Halt:
        """Put a halt in force; a stronger one that is in force stays."""
        ...


class NoSwitch:
    """A switch that is never tripped, for runs in which nobody's money is at stake."""

    def read(self) -> Halt | None:
        """Never a halt."""
        return None

    def trip(self, mode: Mode, reason: str, by: str, now_ms: int) -> Halt:
        """What a tripped switch would say; nothing stays in force."""
        return Halt(mode=mode, reason=reason, by=by, since_ms=now_ms)


def stronger(first: Halt | None, second: Halt) -> Halt:
    """The one that stops more; of equals the earlier."""
    if first is None or MODES.index(second.mode) > MODES.index(first.mode):
        return second
    return first
