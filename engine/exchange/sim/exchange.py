"""The simulated exchange: one venue account behind the same port as a real one."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal

from engine.clock import Clock
from engine.exchange.sim import margin, passage
from engine.exchange.sim.costs import MICRO, ZERO
from engine.exchange.sim.execution import follow
from engine.exchange.sim.intake import take
from engine.exchange.sim.ledger import Resting
from engine.exchange.sim.log import LINES_BETWEEN_COMPACTIONS, SimLog
from engine.exchange.sim.ports import SimMarket
from engine.exchange.sim.settings import SimSettings
from engine.exchange.sim.venue import Venue
from engine.manager.ports import Capabilities
from engine.model.instrument import Instrument
from engine.model.order import (
    Action,
    Envelope,
    Fill,
    FundingPayment,
    Order,
    OrderReport,
    SetLeverage,
    Side,
    VenueAccount,
    VenuePosition,
)


class SimExchange:
    """A venue account that exists here: satisfies ``ExchangeProvider``, and never suspends.

    With a ``folder`` everything is on disk before it is answered, and another object made with the same folder goes
    on where this one ended, however it ended; without one it lives in memory. Venue time is the clock's: before
    anything is answered, all that was due by then has happened. Raises ``SimLogFault`` when the folder cannot be
    used.
    """

    capabilities = Capabilities(bounded_acceptance=True, nonce_fence=True, trigger_orders=True, funding_late_ms=0)

    def __init__(
        self,
        account_id: str,
        market: SimMarket,
        instruments: Mapping[str, Instrument],
        settings: SimSettings,
        *,
        seed: int,
        clock: Clock,
        folder: Path | None = None,
        compact_after: int = LINES_BETWEEN_COMPACTIONS,
    ) -> None:
        log = None if folder is None else SimLog(folder, compact_after=compact_after)
        self.account_id = account_id
        self.instruments = instruments
        self._clock = clock
        self._durable = log is not None
        self._venue = Venue(account_id, market, instruments, settings, seed, log)
        self._ledger = self._venue.ledger
        self._nonce = max(self._ledger.nonces, default=0)
        self._validity_ms = settings.validity_ms
        self._open_account(settings)

    def prepare(self, action: Action, now_ms: int) -> Envelope:
        """Give the action its nonce and expiry."""
        self._nonce = nonce = max(now_ms, self._nonce + 1)
        return Envelope(action=action, nonce=nonce, expires_after_ms=now_ms + self._validity_ms)

    async def submit(self, envelope: Envelope) -> OrderReport:
        """Take the envelope; the answer is durable. What fills nothing at once and may not rest is rejected."""
        report = take(self._venue, envelope, self._catch_up())
        if self._durable:
            self._venue.sync()
        return report

    async def fence(self, envelope: Envelope) -> Literal["fenced", "consumed"] | None:
        """Use up the nonce of an envelope; ``consumed`` when it was used before."""
        now_ms = self._catch_up()
        if envelope.nonce in self._ledger.nonces:
            return "consumed"
        self._venue.commit(now_ms, nonce=envelope.nonce)
        self._venue.sync()
        return "fenced"

    async def find(self, client_order_id: str) -> OrderReport | None:
        """What became of an order; ``None`` for one that never came or came too late."""
        self._catch_up()
        return self._ledger.reports.get(client_order_id)

    async def fills(self, since_ms: int) -> Sequence[Fill]:
        """All fills at or after ``since_ms``, oldest first."""
        self._catch_up()
        return self._ledger.fills_since(since_ms)

    async def funding(self, since_ms: int) -> Sequence[FundingPayment]:
        """All funding bookings at or after ``since_ms``, oldest first."""
        self._catch_up()
        return self._ledger.funding_since(since_ms)

    async def account(self) -> VenueAccount:
        """The account as it stands now."""
        return self.snapshot()

    async def time(self) -> int:
        """The clock's time: the venue has no other."""
        return self._clock.now_ms()

    def advance(self, now_ms: int) -> None:
        """Let venue time pass: bars, triggers, resting orders, funding, liquidation, in the order of time.

        Played once: the same ``now_ms`` again does nothing. After a restart this plays what was missed.
        """
        passage.advance(self._venue, now_ms)

    def skip(self, now_ms: int) -> None:
        """Let venue time pass on the caller's word that nothing can have happened: faster than ``advance``.

        Allowed when nothing rests and, since ``liquidation_band`` was asked for, no mark left the band, no order was
        sent and no full hour has passed. The funding of one full hour up to ``now_ms`` is booked.
        """
        passage.skip(self._venue, now_ms)

    @property
    def has_resting(self) -> bool:
        """Whether any order waits for a price."""
        return bool(self._ledger.resting)

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held; then time passes without consequence unless something rests."""
        return not self._ledger.holdings

    def liquidation_band(self) -> Decimal | None:
        """By which fraction of its mark of now each coin may move, in any direction, without a liquidation.

        ``None`` when nothing is held. Never too large; holds until the next fill, transfer, change of leverage or
        funding.
        """
        if not self._ledger.holdings:
            return None
        marks = self._venue.refresh_marks(self._catch_up())
        return min(margin.band(pool, marks, self.instruments) for pool in margin.pools(self._ledger))

    def deposit(self, usd: Decimal) -> None:
        """Pay money in."""
        assert 0 < usd < Decimal("Infinity"), f"a deposit of {usd} USD"
        self._venue.commit(self._catch_up(), deposit_usd=usd)
        self._venue.sync()

    def manual_trade(self, coin: str, side: Side, quantity: Decimal) -> Fill:
        """Trade as a person at the venue's own screen would: a taker fill without a client order id, and no check."""
        now_ms = self._catch_up()
        venue, ledger = self._venue, self._ledger
        quote = venue.quote(coin, now_ms)
        assert quote is not None, f"{coin} has no price at {now_ms}"
        price = venue.costs.taken_price(quote.price, side, quantity, quote.bar_volume, self.instruments[coin])
        fill = Fill(
            trade_id=str(ledger.next_trade_id),
            order_id=ledger.next_order_id,
            client_order_id=None,
            coin=coin,
            side=side,
            quantity=quantity,
            price=price,
            fee_usd=venue.costs.fee_usd(quantity, price, "taker"),
            time_ms=max(now_ms, ledger.latest_ms),
        )
        changed, ended = follow(venue, coin, side, quantity, price, matched="")
        venue.commit(now_ms, fills=(fill,), rested=changed, reports=ended)
        venue.sync()
        return fill

    def refuse_next(self, code: str, detail: str = "") -> None:
        """Have the next order rejected with this code: for codes whose cause is not simulated."""
        self._venue.refusals.append((code, detail))

    def snapshot(self) -> VenueAccount:
        """The account as it stands now; margins are rounded up, what can be withdrawn down, to a micro-dollar."""
        now_ms = self._catch_up()
        ledger = self._ledger
        marks = self._venue.refresh_marks(now_ms)
        positions = tuple([self._position(coin, marks) for coin in ledger.holdings])
        maintenance = [margin.pool_maintenance_usd(pool, marks, self.instruments) for pool in margin.pools(ledger)]
        return VenueAccount(
            time_ms=now_ms,
            equity_usd=margin.account_value_usd(ledger, marks),
            margin_used_usd=sum([position.margin_used_usd for position in positions], ZERO),
            maintenance_usd=sum(maintenance, ZERO).quantize(MICRO, rounding="ROUND_CEILING"),
            withdrawable_usd=margin.withdrawable_usd(ledger, marks).quantize(MICRO, rounding="ROUND_FLOOR"),
            deposits_usd=ledger.deposits_usd,
            positions=positions,
            open_orders=tuple([_as_open(resting) for resting in ledger.resting.values()]),
        )

    def close(self) -> None:
        """Let go of the folder."""
        self._venue.close()

    def _position(self, coin: str, marks: margin.Marks) -> VenuePosition:
        holding = self._ledger.holdings[coin]
        worth = holding.size * marks[coin]
        used = holding.raw_usd + worth if holding.mode == "isolated" else abs(worth) / holding.leverage
        return VenuePosition(
            coin=coin,
            quantity=holding.size,
            entry_price=holding.entry_price,
            unrealized_usd=worth - holding.size * holding.entry_price,
            margin_used_usd=used.quantize(MICRO, rounding="ROUND_CEILING"),
            leverage=holding.leverage,
            mode=holding.mode,
            liquidation_price=margin.liquidation_price(self._ledger, coin, marks, self.instruments),
        )

    def _catch_up(self) -> int:
        """Let everything happen that is due by now; the time. Raises ``SimLogFault`` when the disk has failed."""
        now_ms = self._clock.now_ms()
        if now_ms > self._ledger.played_ms:
            passage.advance(self._venue, now_ms)
        elif self._durable:
            self._venue.sync()
        return now_ms

    def _open_account(self, settings: SimSettings) -> None:
        """Give the account its money on the very first start, and every coin its leverage.

        The money comes first: a start that is cut off before it is the first one still.
        """
        venue, ledger = self._venue, self._ledger
        first = ledger.number == 0
        now_ms = self._clock.now_ms()
        if first:
            ledger.played_ms = now_ms
            if settings.initial_balance_usd:
                venue.commit(now_ms, deposit_usd=settings.initial_balance_usd)
        for coin, instrument in self.instruments.items():
            if coin not in ledger.leverages:
                leverage = min(settings.leverage, instrument.max_leverage)
                terms = SetLeverage(coin=coin, leverage=leverage, mode=settings.margin_mode)
                venue.commit(ledger.played_ms, leverage=terms)
        venue.sync()


def _as_open(resting: Resting) -> Order:
    """The order with what is left of it as its quantity."""
    order = resting.order
    return Order(
        client_order_id=order.client_order_id,
        coin=order.coin,
        side=order.side,
        quantity=resting.remaining,
        style=order.style,
        limit_price=order.limit_price,
        trigger_price=order.trigger_price,
        reduce_only=order.reduce_only,
        expires_ms=order.expires_ms,
    )
