"""The projection: from the journal's records to the documents of the wire format, one record at a time.

It is a function of the records alone: whoever replays the same journal gets the same bytes. "Now" is the instant of
the newest record that changed a price or an account.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from api.handoff import schema as wire
from api.handoff.wire import assemble, encode
from engine.export.account_totals import AccountTotals
from engine.export.analytics import TraderAnalytics
from engine.export.benchmark import BUY_AND_HOLD, COIN, BuyAndHold
from engine.export.conversations import Conversations
from engine.export.leaderboard import Tally, leaderboard_row
from engine.export.positions import Instruments, positions_of
from engine.export.prices import prices_of
from engine.export.prompts import Prompts
from engine.export.rows import EncodedList, RowEncoder
from engine.export.since_inception import since_inception_of
from engine.export.trades import trade_of
from engine.export.worth import Marks, Worth, scale_of, wire_usd, worth_at, worth_of
from engine.manager import record as r
from engine.manager.state import State
from engine.model.decision import ExitPlan
from engine.model.ids import TraderId


class TraderView(Struct, kw_only=True):
    """What is remembered of one trader beyond the state. ``worth`` is ``None`` until it gets capital."""

    analytics: TraderAnalytics
    conversations: Conversations
    tally: Tally
    worth: Worth | None = None
    trades: int = 0
    invocations: int = 0
    plans: dict[str, ExitPlan] = {}


class Projection:
    """A sink that keeps the eight documents up to date.

    ``state`` is the folded state, to which each entry was applied before it is shown here. ``instruments`` are those of
    each venue account, for liquidation prices. ``prompts`` is told of the message bodies that the journal stores.
    """

    def __init__(self, state: State, *, instruments: Mapping[str, Instruments] | None = None) -> None:
        self.seq = 0
        self.encode = RowEncoder()
        self.prompts = Prompts()
        self._state = state
        self._instruments = instruments or {}
        self._views: dict[str, TraderView] = {}
        self._marks = Marks()
        self._benchmark = BuyAndHold()
        self._totals = AccountTotals(self.encode)
        self._trades = EncodedList("trades")
        self._valued_ms = 0
        self._hour = 0
        self._documents: dict[str, bytes] = {}
        self._readers: dict[type[Any], Callable[[r.Entry, Any], None]] = {
            r.Configured: self._configured,
            r.SlotOpened: self._slot_opened,
            r.Answered: self._answered,
            r.Planned: self._planned,
            r.SlotClosed: self._slot_closed,
            r.Filled: self._filled,
            r.Funded: self._funded,
            r.Transferred: self._transferred,
            r.Marked: self._marked,
            r.Priced: self._priced,
        }
        self._makers: dict[str, Callable[[], bytes]] = {
            "crypto-prices": lambda: encode(prices_of(self._marks.coins)),
            "account-totals": self._account_totals,
            "trades": self._trades.document,
            "leaderboard": self._leaderboard,
            "analytics": self._analytics,
            "conversations": self._conversations,
            "positions": self._positions,
            "since-inception-values": self._since_inception,
        }

    def entry(self, entry: r.Entry) -> None:
        """Take one entry; the state holds it already."""
        self.seq = entry.seq
        read = self._readers.get(type(entry.record))
        if read is not None:
            read(entry, entry.record)

    def documents(self) -> dict[str, bytes]:
        """All documents by name; those that did not change are the same objects as before."""
        for name, make in self._makers.items():
            if name not in self._documents:
                self._documents[name] = make()
        return {name: self._documents[name] for name in self._makers}

    # Reading records

    def _configured(self, entry: r.Entry, record: r.Configured) -> None:
        for trader in self._state.traders:
            if trader not in self._views:
                self._views[trader] = TraderView(
                    analytics=TraderAnalytics(trader), conversations=Conversations(trader), tally=Tally()
                )
        if self._totals.inception_ms is None and self._views:
            self._totals.inception_ms = min(known.standing.started_ms for known in self._state.traders.values())
        self._documents.clear()

    def _slot_opened(self, entry: r.Entry, record: r.SlotOpened) -> None:
        trader, view = self._trader_of(entry)
        view.invocations += 1
        view.conversations.opened(record.slot_ms, view.invocations, entry.ts)
        view.analytics.invocation(self._state.ledger(trader), len(self._marks.coins), entry.ts)
        self._changed("analytics", "since-inception-values")

    def _answered(self, entry: r.Entry, record: r.Answered) -> None:
        _, view = self._trader_of(entry)
        view.conversations.answered(record)
        view.analytics.answered(record, entry.ts)
        self._changed("analytics", "leaderboard")

    def _planned(self, entry: r.Entry, record: r.Planned) -> None:
        trader, view = self._trader_of(entry)
        view.conversations.planned(record, self.prompts, scale_of(self._state.ledger(trader)))
        view.analytics.planned(record, entry.ts)
        self._changed("analytics")

    def _slot_closed(self, entry: r.Entry, record: r.SlotClosed) -> None:
        _, view = self._trader_of(entry)
        exchange = view.conversations.closed(record, entry.ts)
        if exchange is not None:
            view.analytics.conversation(exchange.id, exchange.asked_ms, entry.ts)
            self._changed("conversations", "analytics")

    def _filled(self, entry: r.Entry, record: r.Filled) -> None:
        view = self._views.get(entry.trader or "")
        if entry.trader is None or view is None:
            return  # the house's: no trader's row changes
        self._values_change(entry.ts)
        trader = self._state.traders[TraderId(entry.trader)]
        coin = record.fill.coin
        if trader.standing.trades != view.trades:
            view.trades = trader.standing.trades
            self._trade_completed(entry, view, coin)
        # The fold drops a plan together with its position, before the trade that wants to show it is seen here.
        view.plans.pop(coin, None)
        if coin in trader.plans:
            view.plans[coin] = trader.plans[coin]
        self._value(entry.trader)

    def _trade_completed(self, entry: r.Entry, view: TraderView, coin: str) -> None:
        trader = self._state.traders[TraderId(entry.trader or "")]
        name = trader.terms.trader
        trade = trade_of(name, trader.recent_trades[-1], view.plans.get(coin), scale_of(self._state.ledger(name)))
        view.tally.add(trade)
        view.analytics.trade(trade, entry.ts)
        self._changed("analytics")
        if not trader.terms.benchmark:
            self._trades.append(self.encode(trade))
            self._changed("trades")

    def _funded(self, entry: r.Entry, record: r.Funded) -> None:
        self._values_change(entry.ts)
        for trader in record.shares:
            self._value(trader)

    def _transferred(self, entry: r.Entry, record: r.Transferred) -> None:
        self._values_change(entry.ts)
        self._value(record.source)
        self._value(record.target)

    def _marked(self, entry: r.Entry, record: r.Marked) -> None:
        if not (record.equity_usd.is_finite() and record.unrealized_usd.is_finite()):
            return
        self._values_change(entry.ts)
        trader, view = self._trader_of(entry)
        self._marks.take_own(trader, record.prices, entry.ts)
        account = self._state.ledger(trader)
        if account.units > 0:
            view.worth = worth_at(account, record.equity_usd, record.unrealized_usd)

    def _priced(self, entry: r.Entry, record: r.Priced) -> None:
        self._values_change(entry.ts)
        self._marks.take(record.prices, entry.ts)
        if self._benchmark.take(record.prices.get(COIN), entry.ts):
            self._changed("since-inception-values")
        for trader in self._views:
            self._value(trader)
        self._changed("crypto-prices")

    def _trader_of(self, entry: r.Entry) -> tuple[str, TraderView]:
        assert entry.trader is not None, f"record {entry.seq} concerns a trader and names none"
        return entry.trader, self._views[entry.trader]

    def _values_change(self, at_ms: int) -> None:
        """Before anybody's worth changes: an hour ends with the first such record of a later one."""
        hour = self._totals.hour(at_ms)
        if hour > self._hour:
            self._totals.close_hour(self._valued_ms, dict(self._contestants()), self._benchmarks())
            self._hour = hour
        self._valued_ms = at_ms
        self._changed("account-totals", "positions", "leaderboard")

    def _value(self, trader: str) -> None:
        view = self._views.get(trader)
        if view is None:
            return  # reserve, house or venue
        account = self._state.ledger(trader)
        if account.units > 0:
            if view.worth is None:
                self._changed("analytics", "since-inception-values")
            view.worth = worth_of(account, self._marks.of(account))

    def _changed(self, *names: str) -> None:
        for name in names:
            self._documents.pop(name, None)

    # Making documents

    def _worths(self, *, benchmark: bool) -> Iterator[tuple[str, Worth]]:
        for name, view in self._views.items():
            if view.worth is not None and self._state.traders[TraderId(name)].terms.benchmark == benchmark:
                yield name, view.worth

    def _contestants(self) -> Iterator[tuple[str, Worth]]:
        """The traders that have capital and compete, in the order in which they were configured."""
        return self._worths(benchmark=False)

    def _benchmarks(self) -> dict[str, Worth]:
        """The traders that are there to be compared with, and buy-and-hold unless one of the traders has its name."""
        benchmarks = dict(self._worths(benchmark=True))
        worth = self._benchmark.worth()
        if worth is not None and BUY_AND_HOLD not in self._views:
            benchmarks[BUY_AND_HOLD] = worth
        return benchmarks

    def _open_positions(self, trader: str) -> dict[str, wire.Position]:
        known = self._state.traders[TraderId(trader)]
        account = self._state.ledger(trader)
        return positions_of(known, account, self._marks.of(account), self._instruments.get(known.terms.account, {}))

    def _account_totals(self) -> bytes:
        contestants = dict(self._contestants())
        positions = {trader: self._open_positions(trader) for trader in contestants}
        return self._totals.document(self._valued_ms, contestants, self._benchmarks(), positions)

    def _positions(self) -> bytes:
        rows = [
            self.encode(wire.ModelPositions(id=trader, model_id=trader, positions=self._open_positions(trader)))
            for trader, _ in self._contestants()
        ]
        return assemble("accountTotals", rows)

    def _leaderboard(self) -> bytes:
        rows = [self.encode(self._leaderboard_row(trader, worth)) for trader, worth in self._contestants()]
        return assemble("leaderboard", rows)

    def _leaderboard_row(self, trader: str, worth: Worth) -> wire.LeaderboardRow:
        view, account = self._views[trader], self._state.ledger(trader)
        cost_usd = wire_usd(account.model_cost_usd * scale_of(account))
        return leaderboard_row(trader, view.tally, worth, self._totals.sharpe(trader), cost_usd, view.analytics.usage)

    def _analytics(self) -> bytes:
        return assemble(
            "analytics", [self._views[trader].analytics.encoded(self.encode) for trader, _ in self._contestants()]
        )

    def _conversations(self) -> bytes:
        rows = [
            row for trader, _ in self._contestants() for row in self._views[trader].conversations.encoded(self.encode)
        ]
        return assemble("conversations", rows)

    def _since_inception(self) -> bytes:
        started = {
            trader: self._state.traders[TraderId(trader)].standing.started_ms
            for trader, view in self._views.items()
            if view.worth is not None
        }
        if self._benchmark.started_ms is not None:
            started.setdefault(BUY_AND_HOLD, self._benchmark.started_ms)
        invocations = {trader: view.invocations for trader, view in self._views.items()}
        return encode(since_inception_of(started, invocations))
