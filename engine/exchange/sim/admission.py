"""Why the simulated venue refuses an order before it looks for a counterparty: Hyperliquid's codes and sentences."""

from decimal import Decimal

from engine.exchange.sim.costs import ZERO
from engine.model.instrument import Instrument
from engine.model.order import Order, Rejected, Side

FURTHEST = Decimal("0.95")  # of the mark: a limit further away is refused
MOST = Decimal(10**15)  # of a size or a price: more cannot be an honest number
_STEPS = tuple(Decimal(1).scaleb(-places) for places in range(13))
TRIGGERS = ("stop_market", "take_profit_market")

SENTENCES = {
    "Tick": "Price must be divisible by tick size.",
    "InvalidPrice": "Order has invalid price.",
    "InvalidSize": "Order has invalid size.",
    "MinTradeNtl": "Order must have minimum value of $10.",
    "PerpMargin": "Insufficient margin to place order.",
    "ReduceOnly": "Reduce only order would increase position.",
    "BadAloPx": "Post only order would have immediately matched, bbo was {bid} @ {ask}.",
    "IocCancel": "Order could not immediately match against any resting orders.",
    "BadTriggerPx": "Invalid TP/SL price.",
    "MarketOrderNoLiquidity": "No liquidity available for market order.",
    "Oracle": "Order price cannot be more than 95% away from the reference price",
    "PerpMaxPosition": "Order would cause position to exceed margin tier limit at current leverage",
    "PositionIncreaseAtOpenInterestCap": "Order would increase open interest while open interest is capped",
    "PositionFlipAtOpenInterestCap": "Order would flip position while open interest is capped",
    "MissingOrder": "Order was never placed, already canceled, or filled.",
    "UnknownAsset": "Unknown asset {coin}",
    "InvalidNonce": "Invalid nonce: {why}",
    "Expired": "Action already expired",
    "InvalidLeverage": "Invalid leverage value",
    "LeverageSwitch": "Cannot switch leverage type with open position.",
    "LeverageMargin": "{mode} position does not have sufficient margin available to decrease leverage.",
}


def rejected(code: str, asset: int | None = None, **details: object) -> Rejected:
    """A refusal in the venue's own words; ``asset`` is the number of the coin where the venue names it."""
    sentence = SENTENCES[code].format(**details)
    return Rejected(code=code, detail=sentence if asset is None else f"{sentence} asset={asset}")


def fault(order: Order, instrument: Instrument, mark: Decimal, held: Decimal) -> str | None:
    """The code of what is wrong with an order in itself; ``None`` when it may go on.

    ``held`` is the net size of the account in this coin. An order that only reduces it may be smaller than the minimum.
    """
    quantity = order.quantity
    limit = order.limit_price
    if not quantity.is_finite() or not ZERO < quantity < MOST or quantity % instrument.lot:
        return "InvalidSize"
    if not limit.is_finite() or not ZERO < limit < MOST:
        return "InvalidPrice"
    if not _on_grid(limit, instrument):
        return "Tick"
    reference = mark if order.style == "market_ioc" else limit
    if order.style in TRIGGERS:
        trigger = order.trigger_price
        if trigger is None or not trigger.is_finite() or not 0 < trigger < MOST:
            return "BadTriggerPx"
        if not _on_grid(trigger, instrument):
            return "Tick"
        if (trigger >= mark) if fires_when_falling(order) else (trigger <= mark):
            return "BadTriggerPx"
        reference = trigger
    if (held < 0) if order.side == "buy" else (held > 0):
        reduces = order.reduce_only or quantity <= abs(held)
    elif order.reduce_only:
        return "ReduceOnly"
    else:
        reduces = False
    if not reduces and quantity * reference < instrument.min_notional_usd:
        return "MinTradeNtl"
    return "Oracle" if abs(limit - mark) > FURTHEST * mark else None


def _on_grid(price: Decimal, instrument: Instrument) -> bool:
    """At most so many significant figures and decimals, or whole. Source: Hyperliquid, "Tick and lot size"."""
    places = instrument.significant_figures - 1 - price.adjusted()
    if places > instrument.max_price_decimals:
        places = instrument.max_price_decimals
    return not price % _STEPS[places if places > 0 else 0]


def fires_when_falling(order: Order) -> bool:
    """Whether an order waits for a lower price: bids, stops of longs, targets of shorts."""
    return (order.side == "buy") != (order.style == "stop_market")


def exposure_after(held: Decimal, signed_quantity: Decimal) -> tuple[Decimal, bool, bool]:
    """The size after a trade, whether it adds exposure (grows or flips), and whether it flips."""
    if not held:
        return signed_quantity, True, False
    after = held + signed_quantity
    flips = after != ZERO and (after > 0) != (held > 0)
    return after, flips or abs(after) > abs(held), flips


def is_worse(price: Decimal, limit: Decimal, side: Side) -> bool:
    """Whether a price is worse than a limit for whoever trades on this side."""
    return price > limit if side == "buy" else price < limit
