"""What must hold: looked at every few virtual seconds, and once more when all is healed."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from engine.journal.errors import JournalError
from engine.journal.reader import read, verify
from engine.manager.audit import Audit
from engine.manager.record import Entry, SlotClosed, SlotOpened
from engine.manager.recorder import replay
from engine.manager.state import AccountState, State
from engine.model.book import net_quantities
from engine.model.ids import AccountId, TraderId
from engine.simulation.disk import ProcessDisk, SimDisk
from engine.simulation.journal import FOLDER
from engine.simulation.ledger import ZERO, VenueLedger
from engine.simulation.market import Walk
from engine.simulation.plan import Plan
from engine.simulation.process import Process, entries_of
from engine.simulation.venue import Shown, Venue, answered
from engine.simulation.witness import Witness

Found = Callable[[str, str], None]
UNPROTECTED_MS = 60_000  # a stop may be passed so long before it counts as not watched
CLOSING_MS = 240_000  # a trader that is stopped may need so many attempts to get out
OPENING_MS = 5_000  # after its instant a slot may be opened so late
SETTLING_MS = 150_000  # an order may be under way, or in doubt, for so long
SKEW_MS = 20_000  # between the engine's clock and the venue's
LATE_MS = 300_000  # a slot that was opened so shortly before the end may be open still


class Checker:
    """Compares one process with one venue. What it has seen booked it does not look at again."""

    def __init__(self, venue: Venue, witness: Witness, found: Found) -> None:
        self.venue = venue
        self.ledger = VenueLedger()
        self._witness = witness
        self._found = found
        self._process: Process | None = None
        self._unbooked: list[Shown] = []
        self._seen = 0

    def look(self, process: Process) -> list[Shown]:
        """Check P1 and P4 at this instant; the fills that the process has not booked yet."""
        venue = self.venue
        venue.harvest()
        self.ledger.take(venue.fills, self._witness.promises)
        account = process.state.accounts.get(AccountId(venue.account))
        if account is None:
            return []
        booked = process.reader.booked
        if process is not self._process:
            self._process, self._unbooked, self._seen = process, [], 0
        candidates = self._unbooked + venue.fills[self._seen :]
        self._seen = len(venue.fills)
        self._unbooked = [shown for shown in candidates if shown.fill.trade_id not in booked]
        self._conserved(account)
        self._not_guessed(account)
        return self._unbooked

    def _conserved(self, account: AccountState) -> None:
        """P1: per coin, exactly: the book plus what is executed and not yet booked is what the venue holds."""
        ours = net_quantities(account.book)
        for shown in self._unbooked:
            coin = shown.fill.coin
            ours[coin] = ours.get(coin, ZERO) + shown.fill.signed_quantity
        for coin in self.venue.walk.coins:
            if ours.get(coin, ZERO) != self.ledger.net.get(coin, ZERO):
                self._found(
                    "P1",
                    f"{self.venue.account}: book and unbooked fills make {ours.get(coin, ZERO)} {coin}, "
                    f"the venue has {self.ledger.net.get(coin, ZERO)}",
                )

    def _not_guessed(self, account: AccountState) -> None:
        """P4: as long as an execution is not booked, its intent is open."""
        for shown in self._unbooked:
            name = shown.fill.client_order_id
            if name is not None and name not in account.intents:
                self._found("P4", f"{name} was executed, is not booked, and its intent is not open any more")

    def money(self, process: Process, plan: Plan) -> None:
        """P5: per trader, exactly, where everything is booked and no execution was nobody's."""
        account = process.state.accounts.get(AccountId(self.venue.account))
        if account is None or self._unbooked:
            return
        liquidated = any(shown.fill.liquidation for shown in self.venue.fills)
        for trader in plan.traders:
            if trader.account != self.venue.account or liquidated:
                continue
            ledger = account.book.traders[TraderId(trader.name)]
            held = {coin: position.quantity for coin, position in ledger.positions.items()}
            if held != self.ledger.held_by(trader.name):
                self._found("P1", f"{trader.name} holds {held}, its fills say {self.ledger.held_by(trader.name)}")
            cost = sum((position.cost_usd for position in ledger.positions.values()), ZERO)
            settled = ledger.realized_usd - ledger.fees_usd - cost
            if settled != self.ledger.paid.get(trader.name, ZERO):
                self._found("P5", f"{trader.name} has settled {settled}, its fills {self.ledger.paid.get(trader.name)}")

    def funded(self, process: Process) -> None:
        """P5: what the accounts were funded with adds up to what the venue paid, to the last digit."""
        account = process.state.accounts[AccountId(self.venue.account)]
        ours = sum((found.funding_usd for found in account.book.accounts()), ZERO)
        theirs = sum((payment.usd for payment in answered(self.venue.sim.funding(0))), ZERO)
        if ours != theirs:
            self._found("P5", f"{self.venue.account}: {ours} USD of funding are booked, the venue paid {theirs}")

    def waits_for_nonces(self, process: Process | None) -> bool:
        """Whether an outcome is still open that only a long wait can settle: its nonce is used, who knows by whom."""
        account = None if process is None else process.state.accounts.get(AccountId(self.venue.account))
        return self.venue.terms.fence and account is not None and bool(account.intents)

    def settled(self, process: Process) -> None:
        """P15: of what was sent a while ago nothing is left open, and every execution is booked."""
        account = process.state.accounts[AccountId(self.venue.account)]
        long_ago_ms = self.venue.machine.true_ms() - SETTLING_MS
        for shown in self._unbooked:
            if shown.fill.time_ms < long_ago_ms:
                self._found("P1", f"trade {shown.fill.trade_id} of {shown.fill.client_order_id} was never booked")
        for intent in account.intents.values():
            if intent.envelope.nonce < long_ago_ms:
                self._found("P15", f"the intent {intent.client_order_id} of {intent.trader} is still open: {intent}")


