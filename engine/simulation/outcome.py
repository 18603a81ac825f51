"""The outcome of a universe: which promise was broken, if any, and what happened by kind and count."""

from msgspec import Struct

from engine.simulation.faults import Fired


class Violation(Struct, frozen=True, kw_only=True):
    """A promise that was broken: which, how, and when, in ms of virtual time."""

    promise: str
    detail: str
    at_ms: int


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a universe. The counts tell a safe run from one in which nothing happened.

    ``filled`` of the ``orders`` that reached a venue had at least one of the ``fills``.
    """

    seed: int
    minutes: int
    violation: Violation | None
    trace: str
    fired: tuple[Fired, ...]
    effects: int
    steps: int
    starts: int
    crashes: int
    orders: int
    rejected: int
    filled: int
    fills: int
    ambiguous: int
    slots: int
    story: tuple[tuple[int, str], ...]

    @property
    def faults(self) -> dict[str, int]:
        """How often each kind of fault happened."""
        counts: dict[str, int] = {}
        for fired in self.fired:
            counts[fired.kind] = counts.get(fired.kind, 0) + 1
        return dict(sorted(counts.items()))
