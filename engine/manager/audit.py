"""The audit: what must hold of any journal, checked record by record while it is folded again."""

from decimal import Decimal

from engine.manager import record as r
from engine.manager.reconcile import CENT, settled_usd
from engine.manager.state import State
from engine.model.book import net_quantities
from engine.model.ids import AccountId
from engine.model.order import Fill, Order
from engine.model.position import ZERO

SHOWN = 20


class Audit:
    """Collects faults: orders without an intent, fills without an order, slots without exactly one outcome.

    Also models that were called without an open slot, or more often than it reserved money for.
    """

    def __init__(self) -> None:
        self.slots_opened = 0
        self.slots_closed = 0
        self.fills = 0
        self.orders = 0
        self._faults: list[str] = []
        self._open: dict[str, int] = {}
        self._closed_until: dict[str, int] = {}
        self._asks_left: dict[str, int] = {}
        self._orders: dict[str, Decimal] = {}
        self._intents: dict[str, int] = {}
        self._trades: dict[str, int] = {}

    def entry(self, entry: r.Entry) -> None:
        """Take one entry, in order."""
        record = entry.record
        trader = entry.trader or ""
        match record:
            case r.SlotOpened(slot_ms=slot_ms):
                self.slots_opened += 1
                if trader in self._open:
                    self._fault(entry, f"{trader} opens slot {slot_ms} while {self._open[trader]} is open")
                if slot_ms <= self._closed_until.get(trader, -1):
                    self._fault(entry, f"{trader} opens slot {slot_ms} again")
                self._open[trader] = slot_ms
                self._asks_left[trader] = record.asks
            case r.Answered():
                self._answered(entry, record, trader)
            case r.SlotClosed():
                self._slot_closed(entry, record, trader)
            case r.Intended(envelope=envelope):
                self._intents[record.client_order_id] = entry.seq
                if type(envelope.action) is Order:
                    self.orders += 1
                    name = envelope.action.client_order_id
                    if name in self._orders:
                        self._fault(entry, f"order {name} was intended twice")
                    self._orders[name] = envelope.action.quantity
            case r.Reported(client_order_id=name):
                if name not in self._intents:
                    self._fault(entry, f"a report about {name}, which nobody intended")
            case r.Filled(fill=fill):
                self._filled(entry, fill)
            case _:
                return

    def _slot_closed(self, entry: r.Entry, record: r.SlotClosed, trader: str) -> None:
        self.slots_closed += 1
        if self._open.get(trader) == record.slot_ms:  # a slot may be passed over while an earlier one is decided
            del self._open[trader]
        elif record.slot_ms <= self._closed_until.get(trader, -1):
            self._fault(entry, f"slot {record.slot_ms} of {trader} has a second outcome")
        last_ms = record.slot_ms if record.until_ms is None else record.until_ms
        self._closed_until[trader] = max(last_ms, self._closed_until.get(trader, -1))

    def _answered(self, entry: r.Entry, record: r.Answered, trader: str) -> None:
        if self._open.get(trader) != record.slot_ms:
            if not record.late:
                self._fault(entry, f"{trader} has an answer in time for slot {record.slot_ms}, which is not open")
            return
        self._asks_left[trader] -= 1
        if self._asks_left[trader] < 0:
            self._fault(entry, f"{trader} has more answers in slot {record.slot_ms} than money was set aside for")

    def _filled(self, entry: r.Entry, fill: Fill) -> None:
        trade, order = fill.trade_id, fill.client_order_id
        self.fills += 1
        if trade in self._trades:
            self._fault(entry, f"venue trade {trade} was booked at {self._trades[trade]} already")
        self._trades[trade] = entry.seq
        if order is None or order not in self._orders:
            if entry.trader is not None and not fill.liquidation:
                self._fault(entry, f"fill {trade} of {entry.trader} belongs to no intent")
            return
        self._orders[order] -= fill.quantity
        if self._orders[order] < 0:
            self._fault(entry, f"order {order} was filled beyond its size")

    def _fault(self, entry: r.Entry, what: str) -> None:
        if len(self._faults) < SHOWN:
            self._faults.append(f"record {entry.seq}: {what}")

    def faults(self) -> list[str]:
        """What was found, the first few."""
        return list(self._faults)

    def left_open(self) -> dict[str, int]:
        """The slots that were opened and not closed, by trader: at most one each, where the engine was killed."""
        return dict(self._open)


def against_venue(
    state: State, account: AccountId, quantities: dict[str, Decimal], venue_settled_usd: Decimal
) -> list[str]:
    """Differences between the folded book and what the venue keeps itself: quantities exactly, money to the cent.

    ``venue_settled_usd`` is the venue's equity without the value of positions (see ``reconcile.settled_usd``).
    """
    found = state.accounts.get(account)
    if found is None:
        return [f"{account}: the journal does not know this venue account"]
    ours = net_quantities(found.book)
    faults = [
        f"{account}: the book holds {ours.get(coin, ZERO)} {coin}, the venue {quantities.get(coin, ZERO)}"
        for coin in sorted(ours.keys() | quantities.keys())
        if ours.get(coin, ZERO) != quantities.get(coin, ZERO)
    ]
    book_usd = settled_usd(found.book)
    if not abs(book_usd - venue_settled_usd) <= CENT:
        faults.append(f"{account}: the book has {book_usd} USD settled, the venue {venue_settled_usd}")
    return faults
