"""The simulated venue's own account, as a fold of changes: what it holds, what rests, what it ever answered.

The algebra is that of Hyperliquid's ``clearinghouseState``: per coin a signed size and an entry price, and raw USD,
which a purchase takes from and a sale adds to, so that account value = raw USD + sum of size x mark. It shares
nothing with the books of the engine, whose judge it is. Everything is exact; the only roundings are those of fees,
funding and isolated margin, each to a millionth of a dollar.
"""

from bisect import bisect_left, insort
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct

from engine.exchange.sim.costs import MICRO, ZERO
from engine.model.order import Accepted, Fill, FundingPayment, MarginMode, Order, OrderReport, SetLeverage

HISTORY = (
    10_000  # fills, funding bookings and orders that are still told after a compaction, as many as the venue keeps
)
NONCES = 100  # the highest nonces of a signer that the venue remembers


class Resting(Struct, frozen=True, kw_only=True, gc=False):
    """An order that waits. ``placed_ms`` is when it was sent: a bar that opened earlier moved partly without it."""

    order: Order
    order_id: int
    remaining: Decimal
    filled: Decimal = ZERO
    placed_ms: int


class Holding(Struct, kw_only=True, gc=False):
    """The net position of one coin. ``size`` is signed; ``raw_usd`` is the isolated position's own raw USD, else 0.

    ``entry_price`` averages increases only. ``grown_ms`` is when it was last opened, flipped or increased.
    """

    size: Decimal
    entry_price: Decimal
    leverage: int
    mode: MarginMode
    raw_usd: Decimal = ZERO
    grown_ms: int = 0


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What happened to the account at once: all of it or nothing. One line of the log.

    ``at_ms`` is when it happened, ``played_ms`` how far the bars have been played. ``reports`` are what the venue now
    says about orders; an order that does not rest any more is taken out of those that do.
    """

    number: int
    at_ms: int
    played_ms: int
    nonce: int = 0
    deposit_usd: Decimal = ZERO
    leverage: SetLeverage | None = None
    fills: tuple[Fill, ...] = ()
    funding: tuple[FundingPayment, ...] = ()
    rested: tuple[Resting, ...] = ()
    reports: tuple[tuple[str, OrderReport], ...] = ()


class Ledger(Struct, kw_only=True):
    """The account. Changed by ``apply`` alone, except for ``played_ms``, which moves when nothing happened in a bar.

    ``raw_usd`` is cash and the cost of everything held on cross margin. ``latest_ms`` never decreases, so that fills
    and funding stay in the order of time. ``nonces`` are the highest ones used, in order.
    """

    number: int = 0
    played_ms: int = 0
    latest_ms: int = 0
    raw_usd: Decimal = ZERO
    deposits_usd: Decimal = ZERO
    next_order_id: int
    next_trade_id: int
    holdings: dict[str, Holding] = {}
    leverages: dict[str, SetLeverage] = {}
    resting: dict[str, Resting] = {}
    reports: dict[str, OrderReport] = {}
    fills: list[Fill] = []
    fill_times: list[int] = []
    funding: list[FundingPayment] = []
    funding_times: list[int] = []
    nonces: list[int] = []

    def apply(self, change: Change) -> None:
        """Take a change into the account."""
        self.number = change.number
        self.played_ms = change.played_ms
        if change.at_ms > self.latest_ms:
            self.latest_ms = change.at_ms
        if change.nonce:
            self._remember(change.nonce)
        for fill in change.fills:
            self._book(fill, change.at_ms)
        if change.rested:
            for resting in change.rested:
                self.resting[resting.order.client_order_id] = resting
                self.next_order_id = max(self.next_order_id, resting.order_id + 1)
        for client_order_id, report in change.reports:
            self.reports[client_order_id] = report
            if self.resting and not (type(report) is Accepted and report.resting):
                self.resting.pop(client_order_id, None)
        if change.funding:
            for payment in change.funding:
                self._fund(payment)
        if change.leverage is not None:
            self._set_leverage(change.leverage)
        if change.deposit_usd:
            self.raw_usd += change.deposit_usd
            self.deposits_usd += change.deposit_usd

    def fills_since(self, since_ms: int) -> list[Fill]:
        """Fills at or after the instant, oldest first."""
        return self.fills[bisect_left(self.fill_times, since_ms) :]

    def funding_since(self, since_ms: int) -> list[FundingPayment]:
        """Funding bookings at or after the instant, oldest first."""
        return self.funding[bisect_left(self.funding_times, since_ms) :]

    def forget(self) -> None:
        """Drop the oldest fills, funding bookings and ended orders beyond what the venue tells about."""
        del self.fills[:-HISTORY], self.fill_times[:-HISTORY], self.funding[:-HISTORY], self.funding_times[:-HISTORY]
        ended = [name for name in self.reports if name not in self.resting]
        for name in ended[:-HISTORY]:
            del self.reports[name]

    def _remember(self, nonce: int) -> None:
        nonces = self.nonces
        if not nonces or nonce > nonces[-1]:
            nonces.append(nonce)
        else:
            insort(nonces, nonce)
        if len(nonces) > NONCES:
            del nonces[0]

    def _book(self, fill: Fill, at_ms: int) -> None:
        self.fills.append(fill)
        self.fill_times.append(fill.time_ms)
        if fill.time_ms > self.latest_ms:
            self.latest_ms = fill.time_ms
        if fill.order_id >= self.next_order_id:
            self.next_order_id = fill.order_id + 1
        self.next_trade_id = int(fill.trade_id) + 1
        coin = fill.coin
        price = fill.price
        bought = fill.quantity if fill.side == "buy" else -fill.quantity
        self.raw_usd -= fill.fee_usd
        holding = self.holdings.get(coin)
        if holding is None:
            terms = self.leverages[coin]
            self.holdings[coin] = holding = Holding(
                size=bought, entry_price=price, leverage=terms.leverage, mode=terms.mode, grown_ms=at_ms
            )
            if holding.mode == "isolated":
                self._isolate(holding, bought, price)
            else:
                self.raw_usd -= bought * price
            return
        held = holding.size
        after = held + bought
        if holding.mode == "isolated":
            self._trade_isolated(holding, bought, price)
        else:
            self.raw_usd -= bought * price
        if not after:
            del self.holdings[coin]
            return
        holding.size = after
        if (held > 0) == (bought > 0):
            holding.entry_price = (held * holding.entry_price + bought * price) / after
            holding.grown_ms = at_ms
        elif (after > 0) != (held > 0):
            holding.entry_price = price
            holding.grown_ms = at_ms

    def _isolate(self, holding: Holding, bought: Decimal, price: Decimal) -> None:
        """Buy into an isolated position: its initial margin, rounded up, moves over from the account."""
        margin = (abs(bought) * price / holding.leverage).quantize(MICRO, rounding=ROUND_CEILING)
        holding.raw_usd += margin - bought * price
        self.raw_usd -= margin

    def _trade_isolated(self, holding: Holding, bought: Decimal, price: Decimal) -> None:
        """Increase, reduce, close or flip; a reduction frees its share of the equity at the fill, rounded down."""
        held = holding.size
        if (held > 0) == (bought > 0):
            self._isolate(holding, bought, price)
        elif abs(bought) < abs(held):
            equity = holding.raw_usd + held * price
            freed = max(ZERO, equity * -bought / held).quantize(MICRO, rounding=ROUND_FLOOR)
            holding.raw_usd -= bought * price + freed
            self.raw_usd += freed
        else:
            self.raw_usd += holding.raw_usd + held * price
            holding.raw_usd = ZERO
            if held + bought:
                self._isolate(holding, held + bought, price)

    def _fund(self, payment: FundingPayment) -> None:
        self.funding.append(payment)
        self.funding_times.append(payment.time_ms)
        self.latest_ms = max(self.latest_ms, payment.time_ms)
        holding = self.holdings[payment.coin]
        if holding.mode == "isolated":
            holding.raw_usd += payment.usd
        else:
            self.raw_usd += payment.usd

    def _set_leverage(self, terms: SetLeverage) -> None:
        self.leverages[terms.coin] = terms
        holding = self.holdings.get(terms.coin)
        if holding is not None:
            holding.leverage = terms.leverage
