"""A campaign: so many replies through the real code, in cases that can be replayed, counted and judged."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from unittest.mock import patch

from msgspec.structs import replace

from engine.manager import cycle
from engine.manager import record as r
from engine.manager.gateway import Gateway
from engine.model.decision import Approved, Denied
from engine.model.order import Rejected
from tests.fuzz.envelope import breaches
from tests.fuzz.replies import a_reply
from tests.fuzz.sight import Sent, Sight
from tests.fuzz.world import World

REPLIES_A_CASE = 50

Judge = Callable[[Sight, list[Sent]], list[str]]


class Tally:
    """What came of the replies. ``faults`` name the seed, the case and the reply that show each of them again."""

    def __init__(self) -> None:
        self.replies = 0
        self.acted = 0
        self.kinds: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.denied: Counter[str] = Counter()
        self.approved: Counter[str] = Counter()
        self.orders: Counter[str] = Counter()
        self.reports: Counter[str] = Counter()
        self.incidents: Counter[str] = Counter()
        self.faults: list[str] = []

    def add(self, other: "Tally") -> None:
        """Take another tally into this one."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, mine + value) if isinstance(mine, int | list) else mine.update(value)

    def lines(self) -> Iterator[str]:
        """What to print."""
        share = 100 * self.acted / max(1, self.replies)
        yield f"replies    {self.replies}, of which {self.acted} ({share:.1f} %) had something approved"
        for name in ("kinds", "statuses", "outcomes", "denied", "approved", "orders", "reports", "incidents"):
            counted = getattr(self, name)
            yield f"{name:<10} " + ", ".join(f"{what} {count}" for what, count in counted.most_common())
        yield f"faults     {len(self.faults)}"
        yield from self.faults[:20]


def play(seed: int, first: int, last: int, *, judge: Judge = breaches, gateway: type[Gateway] = Gateway) -> Tally:
    """Play the cases ``first`` up to but not including ``last`` of a seed."""
    tally = Tally()
    for number in range(first, last):
        try:
            _case(seed, number, tally, judge, gateway)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is being looked for
            tally.faults.append(f"seed {seed} case {number}: {type(error).__name__}: {error}")
    return tally


def _case(seed: int, number: int, tally: Tally, judge: Judge, gateway: type[Gateway]) -> None:
    rng = Random(f"{seed}:{number}")
    world = World(rng, gateway)
    for place in range(REPLIES_A_CASE):
        trader = world.turn()
        if world.state.traders[trader].standing.status != "running":  # liquidated: it is not asked any more
            continue
        sight = world.sight(trader)
        kind, raw, finish = a_reply(rng, sight, world.readers[trader].scale == "percent")
        tally.replies += 1
        tally.kinds[kind] += 1
        here = f"seed {seed} case {number} reply {place} ({kind})"
        try:
            records = world.decide(trader, raw, finish)
        except Exception as error:  # noqa: BLE001 - as above
            tally.faults.append(f"{here}: {type(error).__name__}: {error}: {raw[:300]!r}")
            return
        decided = {
            decision.symbol: decision
            for record in records
            if isinstance(record, r.Planned)
            for decision in record.decisions
        }
        sent = world.sent(records)
        for breach in judge(replace(sight, decisions=decided), sent):
            tally.faults.append(f"{here}: {breach}: {raw[:300]!r}")
        _count(tally, world.readers[trader].status, records, sent)
    for difference in world.settled():
        tally.faults.append(f"seed {seed} case {number} at its end: {difference}")


def _count(tally: Tally, status: str, records: list[r.Record], sent: list[Sent]) -> None:
    tally.statuses[status] += 1
    approved = 0
    for record in records:
        match record:
            case r.Planned():
                for verdict in record.verdicts:
                    if isinstance(verdict, Denied):
                        tally.denied[verdict.rule] += 1
                    elif isinstance(verdict, Approved):
                        approved += 1
                        tally.approved["opening" if verdict.proposal.opens > 0 else "closing"] += 1
            case r.SlotClosed():
                tally.outcomes[record.outcome if record.outcome != "skipped" else f"skipped:{record.why[:15]}"] += 1
            case r.Reported():
                report = record.report
                tally.reports[f"rejected:{report.code}" if isinstance(report, Rejected) else type(report).__name__] += 1
            case r.Incident():
                tally.incidents[record.what] += 1
            case _:
                continue
    tally.acted += approved > 0
    for order in sent:
        tally.orders[order.order.style] += 1


@contextmanager
def approving_everything() -> Iterator[None]:
    """Cycles in this block are judged by nobody: whatever is proposed is approved, and the gateway alone is left."""
    with patch.object(cycle, "judge", lambda proposals, context: [Approved(proposal=found) for found in proposals]):
        yield


class OpenDoor(Gateway):
    """A gateway that refuses nothing: risk alone is left."""

    def _fault(self, intended: r.Intended, trader: str) -> None:
        return None
