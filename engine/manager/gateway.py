"""The gateway: the only door to a venue; takes journalled intents, judges them again in its own way, sends once."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from engine.manager.border import believed, is_bookable, is_payable, is_readable
from engine.manager.funding import Holdings, funded, funded_late, untold
from engine.manager.halt import KillSwitch, NoSwitch
from engine.manager.lessons import learn
from engine.manager.mandate import Mandate, breach
from engine.manager.ports import ExchangeProvider, VenueUnreachable
from engine.manager.record import Cause, Filled, Incident, Intended, Reported
from engine.manager.recorder import Recorder
from engine.manager.state import AccountState
from engine.model.book import Book
from engine.model.decision import ExitPlan
from engine.model.ids import HOUSE, AccountId, TraderId
from engine.model.instrument import Instrument
from engine.model.market import MarketSnapshot
from engine.model.order import (
    Accepted,
    Action,
    Fill,
    FundingPayment,
    MarginMode,
    Order,
    OrderReport,
    Rejected,
    VenueAccount,
)
from engine.model.position import ZERO
from engine.model.standing import HOUR_MS

MOST_ABOVE_LIMIT = Decimal("1.2")  # of the limit: what a quantity can be worth at a mark that far away
STALE_MS = 2_000  # no order opens on prices that are older: a process may be stopped, and answers be waited for
REFUSED_MOST = 1_000  # bad fills and payments of which each is told once


class Gateway:
    """Everything that one venue account receives goes through here.

    ``market`` is a look at an instant; ``switch`` is asked right before each send: under a halt only what reduces a
    position leaves. A trader without a mandate sends nothing.
    """

    def __init__(
        self,
        account: AccountId,
        exchange: ExchangeProvider,
        recorder: Recorder,
        instruments: Mapping[str, Instrument],
        mandates: Mapping[TraderId, Mandate],
        market: Callable[[int], MarketSnapshot],
        switch: KillSwitch | None = None,
    ) -> None:
        self.account = account
        self.exchange = exchange
        self.submitted = 0
        self.in_hand: dict[str, int] = {}  # by client order id: to be sent yet, and when it was decided (ms UTC)
        self.in_flight: dict[str, None] = {}  # by client order id: sent, and the answer is waited for
        self.settled_ms: dict[str, int] = {}  # by client order id: when it was found to be decided, in venue time
        self.filled = 0  # fills booked: until there are more, no position and no exit plan changes
        self.absences: dict[str, int] = {}  # by client order id: reads that did not find an order that is overdue
        self.traded_usd = ZERO  # filled at once, valued at the orders' limits and as much beyond as is allowed
        self._recorder = recorder
        self._instruments = instruments
        self._mandates = mandates
        self._switch: KillSwitch = NoSwitch() if switch is None else switch
        self._market = market
        self._funded_ms = 0
        self._funding_read_ms = 0  # when what the venue books as funding was read last, in venue time
        self._untold: Holdings = {}  # of the last hour: who held coins for which the venue had told nothing yet
        self._refused: dict[str, None] = {}

    def intend(
        self,
        action: Action,
        *,
        trader: TraderId,
        client_order_id: str,
        cause: Cause,
        reference: str,
        leverage: int = 1,
        mode: MarginMode = "cross",
        plan: ExitPlan | None = None,
        looked_ms: int | None = None,
    ) -> tuple[int, Intended]:
        """Journal what is about to leave; the record's sequence number and the record.

        ``looked_ms`` is the instant (ms UTC) of the prices that it was decided on, when that is not now.
        """
        recorder = self._recorder
        now_ms = recorder.clock.now_ms()
        self.in_hand[client_order_id] = now_ms if looked_ms is None else looked_ms
        intended = Intended(
            account=self.account,
            client_order_id=client_order_id,
            cause=cause,
            reference=reference,
            envelope=self.exchange.prepare(action, now_ms),
            leverage=leverage,
            mode=mode,
            plan=plan,
        )
        return recorder.say(intended, None if trader == HOUSE else trader), intended

    async def send(self, seq: int, intended: Intended, trader: TraderId) -> OrderReport:
        """Send an intent once it is durable, and record what the venue said and what it filled."""
        recorder = self._recorder
        if recorder.keeps_journal:
            await recorder.intent_durable(seq)
        halt = self._switch.read()
        fault = self._fault(intended, trader)
        now_ms = recorder.clock.now_ms()
        age_ms = now_ms - self.in_hand.pop(intended.client_order_id, now_ms)
        if fault is None and (halt is not None or age_ms > STALE_MS) and not self._reduces(intended, trader):
            stale = f"decided on prices of {age_ms} ms ago"
            fault = stale if halt is None else f"halted ({halt.mode}) by {halt.by}: {halt.reason}"
        report: OrderReport
        if fault is not None:
            report = Rejected(code="gateway", detail=fault)
            recorder.say(Incident(account=self.account, what="gateway_refused", detail=fault), trader)
        else:
            self.submitted += 1
            self.in_flight[intended.client_order_id] = None
            try:
                report = believed(await self.exchange.submit(intended.envelope), intended.envelope.action)
            finally:
                del self.in_flight[intended.client_order_id]
        recorder.say(
            Reported(account=self.account, client_order_id=intended.client_order_id, report=report),
            None if trader == HOUSE else trader,
        )
        if type(report) is Accepted and report.filled_quantity:
            action = intended.envelope.action
            if type(action) is Order:
                self.traded_usd += report.filled_quantity * action.limit_price * MOST_ABOVE_LIMIT
            try:
                await self.collect()
            except VenueUnreachable:  # the watch collects them as soon as the venue answers again
                return report
        return report

    def withdraw(self, intended: Intended, trader: TraderId, why: str) -> None:
        """End an intent that was never sent, and is not going to be."""
        self.in_hand.pop(intended.client_order_id, None)
        report = Rejected(code="withdrawn", detail=why)
        self._recorder.say(
            Reported(account=self.account, client_order_id=intended.client_order_id, report=report), trader
        )

    def let_go(self, client_order_id: str) -> None:
        """Nobody is going to send this any more: what became of it is asked like anything else."""
        self.in_hand.pop(client_order_id, None)

    async def statement(self) -> VenueAccount:
        """The account as the venue reports it. Raises ``VenueUnreachable``, also when not every number of it is one."""
        told = await self.exchange.account()
        if not is_readable(told, self._recorder.clock.now_ms()):
            raise VenueUnreachable(f"{self.account}: its report cannot be read: {told}")
        return told

    async def collect(self) -> int:
        """Record every fill and funding stamp that the venue reports and the journal does not have, in time order.

        A fill that no order of ours explains goes to the house; one that cannot be booked is left out; either makes an
        incident. Returns how many fills were new.
        """
        recorder = self._recorder
        account = recorder.state.accounts[self.account]
        late_ms = self.exchange.capabilities.fills_late_ms
        told = await self.exchange.fills(max(account.opened_ms, account.fills_until_ms - late_ms))
        now_ms = recorder.clock.now_ms()
        hour_ms = self._next_hour(account)
        paid: dict[tuple[int, str], FundingPayment] = {}
        if hour_ms <= now_ms:
            now_ms = min(now_ms, await self.exchange.time())  # what the venue has not reached yet it has not paid
        if hour_ms <= now_ms:
            told_late_ms = self.exchange.capabilities.funding_late_ms
            paid = await self._payments(hour_ms - HOUR_MS if told_late_ms else hour_ms, now_ms)
            hour_ms = self._next_hour(account)
            self._book_late(account, paid, hour_ms)
        seen = account.fills_seen  # looked at only now: whoever collected during the reads has booked some of it
        ahead_ms = recorder.clock.now_ms()
        fills = [
            fill for fill in told if fill.trade_id not in seen and (is_bookable(fill, ahead_ms) or self._refuse(fill))
        ]
        if len(fills) > 1:
            fills = sorted({fill.trade_id: fill for fill in fills}.values(), key=_place)
        done = 0
        while hour_ms <= now_ms:
            while done < len(fills) and fills[done].time_ms < hour_ms:
                self._fill(fills[done])
                done += 1
            for record in funded(account.book, hour_ms, paid, self._market):
                if account.funded_ms.get(record.coin, 0) < hour_ms:
                    recorder.say(record)
            if self.exchange.capabilities.funding_late_ms:
                self._untold = untold(account.book, hour_ms, paid)
            self._funded_ms = hour_ms
            hour_ms += HOUR_MS
        for fill in fills[done:]:
            self._fill(fill)
        return len(fills)

    async def collect_late_funding(self) -> None:
        """Record what the venue tells only now of the last hour; nothing is asked once it has had the time it may take.

        Raises ``VenueUnreachable``.
        """
        account = self._recorder.state.accounts[self.account]
        late_ms = self.exchange.capabilities.funding_late_ms
        hour_ms = self._next_hour(account)
        if late_ms and self._funding_read_ms < hour_ms - HOUR_MS + late_ms:
            paid = await self._payments(hour_ms - HOUR_MS, await self.exchange.time())
            self._book_late(account, paid, self._next_hour(account))

    def awaits_funding(self, venue_ms: int) -> bool:
        """Whether at that venue time money may have been booked of which the venue has not told yet."""
        hour_ms = self._next_hour(self._recorder.state.accounts[self.account])
        late_ms = self.exchange.capabilities.funding_late_ms
        return venue_ms >= hour_ms or (late_ms > 0 and self._funding_read_ms < hour_ms - HOUR_MS + late_ms)

    async def _payments(self, since_ms: int, venue_ms: int) -> dict[tuple[int, str], FundingPayment]:
        """What the venue has booked by hour and coin, as far as it can be booked here; ``venue_ms`` is its time."""
        payments = await self.exchange.funding(since_ms)
        self._funding_read_ms = venue_ms
        return {(one.time_ms, one.coin): one for one in payments if is_payable(one) or self._refuse(one)}

    def _book_late(self, account: AccountState, paid: Mapping[tuple[int, str], FundingPayment], before_ms: int) -> None:
        for record in funded_late(account, paid.values(), before_ms, self._untold):
            self._recorder.say(record)

    def _refuse(self, told: Fill | FundingPayment) -> bool:
        """Say once of a fill or payment that it cannot be booked; always false."""
        what = "bad_fill" if type(told) is Fill else "bad_funding"
        name = f"{what} {told.trade_id}" if type(told) is Fill else f"{what} {told.time_ms} {told.coin}"
        if name not in self._refused and len(self._refused) < REFUSED_MOST:
            self._refused[name] = None
            self._recorder.say(
                Incident(account=self.account, what=what, detail=f"left out: {told}", severity="critical")
            )
        return False

    def _next_hour(self, account: AccountState) -> int:
        """The first full hour that is not funded yet."""
        last_ms = max(self._funded_ms, account.funded_until_ms)
        return last_ms - last_ms % HOUR_MS + HOUR_MS

    def _fill(self, fill: Fill) -> None:
        recorder = self._recorder
        account = recorder.state.accounts[self.account]
        origin = account.origins.get(fill.client_order_id or "")
        if origin is not None:
            owner = None if origin.trader == HOUSE else origin.trader
        else:
            owner = _liquidated(account.book, fill)
            self._foreign(fill, owner)
        recorder.say(Filled(account=self.account, fill=fill), owner)
        if owner is not None:
            learn(recorder, owner)
        self.filled += 1

    def _foreign(self, fill: Fill, owner: TraderId | None) -> None:
        what = "venue_liquidation" if fill.liquidation else "foreign_fill"
        detail = (
            f"{fill.side} {fill.quantity} {fill.coin} at {fill.price} (trade {fill.trade_id}, "
            f"client order id {fill.client_order_id}) was ordered by no trader; "
            f"it is booked {'in the house' if owner is None else f'for {owner}, whose position it closed'}"
        )
        self._recorder.say(Incident(account=self.account, what=what, detail=detail, severity="critical"))

    def _reduces(self, intended: Intended, trader: TraderId) -> bool:
        """Whether an intent leaves the trader's position smaller, or is no order at all."""
        order = intended.envelope.action
        if type(order) is not Order:
            return True
        position = self._recorder.state.accounts[self.account].book.traders[trader].positions.get(order.coin)
        if position is None or position.is_long == (order.side == "buy"):
            return False
        return order.quantity <= abs(position.quantity)

    def _fault(self, intended: Intended, trader: TraderId) -> str | None:
        """What is wrong with an intent, found without anything the planner computed; ``None`` when nothing is."""
        order = intended.envelope.action
        if type(order) is not Order:
            return None
        mandate = self._mandates.get(trader)
        if mandate is None:
            return f"{trader} has no mandate on {self.account}"
        account = self._recorder.state.accounts[self.account]
        position = account.book.traders[trader].positions.get(order.coin)
        now_ms = self._recorder.clock.now_ms()
        return breach(
            order,
            cause=intended.cause,
            leverage=intended.leverage,
            trader=trader,
            held=ZERO if position is None else position.quantity,
            status=self._recorder.state.traders[trader].standing.status,
            instrument=self._instruments.get(order.coin),
            mandate=mandate,
            market=self._market(now_ms),
            now_ms=now_ms,
        )


def _place(fill: Fill) -> tuple[int, int, str]:
    """Where a fill stands among others: by time, then by the venue's numbering."""
    return fill.time_ms, len(fill.trade_id), fill.trade_id


def _liquidated(book: Book, fill: Fill) -> TraderId | None:
    """Whose position the venue has liquidated, where one trader alone holds the coin; ``None`` where that is not so."""
    holders = [account for account in book.accounts() if fill.coin in account.positions]
    if not fill.liquidation or len(holders) != 1 or holders[0].trader == HOUSE:
        return None
    left = holders[0].positions[fill.coin].quantity + fill.signed_quantity
    reduces = left == 0 or (left > 0) == (fill.side == "sell")
    return holders[0].trader if reduces else None
