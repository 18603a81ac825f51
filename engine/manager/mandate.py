"""Mandates: what a trader may send at most, judged at the door without anything that the planner computed."""

from decimal import Decimal

from msgspec import Struct

from engine.executor.limits import Limits
from engine.manager.record import Cause
from engine.model.ids import TraderId
from engine.model.instrument import Instrument
from engine.model.market import MarketSnapshot
from engine.model.order import Order
from engine.model.position import ZERO

PRICE_SANITY = Decimal("0.2")  # no order may be limited further from the last mark than this


class Mandate(Struct, frozen=True, kw_only=True, gc=False):
    """What the configuration lets one trader do: in which coins it may hold anything, and within which limits."""

    coins: tuple[str, ...]
    limits: Limits


def breach(
    order: Order,
    *,
    cause: Cause,
    leverage: int,
    trader: TraderId,
    held: Decimal,
    status: str,
    instrument: Instrument | None,
    mandate: Mandate,
    market: MarketSnapshot,
    now_ms: int,
) -> str | None:
    """What is wrong with an order of a trader that holds ``held`` coins (signed); ``None`` when nothing is.

    An order may always reduce the trader's own position; what it adds must be allowed to a running trader in that coin,
    by a fresh mark, and keep the position within the caps. What is missing or no number is a breach.
    """
    mark = market.marks[order.coin]
    if instrument is None or mark is None:
        return f"{order.coin} has no {'instrument' if instrument is None else 'mark'}"
    if not (order.quantity.is_finite() and order.limit_price.is_finite() and mark.is_finite()):
        return f"quantity {order.quantity}, limit {order.limit_price}, mark {mark}: not all finite"
    if order.limit_price <= ZERO or mark <= ZERO:
        return f"limit {order.limit_price}, mark {mark}: not both are prices"
    if order.quantity <= ZERO or order.quantity % instrument.lot:
        return f"quantity {order.quantity} is not a positive multiple of the lot {instrument.lot}"
    if abs(order.limit_price - mark) > PRICE_SANITY * mark:
        return f"limit {order.limit_price} is more than {PRICE_SANITY:%} away from the mark {mark}"
    after = held + order.quantity if order.side == "buy" else held - order.quantity
    if abs(after) <= abs(held) and (not after or (after > 0) == (held > 0)):
        return None
    if cause != "decision":
        return f"an order caused by {cause} would leave {after} {order.coin} from {held}: it may only reduce"
    if status != "running":
        return f"{trader} is {status}: its positions may only shrink"
    if order.coin not in mandate.coins:
        return f"{order.coin} is not among the coins of {trader}: {', '.join(mandate.coins)}"
    limits = mandate.limits
    price = market.price(order.coin)
    if price is None or not abs(now_ms - price.price_ms) <= limits.max_snapshot_age_ms:
        age = "unknown" if price is None else f"{now_ms - price.price_ms} ms"
        return f"the age of the mark of {order.coin} is {age}, {limits.max_snapshot_age_ms} ms are allowed"
    if leverage > min(limits.leverage_cap(order.coin), instrument.max_leverage) or leverage < 1:
        return f"leverage {leverage} on {order.coin} is outside 1 to {limits.leverage_cap(order.coin)}"
    notional = abs(after) * min(mark, order.limit_price)
    if notional > limits.max_position_size_usd:
        return f"the position would be {notional:.2f} USD, the cap is {limits.max_position_size_usd} USD"
    return None
