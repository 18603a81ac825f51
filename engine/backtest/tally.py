"""The tally of a run: a reader of records that keeps what a report needs, and counts what happened."""

from collections import Counter
from decimal import Decimal

from msgspec import Struct

from engine.manager import record as r
from engine.manager.state import State
from engine.model.decision import Denied
from engine.model.ids import AccountId, TraderId
from engine.model.order import Accepted, Order, Rejected
from engine.model.position import ZERO
from engine.model.trade import Trade


class TraderTally(Struct, kw_only=True):
    """One trader's run: its equity curve (times in ms UTC), trades and sums in USD."""

    times_ms: list[int] = []
    equity_usd: list[float] = []
    nav: list[float] = []
    exposure: list[float] = []
    trades: list[Trade] = []
    fills: int = 0
    turnover_usd: Decimal = ZERO
    slots: Counter[str] = Counter()
    denials: Counter[str] = Counter()


class Tally:
    """Counts and curves of a run, fed by the recorder after each fold."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.kinds: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.rejections: Counter[str] = Counter()
        self.traders: dict[TraderId, TraderTally] = {}
        self.partial_fills = 0
        self.opposite_positions = 0
        self.incidents: list[str] = []
        self.orders = 0
        self._quantities: dict[str, Decimal] = {}

    def of(self, trader: str | None) -> TraderTally:
        """The tally of one trader."""
        name = TraderId(trader or "")
        found = self.traders.get(name)
        if found is None:
            found = TraderTally(slots=Counter(), denials=Counter())
            self.traders[name] = found
        return found

    def entry(self, entry: r.Entry) -> None:
        """Take one entry; the state has folded it already."""
        record = entry.record
        self.kinds[type(record).__name__] += 1
        match record:
            case r.Filled():
                self._filled(entry, record)
            case r.Marked():
                self._marked(entry, record)
            case r.Planned():
                denials = self.of(entry.trader).denials
                for verdict in record.verdicts:
                    if type(verdict) is Denied:
                        denials[verdict.rule] += 1
            case r.SlotClosed():
                self.of(entry.trader).slots[record.outcome] += 1
            case r.Intended(envelope=envelope):
                self.causes[record.cause] += 1
                if type(envelope.action) is Order:
                    self.orders += 1
                    self._quantities[record.client_order_id] = envelope.action.quantity
            case r.Reported():
                self._reported(record)
            case r.Incident():
                self.incidents.append(f"{record.what}: {record.detail}")
            case _:
                return

    def _filled(self, entry: r.Entry, record: r.Filled) -> None:
        if entry.trader is None:
            return
        tally = self.of(entry.trader)
        fill = record.fill
        tally.fills += 1
        tally.turnover_usd += fill.quantity * fill.price
        trader = self.state.traders[TraderId(entry.trader)]
        if trader.standing.trades > len(tally.trades):
            tally.trades.append(trader.recent_trades[-1])
        book = self.state.accounts[AccountId(record.account)].book
        mine = book.traders[TraderId(entry.trader)].positions.get(fill.coin)
        if mine is not None and len(book.traders) > 1:
            for other in book.traders.values():
                theirs = other.positions.get(fill.coin)
                if theirs is not None and theirs.is_long != mine.is_long:
                    self.opposite_positions += 1
                    break

    def _marked(self, entry: r.Entry, record: r.Marked) -> None:
        tally = self.of(entry.trader)
        if tally.times_ms and tally.times_ms[-1] == entry.ts:
            return
        tally.times_ms.append(entry.ts)
        tally.equity_usd.append(float(record.equity_usd))
        tally.nav.append(record.nav)
        positions = self.state.ledger(entry.trader or "").positions
        gross = sum((abs(positions[coin].quantity) * price for coin, price in record.prices.items()), ZERO)
        tally.exposure.append(float(gross / record.equity_usd) if record.equity_usd > 0 else 0.0)

    def _reported(self, record: r.Reported) -> None:
        wanted = self._quantities.pop(record.client_order_id, None)
        match record.report:
            case Accepted(filled_quantity=filled, resting=False) if wanted is not None and filled < wanted:
                self.partial_fills += 1
            case Rejected(code=code):
                self.rejections[code] += 1
            case _:
                return