class StopWatch:
    """P10: a position whose stop the price has passed is being closed, or the venue cannot be traded with."""

    def __init__(self, plan: Plan, walk: Walk, found: Found) -> None:
        self._plan = plan
        self._walk = walk
        self._found = found
        self._since: dict[tuple[str, str], int] = {}
        self._alive_ms = 0
        self._process: Process | None = None

    def look(self, process: Process, now_ms: int) -> None:
        """Check every stop at the true price of now."""
        if process is not self._process:
            self._process, self._since = process, {}
        since, self._since = self._since, {}
        for trader in self._plan.traders:
            known = process.state.traders.get(TraderId(trader.name))
            if known is None:
                continue
            account = process.state.accounts[AccountId(trader.account)]
            venue = process.site.venues[trader.account]
            busy = any(intent.trader == trader.name for intent in account.intents.values())
            if busy or venue.outages_lately(now_ms, UNPROTECTED_MS):
                continue
            holds = bool(account.book.traders[TraderId(trader.name)].positions)
            if now_ms - venue.refused_ms.get(trader.name, 0) < UNPROTECTED_MS:
                continue  # it tries, and the venue will not
            if known.standing.status == "stopped" and holds and not self._halted(now_ms):
                started_ms = self._since[trader.name, ""] = since.get((trader.name, ""), now_ms)
                if now_ms - started_ms > CLOSING_MS:
                    self._found("P11", f"{trader.name} is stopped ({known.standing.reason}) and holds something")
            for coin, plan in known.plans.items():
                position = account.book.traders[TraderId(trader.name)].positions.get(coin)
                if position is None or plan.stop_loss is None or self._walk.is_halted(coin, now_ms - UNPROTECTED_MS):
                    continue
                price = self._walk.price(coin, now_ms)
                if price > plan.stop_loss if position.quantity > 0 else price < plan.stop_loss:
                    continue
                started_ms = self._since[trader.name, coin] = since.get((trader.name, coin), now_ms)
                if now_ms - started_ms > UNPROTECTED_MS:
                    self._found(
                        "P10", f"the stop of {trader.name} in {coin} at {plan.stop_loss} was passed, it is {price}"
                    )

    def _halted(self, now_ms: int) -> bool:
        return any(self._walk.is_halted(coin, now_ms - UNPROTECTED_MS) for coin in self._walk.coins)


