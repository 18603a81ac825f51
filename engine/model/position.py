"""Positions: signed quantity and exact cost of one coin, and what fills, marks and margin rules make of them."""

from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from engine.model.instrument import Instrument, maintenance_lines, maintenance_margin_usd
from engine.model.order import MarginMode

ZERO = Decimal(0)
CENT_OF_A_MICRO = Decimal("1E-8")  # the quantum of money in the ledger, USD


class Position(Struct, frozen=True, kw_only=True, gc=False):
    """One coin held by one account. ``quantity`` is signed (short is negative), ``cost_usd`` = quantity x entry price.

    The cost is kept instead of the entry price because sums of fills are exact and quotients are not: whatever a
    partial close takes out of the cost is realised, the rest stays, and the two always add up.
    """

    coin: str
    quantity: Decimal
    cost_usd: Decimal
    leverage: int
    mode: MarginMode = "cross"
    opened_ms: int = 0

    @property
    def entry_price(self) -> Decimal:
        """Average price of what is still held, USD a coin."""
        return self.cost_usd / self.quantity

    @property
    def is_long(self) -> bool:
        """Whether the position gains when the price rises."""
        return self.quantity > 0


def apply_fill(
    position: Position | None,
    *,
    coin: str,
    signed_quantity: Decimal,
    price: Decimal,
    time_ms: int,
    leverage: int,
    mode: MarginMode = "cross",
) -> tuple[Position | None, Decimal]:
    """The position after a fill (``None`` when flat) and the profit it realised in USD, fees excluded.

    A fill in the direction of the position averages the entry; against it, it closes at the fill price first, and what
    is left opens the other side at the fill price with a lifetime of its own. ``signed_quantity`` is never zero.
    """
    assert signed_quantity, f"a fill of no {coin} at {price}"
    if position is None:
        opened = Position(
            coin=coin,
            quantity=signed_quantity,
            cost_usd=signed_quantity * price,
            leverage=leverage,
            mode=mode,
            opened_ms=time_ms,
        )
        return opened, ZERO
    held = position.quantity
    after = held + signed_quantity
    if (held > 0) == (signed_quantity > 0):
        grown = Position(
            coin=coin,
            quantity=after,
            cost_usd=position.cost_usd + signed_quantity * price,
            leverage=leverage,
            mode=mode,
            opened_ms=position.opened_ms,
        )
        return grown, ZERO
    if after == 0 or (after > 0) != (held > 0):
        realized = held * price - position.cost_usd
        if after == 0:
            return None, realized
        flipped = Position(
            coin=coin, quantity=after, cost_usd=after * price, leverage=leverage, mode=mode, opened_ms=time_ms
        )
        return flipped, realized
    closed = -signed_quantity
    cost_closed = (position.cost_usd * closed / held).quantize(CENT_OF_A_MICRO, rounding=ROUND_HALF_EVEN)
    shrunk = Position(
        coin=coin,
        quantity=after,
        cost_usd=position.cost_usd - cost_closed,
        leverage=position.leverage,
        mode=position.mode,
        opened_ms=position.opened_ms,
    )
    return shrunk, closed * price - cost_closed


def notional_usd(position: Position, mark: Decimal) -> Decimal:
    """Absolute value of the position at the mark, USD."""
    return abs(position.quantity) * mark


def unrealized_usd(position: Position, mark: Decimal) -> Decimal:
    """What closing at the mark would realise, fees excluded: quantity x mark - cost."""
    return position.quantity * mark - position.cost_usd


def initial_margin_usd(position: Position, mark: Decimal) -> Decimal:
    """Margin that the position ties up: at the mark when crossed, at its entry when isolated."""
    if position.mode == "cross":
        return abs(position.quantity) * mark / position.leverage
    return abs(position.cost_usd) / position.leverage


def maintenance_usd(position: Position, mark: Decimal, instrument: Instrument) -> Decimal:
    """Margin below which the venue would liquidate the position."""
    return maintenance_margin_usd(notional_usd(position, mark), instrument.tiers)


def is_isolated_position_liquidated(position: Position, mark: Decimal, instrument: Instrument) -> bool:
    """Whether an isolated position has lost so much that its own margin no longer covers maintenance."""
    own = initial_margin_usd(position, mark) + unrealized_usd(position, mark)
    return own < maintenance_usd(position, mark, instrument)


def liquidation_price(
    position: Position, mark: Decimal, instrument: Instrument, backing_usd: Decimal
) -> Decimal | None:
    """The mark at which the position would be liquidated when nothing else moves; ``None`` when no price above 0 is it.

    ``backing_usd`` is what stands behind the position at ``mark`` beyond all maintenance margin, that of the position
    included (``cross_backing_usd``); for an isolated position it is ignored and derived from its own margin.
    Source: Hyperliquid, "Liquidations": price - side * backing / size / (1 - rate * side), the rate being that of the
    tier in which the position lies at the price looked for. Every tier gives a candidate; as the highest of the tiers'
    lines counts, the candidate that is met first does.
    """
    quantity = position.quantity
    size = abs(quantity)
    maintenance = maintenance_usd(position, mark, instrument)
    if position.mode == "isolated":
        backing_usd = initial_margin_usd(position, mark) + unrealized_usd(position, mark) - maintenance
    owed = quantity * mark - backing_usd - maintenance  # by the account, were the price 0
    met = [(owed - less) / (quantity - size * rate) for rate, less in maintenance_lines(instrument.tiers)]
    price = max(met) if quantity > 0 else min(met)
    return price if price > 0 else None
