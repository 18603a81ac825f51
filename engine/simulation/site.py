"""The site: what outlives every process — machine, disk, venues, market, mailbox and kill switch."""

from collections.abc import Callable

from msgspec import Struct

from engine.manager.control import Answer, Command
from engine.manager.halt import Halt, Mode, stronger
from engine.simulation.clock import MachineClock
from engine.simulation.disk import SimDisk
from engine.simulation.faults import Faults
from engine.simulation.market import Walk
from engine.simulation.plan import Plan
from engine.simulation.venue import Venue


class Switch:
    """A kill switch that outlives every process; ``since_ms`` is when (virtual time) the halt in force was tripped."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.halt: Halt | None = None
        self.since_ms = 0
        self._now_ms = now_ms

    def read(self) -> Halt | None:
        """The halt in force."""
        return self.halt

    def trip(self, mode: Mode, reason: str, by: str, now_ms: int) -> Halt:
        """Put a halt in force; a stronger one stays."""
        if self.halt is None:
            self.since_ms = self._now_ms()
        self.halt = stronger(self.halt, Halt(mode=mode, reason=reason, by=by, since_ms=now_ms))
        return self.halt

    def lift(self) -> None:
        """End the halt."""
        self.halt = None


class Mailbox:
    """Where the operator leaves commands and finds answers."""

    def __init__(self) -> None:
        self.waiting: list[Command] = []
        self.answers: dict[str, Answer] = {}

    def take(self) -> list[Command | Answer]:
        """The waiting requests."""
        found: list[Command | Answer] = list(self.waiting)
        self.waiting.clear()
        return found

    def answer(self, answer: Answer) -> None:
        """Answer one."""
        self.answers[answer.request] = answer


class Site(Struct, kw_only=True):
    """What outlives a process: the machine, the disk, the venues, the market, the operator's mailbox and switch."""

    plan: Plan
    machine: MachineClock
    disk: SimDisk
    walk: Walk
    venues: dict[str, Venue]
    faults: Faults
    switch: Switch
    mailbox: Mailbox