def check_fold(process: Process, disk: SimDisk, found: Found) -> None:
    """P14: folding the journal again gives the state the engine works with."""
    assert process.arena is not None, "only a process that runs is judged"
    reader = ProcessDisk(disk, -1, lambda effect: None, lambda kind: False)
    process.make_durable()
    again = replay(entries_of(list(read(FOLDER, fs=reader))), State())
    for name in State.__struct_fields__:
        if getattr(again, name) != getattr(process.state, name):
            found("P14", f"the journal folds to another {name} than the engine has")


def check_recovered(process: Process, plan: Plan, found: Found, true_ms: int) -> None:
    """P15: every trader that may decide does so again; nobody was put to ``error`` by what happened."""
    assert process.arena is not None, "only a process that runs is judged"
    now_ms = process.arena.recorder.clock.now_ms()
    skewed = abs(now_ms - true_ms) > SKEW_MS  # then it rightly decides nothing: what it sees of the venue is too old
    for trader in plan.traders:
        standing = process.state.traders[TraderId(trader.name)].standing
        if standing.status == "error":
            found("P20", f"{trader.name} stands in error: {standing.reason}")
        decided_ms = process.reader.decided_ms.get(trader.name, 0)
        if standing.status == "running" and not skewed and decided_ms < now_ms - 2 * trader.interval_ms - 70_000:
            found("P15", f"{trader.name} runs and has not decided since {decided_ms}, it is {now_ms}")
        ledger = process.state.ledger(trader.name)
        venue = process.site.venues[trader.account]
        refused = true_ms - venue.refused_ms.get(trader.name, 0) <= UNPROTECTED_MS
        closing = now_ms - process.reader.liquidated_ms.get(trader.name, 0) <= CLOSING_MS
        if standing.status == "stopped" and ledger.positions and not refused and not closing:
            found("P11", f"{trader.name} is stopped and holds {sorted(ledger.positions)}")
    for failure in process.reader.failures:
        found("P20", failure)


def check_journal(disk: ProcessDisk, plan: Plan, found: Found, *, stepped: bool) -> None:
    """P6 and P7: the journal verifies, and every slot from a trader's first to its last has one outcome.

    P20: slots are opened on time, where the clock was not ``stepped``.
    """
    try:
        verify(FOLDER, fs=disk)
        frames = list(read(FOLDER, fs=disk))
    except JournalError as error:
        found("P6", str(error))
        return
    audit, closed = Audit(), Coverage()
    for entry in entries_of(frames):
        audit.entry(entry)
        closed.entry(entry)
    for fault in audit.faults():
        found("P7", fault)
    for fault in closed.late:
        if not stepped:
            found("P20", fault)
    for trader, slot_ms in audit.left_open().items():
        if slot_ms < frames[-1].ts - LATE_MS:  # a later one is interrupted by the next start
            found("P7", f"slot {slot_ms} of {trader} has no outcome")
    for trader_plan in plan.traders:
        for fault in closed.faults(trader_plan.name, trader_plan.interval_ms):
            found("P7", fault)


class Coverage:
    """Which slots have an outcome; ranges count for each slot in them."""

    def __init__(self) -> None:
        self._closed: dict[str, list[tuple[int, int]]] = {}
        self.late: list[str] = []

    def entry(self, entry: Entry) -> None:
        """Take one entry."""
        record = entry.record
        if isinstance(record, SlotOpened):
            late_ms = entry.ts - record.slot_ms
            if late_ms > OPENING_MS:
                self.late.append(f"slot {record.slot_ms} of {entry.trader} was opened {late_ms} ms late")
        elif isinstance(record, SlotClosed):
            until_ms = record.slot_ms if record.until_ms is None else record.until_ms
            self._closed.setdefault(entry.trader or "", []).append((record.slot_ms, until_ms))

    def faults(self, trader: str, interval_ms: int) -> Iterator[str]:
        """Slots with two outcomes or none, between the first and the last that has one."""
        spans = sorted(self._closed.get(trader, []))
        for (first_ms, until_ms), (next_ms, _) in pairwise(spans):
            if next_ms <= until_ms:
                yield f"slots {next_ms} to {until_ms} of {trader} have two outcomes"
            elif next_ms != until_ms + interval_ms:
                yield f"the slots of {trader} between {until_ms} and {next_ms} have no outcome"
            if (until_ms - first_ms) % interval_ms:
                yield f"a range of {trader} from {first_ms} to {until_ms} is no number of slots"
