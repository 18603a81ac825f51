"""Trades: round trips folded out of fills, from flat to flat."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

from msgspec import Struct

from engine.model.order import Fill
from engine.model.position import CENT_OF_A_MICRO, ZERO

CloseReason = Literal["decision", "stop_loss", "take_profit", "liquidation", "operator"]


class Trade(Struct, frozen=True, kw_only=True, gc=False):
    """One completed round trip of one trader in one coin; ``quantity`` is signed (short is negative), money in USD.

    Notionals are those of all entries and of all exits, unsigned. Funding is a line of its own. ``reason`` is that of
    the last exit; ``reasons_before`` are those of the parts that were closed earlier, each once. ``most_held`` is the
    largest size it had, unsigned; where nothing was added after a part was closed, that is its quantity.
    """

    coin: str
    quantity: Decimal
    entry_notional_usd: Decimal
    exit_notional_usd: Decimal
    entry_ms: int
    exit_ms: int
    entry_fee_usd: Decimal
    exit_fee_usd: Decimal
    funding_usd: Decimal
    leverage: int
    entry_order_id: int
    exit_order_id: int
    entry_trade_id: str
    exit_trade_id: str
    entry_crossed: bool
    exit_crossed: bool
    liquidation: bool
    reason: CloseReason
    reasons_before: tuple[CloseReason, ...] = ()
    most_held: Decimal = ZERO

    @property
    def trade_id(self) -> str:
        """Named by the fills that began and ended it."""
        return f"{self.entry_trade_id}-{self.exit_trade_id}"

    @property
    def entry_price(self) -> Decimal:
        """Average price of the entries, USD a coin."""
        return self.entry_notional_usd / abs(self.quantity)

    @property
    def exit_price(self) -> Decimal:
        """Average price of the exits, USD a coin."""
        return self.exit_notional_usd / abs(self.quantity)

    @property
    def gross_usd(self) -> Decimal:
        """What the move of the price earned: exit notional - entry notional, the other way round for a short."""
        moved = self.exit_notional_usd - self.entry_notional_usd
        return moved if self.quantity > ZERO else -moved

    @property
    def net_usd(self) -> Decimal:
        """Profit after the fees of entries and exits, before funding, as nof1 counts it."""
        return self.gross_usd - self.entry_fee_usd - self.exit_fee_usd


class Trip(Struct, frozen=True, kw_only=True, gc=False):
    """A round trip that is still under way: sums of its entries and exits so far; quantities signed by direction.

    ``exit_reasons`` are those of its exits so far, each once, ``most_held`` the largest size it had.
    """

    coin: str
    direction: int
    entry_ms: int
    entry_quantity: Decimal
    entry_notional_usd: Decimal
    entry_fee_usd: Decimal
    exit_quantity: Decimal
    exit_notional_usd: Decimal
    exit_fee_usd: Decimal
    funding_usd: Decimal
    leverage: int
    entry_order_id: int
    entry_trade_id: str
    entry_crossed: bool
    exit_reasons: tuple[CloseReason, ...] = ()
    most_held: Decimal = ZERO


def follow(trip: Trip | None, fill: Fill, leverage: int, reason: CloseReason) -> tuple[Trip | None, Trade | None]:
    """The trip after a fill (``None`` when flat), and the trade if the fill completed one.

    A fill that flips completes the trade with the part that closes and starts the next with the rest; its fee is
    shared by quantity in the ledger's quantum, the remainder of rounding going to the new trip, so that fees add up.
    """
    direction = 1 if fill.side == "buy" else -1
    if trip is None:
        return _entered(fill, direction, fill.quantity, fill.fee_usd, leverage), None
    if trip.direction == direction:
        held = trip.entry_quantity + fill.quantity - trip.exit_quantity
        grown = Trip(
            coin=trip.coin,
            direction=direction,
            entry_ms=trip.entry_ms,
            entry_quantity=trip.entry_quantity + fill.quantity,
            entry_notional_usd=trip.entry_notional_usd + fill.quantity * fill.price,
            entry_fee_usd=trip.entry_fee_usd + fill.fee_usd,
            exit_quantity=trip.exit_quantity,
            exit_notional_usd=trip.exit_notional_usd,
            exit_fee_usd=trip.exit_fee_usd,
            funding_usd=trip.funding_usd,
            leverage=leverage,
            entry_order_id=trip.entry_order_id,
            entry_trade_id=trip.entry_trade_id,
            entry_crossed=trip.entry_crossed,
            exit_reasons=trip.exit_reasons,
            most_held=held if held > trip.most_held else trip.most_held,
        )
        return grown, None
    left = trip.entry_quantity - trip.exit_quantity
    if fill.quantity < left:
        return _reduced(trip, fill, reason), None
    if fill.quantity == left:
        return None, _completed(trip, fill, left, fill.fee_usd, reason)
    closing_fee = (fill.fee_usd * left / fill.quantity).quantize(CENT_OF_A_MICRO, rounding=ROUND_HALF_EVEN)
    opening_fee = fill.fee_usd - closing_fee
    trade = _completed(trip, fill, left, closing_fee, reason)
    return _entered(fill, direction, fill.quantity - left, opening_fee, leverage), trade


def with_trip_funding(trip: Trip, usd: Decimal) -> Trip:
    """The trip after funding was received (positive) or paid on its position."""
    return Trip(
        coin=trip.coin,
        direction=trip.direction,
        entry_ms=trip.entry_ms,
        entry_quantity=trip.entry_quantity,
        entry_notional_usd=trip.entry_notional_usd,
        entry_fee_usd=trip.entry_fee_usd,
        exit_quantity=trip.exit_quantity,
        exit_notional_usd=trip.exit_notional_usd,
        exit_fee_usd=trip.exit_fee_usd,
        funding_usd=trip.funding_usd + usd,
        leverage=trip.leverage,
        entry_order_id=trip.entry_order_id,
        entry_trade_id=trip.entry_trade_id,
        entry_crossed=trip.entry_crossed,
        exit_reasons=trip.exit_reasons,
        most_held=trip.most_held,
    )


def _entered(fill: Fill, direction: int, quantity: Decimal, fee_usd: Decimal, leverage: int) -> Trip:
    return Trip(
        coin=fill.coin,
        direction=direction,
        entry_ms=fill.time_ms,
        entry_quantity=quantity,
        entry_notional_usd=quantity * fill.price,
        entry_fee_usd=fee_usd,
        exit_quantity=ZERO,
        exit_notional_usd=ZERO,
        exit_fee_usd=ZERO,
        funding_usd=ZERO,
        leverage=leverage,
        entry_order_id=fill.order_id,
        entry_trade_id=fill.trade_id,
        entry_crossed=fill.liquidity == "taker",
        most_held=quantity,
    )


def _reduced(trip: Trip, fill: Fill, reason: CloseReason) -> Trip:
    known = trip.exit_reasons
    return Trip(
        coin=trip.coin,
        direction=trip.direction,
        entry_ms=trip.entry_ms,
        entry_quantity=trip.entry_quantity,
        entry_notional_usd=trip.entry_notional_usd,
        entry_fee_usd=trip.entry_fee_usd,
        exit_quantity=trip.exit_quantity + fill.quantity,
        exit_notional_usd=trip.exit_notional_usd + fill.quantity * fill.price,
        exit_fee_usd=trip.exit_fee_usd + fill.fee_usd,
        funding_usd=trip.funding_usd,
        leverage=trip.leverage,
        entry_order_id=trip.entry_order_id,
        entry_trade_id=trip.entry_trade_id,
        entry_crossed=trip.entry_crossed,
        exit_reasons=known if reason in known else (*known, reason),
        most_held=trip.most_held,
    )


def _completed(trip: Trip, fill: Fill, quantity: Decimal, fee_usd: Decimal, reason: CloseReason) -> Trade:
    return Trade(
        coin=trip.coin,
        quantity=trip.entry_quantity if trip.direction > 0 else -trip.entry_quantity,
        entry_notional_usd=trip.entry_notional_usd,
        exit_notional_usd=trip.exit_notional_usd + quantity * fill.price,
        entry_ms=trip.entry_ms,
        exit_ms=fill.time_ms,
        entry_fee_usd=trip.entry_fee_usd,
        exit_fee_usd=trip.exit_fee_usd + fee_usd,
        funding_usd=trip.funding_usd,
        leverage=trip.leverage,
        entry_order_id=trip.entry_order_id,
        exit_order_id=fill.order_id,
        entry_trade_id=trip.entry_trade_id,
        exit_trade_id=fill.trade_id,
        entry_crossed=trip.entry_crossed,
        exit_crossed=fill.liquidity == "taker",
        liquidation=fill.liquidation or reason == "liquidation",
        reason=reason,
        reasons_before=trip.exit_reasons,
        most_held=trip.most_held,
    )
