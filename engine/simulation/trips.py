"""The kill switch tripped at every effect of a scenario: how long after it anything that opens still leaves."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from engine.manager.halt import Mode
from engine.model.order import Envelope, Order
from engine.simulation.crashes import DISTANCES, Harvest, unharmed, variant
from engine.simulation.ledger import ZERO, VenueLedger
from engine.simulation.operator import MODES, opens
from engine.simulation.outcome import Outcome
from engine.simulation.plan import Plan
from engine.simulation.process import Process
from engine.simulation.universe import Universe

LATEST_MS = 1_000  # after the trip the last byte of an order that opens may leave


class Trip(Struct, frozen=True, kw_only=True):
    """One trip and what left after it, until the halt was lifted.

    ``under_way`` orders had an intent on disk and no outcome when it came; ``latest_ms`` is how long after it the last
    of the ``opening`` orders left; ``flat`` says that nobody held anything any more when the halt was lifted.
    """

    at: int
    mode: Mode
    under_way: int
    opening: int
    reducing: int
    latest_ms: int
    flat: bool
    outcome: Outcome


class Tripped(Universe):
    """A universe in which an operator trips the switch at the ``at``-th effect, before it is done.

    What an order does to a position is judged by the venue's executions and not by the engine's book.
    """

    def __init__(self, plan: Plan, at: int, mode: Mode) -> None:
        super().__init__(plan)
        self._at = at
        self._mode: Mode = mode
        self._ledgers = {name: VenueLedger() for name in self.venues}
        self._counts = {"under way": 0, "opening": 0, "reducing": 0}
        self._latest_ms = 0
        self._flat = True
        self.timeline.later(plan.minutes * 60_000 - 1, self._before_lifting)

    def trip(self) -> Trip:
        """Run, and say what left after the trip."""
        outcome = self.run()
        return Trip(
            at=self._at,
            mode=self._mode,
            under_way=self._counts["under way"],
            opening=self._counts["opening"],
            reducing=self._counts["reducing"],
            latest_ms=self._latest_ms,
            flat=self._flat,
            outcome=outcome,
        )

    def gate(self, process: Process, effect: str) -> None:
        """Pass before every effect; at one of them the switch is tripped, and the effect goes on as if nothing were."""
        super().gate(process, effect)
        if self.effects == self._at:
            self._counts["under way"] = sum(len(account.intents) for account in process.state.accounts.values())
            self.tell(f"tripped ({self._mode}) at effect {self._at}, {effect}")
            self.switch.trip(self._mode, "at an effect", "operator", self.machine.wall_ms())

    def _sent(self, envelope: Envelope) -> None:
        super()._sent(envelope)
        order, halt = envelope.action, self.switch.halt
        if halt is None or not isinstance(order, Order):
            return
        promise = self.witness.promises[order.client_order_id]
        ledger = self._ledgers[promise.account]
        ledger.take(self.venues[promise.account].fills, self.witness.promises)
        if not opens(envelope, ledger.held.get((promise.trader, order.coin), ZERO)):
            self._counts["reducing"] += 1
            return
        late_ms = self.timeline.now_ms - self.switch.since_ms
        self._counts["opening"] += 1
        self._latest_ms = max(self._latest_ms, late_ms)
        if late_ms > LATEST_MS:
            self.found("P11", f"{promise.trader} opens {order.coin} {late_ms} ms after a trip ({halt.mode})")

    def _before_lifting(self) -> None:
        for name, ledger in self._ledgers.items():
            ledger.take(self.venues[name].fills, self.witness.promises)
            self._flat = self._flat and not any(ledger.held.values())


class Switched(Struct, kw_only=True):
    """Sums over trips; ``under_way`` counts those that came while an order was, ``flat`` by mode those that left nobody
    anything.
    """

    boundaries: int = 0
    under_way: int = 0
    opening: int = 0
    reducing: int = 0
    latest_ms: int = 0
    flat: dict[str, int] = {}
    ran: Harvest

    def take(self, trip: Trip) -> None:
        """Add one trip."""
        self.under_way += trip.under_way > 0
        self.opening += trip.opening
        self.reducing += trip.reducing
        self.latest_ms = max(self.latest_ms, trip.latest_ms)
        self.flat[trip.mode] = self.flat.get(trip.mode, 0) + trip.flat
        self.ran.take(trip.outcome)

    def add(self, other: "Switched") -> None:
        """Add the sums of others."""
        self.boundaries += other.boundaries
        self.under_way += other.under_way
        self.opening += other.opening
        self.reducing += other.reducing
        self.latest_ms = max(self.latest_ms, other.latest_ms)
        for mode, flat in other.flat.items():
            self.flat[mode] = self.flat.get(mode, 0) + flat
        self.ran.add(other.ran)


def switched(name: str, number: int) -> Switched:
    """What came of one variant of a scenario, tripped at each of its effects in each mode."""
    plan = variant(name, number)
    found = Switched(ran=Harvest())
    for trip in every_trip(plan):
        found.take(trip)
        found.boundaries = max(found.boundaries, trip.at)
        broken = trip.outcome.violation
        if broken is not None:
            where = f"{name}, variant {number}, tripped ({trip.mode}) at effect {trip.at}"
            found.ran.broken.append(f"{where}: {broken.promise} {broken.detail}")
    return found


def every_trip(plan: Plan) -> Iterator[Trip]:
    """The scenario with the switch tripped at each of its effects in each mode; every second engine dies soon after."""
    effects, _ = unharmed(plan)
    for at in range(1, effects + 1):
        for number, mode in enumerate(MODES):
            dies = (at + number) % 2 == 0
            crash_at = (at + DISTANCES[at % len(DISTANCES)],) if dies else ()
            yield Tripped(replace(plan, crash_at=crash_at), at, mode).trip()
