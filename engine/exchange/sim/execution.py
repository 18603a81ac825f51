"""How an order becomes a fill: whether the account can bear it, and what it does to the orders that rest."""

from decimal import ROUND_CEILING, Decimal

from engine.exchange.sim.admission import TRIGGERS, exposure_after, is_worse
from engine.exchange.sim.costs import MICRO, ZERO
from engine.exchange.sim.ledger import Resting
from engine.exchange.sim.margin import cross_initial_usd, cross_value_usd
from engine.exchange.sim.venue import Venue
from engine.model.instrument import tier_at
from engine.model.order import Accepted, Canceled, Fill, Liquidity, Order, OrderReport, Side

Follow = tuple[tuple[Resting, ...], tuple[tuple[str, OrderReport], ...]]


def held(venue: Venue, coin: str) -> Decimal:
    """The signed net size of the account in a coin."""
    holding = venue.ledger.holdings.get(coin)
    return ZERO if holding is None else holding.size


def bearable(venue: Venue, coin: str, signed_quantity: Decimal, price: Decimal, fee_usd: Decimal) -> str | None:
    """The code of why the account cannot take on a trade; ``None`` when it can. What only reduces can always be done.

    After the trade, account value must cover the initial margin of every cross position at the marks; an isolated
    position's margin and the fee must fit into what is free before. Reads the marks as they stand.
    """
    ledger = venue.ledger
    holding = ledger.holdings.get(coin)
    after, adds, flips = exposure_after(ZERO if holding is None else holding.size, signed_quantity)
    if not adds:
        return None
    if coin in venue.settings.capped_coins:
        return "PositionFlipAtOpenInterestCap" if flips else "PositionIncreaseAtOpenInterestCap"
    mark = venue.marks[coin]
    own = ledger.leverages[coin]
    tiers = venue.instruments[coin].tiers
    if len(tiers) > 1 and tier_at(abs(after) * mark, tiers).max_leverage < own.leverage:
        return "PerpMaxPosition"
    if own.mode == "isolated":
        return _isolated_bearable(venue, coin, signed_quantity, price, fee_usd)
    worth = after * mark
    value = ledger.raw_usd - signed_quantity * price - fee_usd + worth
    notional = abs(worth)
    marks = venue.marks
    for name, other in ledger.holdings.items():
        if name != coin and other.mode == "cross":
            worth = other.size * marks[name]
            value += worth
            notional += abs(worth)
    if value >= notional:  # leverage is at least 1, so that margin cannot be more
        return None
    needed = abs(after) * mark / own.leverage
    for name, other in ledger.holdings.items():
        if name != coin and other.mode == "cross":
            needed += abs(other.size) * marks[name] / other.leverage
    return "PerpMargin" if value < needed else None


def _isolated_bearable(
    venue: Venue, coin: str, signed_quantity: Decimal, price: Decimal, fee_usd: Decimal
) -> str | None:
    ledger = venue.ledger
    marks = venue.marks
    free = cross_value_usd(ledger, marks) - cross_initial_usd(ledger, marks)
    added = signed_quantity
    holding = ledger.holdings.get(coin)
    if holding is not None and (holding.size > 0) != (signed_quantity > 0):
        free += holding.raw_usd + holding.size * price
        added = holding.size + signed_quantity
    margin = (abs(added) * price / ledger.leverages[coin].leverage).quantize(MICRO, rounding=ROUND_CEILING)
    return "PerpMargin" if free < margin + fee_usd else None


def follow(venue: Venue, coin: str, side: Side, quantity: Decimal, price: Decimal, *, matched: str) -> Follow:
    """What a fill does to the account's other resting orders in this coin: those that changed, and the ends of others.

    Reduce-only orders shrink with the position and end as ``reduceOnlyCanceled`` when nothing is left to reduce; an
    own order that the fill would have traded with ends as ``selfTradeCanceled``, as at Hyperliquid. ``matched`` is
    the client order id of the order that was filled; it is left alone.
    """
    after = held(venue, coin) + (quantity if side == "buy" else -quantity)
    changed: list[Resting] = []
    ended: list[tuple[str, OrderReport]] = []
    for name, resting in venue.ledger.resting.items():
        order = resting.order
        if order.coin != coin or name == matched:
            continue
        if order.reduce_only:
            room = max(ZERO, -after if order.side == "buy" else after)
            if not room:
                ended.append((name, canceled(resting, "reduceOnlyCanceled")))
            elif room < resting.remaining:
                changed.append(with_remaining(resting, room))
        elif order.side != side and order.style not in TRIGGERS and not is_worse(order.limit_price, price, side):
            ended.append((name, canceled(resting, "selfTradeCanceled")))
    return tuple(changed), tuple(ended)


def with_remaining(resting: Resting, remaining: Decimal, filled: Decimal | None = None) -> Resting:
    """The same resting order with another rest."""
    return Resting(
        order=resting.order,
        order_id=resting.order_id,
        remaining=remaining,
        filled=resting.filled if filled is None else filled,
        placed_ms=resting.placed_ms,
    )


def canceled(resting: Resting, reason: str) -> Canceled:
    """The end of a resting order; ``reason`` is the venue's own word."""
    return Canceled(order_id=resting.order_id, reason=reason, filled_quantity=resting.filled)


def match_resting(venue: Venue, resting: Resting, price: Decimal, bar_volume: float, at_ms: int) -> None:
    """Execute a resting order that the market has reached at ``price``.

    A limit order is filled at its limit as a maker; what the bar's volume does not cover goes on resting. A trigger
    order takes from the market at ``price`` moved by spread and impact; what is not covered then ends with it.
    """
    order = resting.order
    coin = order.coin
    instrument = venue.instruments[coin]
    wanted = resting.remaining
    if order.reduce_only:
        size = held(venue, coin)
        wanted = min(wanted, max(ZERO, -size if order.side == "buy" else size))
        if not wanted:
            _end(venue, resting, "reduceOnlyCanceled", at_ms)
            return
    takes = order.style in TRIGGERS
    quantity = venue.costs.fillable(wanted, bar_volume, instrument)
    if not quantity:
        if takes:
            _end(venue, resting, "marketOrderNoLiquidityRejected", at_ms)
        return
    if takes:
        price = venue.costs.taken_price(price, order.side, quantity, bar_volume, instrument)
        if _beyond_tolerance(venue, order, price):
            _end(venue, resting, "iocCancelRejected", at_ms)
            return
    liquidity: Liquidity = "taker" if takes else "maker"
    fee = venue.costs.fee_usd(quantity, price, liquidity)
    if bearable(venue, coin, quantity if order.side == "buy" else -quantity, price, fee) is not None:
        _end(venue, resting, "marginCanceled", at_ms)
        return
    changed, ended = follow(venue, coin, order.side, quantity, price, matched=order.client_order_id)
    filled = resting.filled + quantity
    rests = not takes and quantity < wanted
    if rests:
        changed += (with_remaining(resting, wanted - quantity, filled),)
    report = Accepted(order_id=resting.order_id, filled_quantity=filled, resting=rests)
    fill = Fill(
        trade_id=str(venue.ledger.next_trade_id),
        order_id=resting.order_id,
        client_order_id=order.client_order_id,
        coin=coin,
        side=order.side,
        quantity=quantity,
        price=price,
        fee_usd=fee,
        time_ms=max(at_ms, venue.ledger.latest_ms),
        liquidity=liquidity,
    )
    venue.commit(at_ms, fills=(fill,), rested=changed, reports=((order.client_order_id, report), *ended))


def _end(venue: Venue, resting: Resting, reason: str, at_ms: int) -> None:
    venue.commit(at_ms, reports=((resting.order.client_order_id, canceled(resting, reason)),))


def _beyond_tolerance(venue: Venue, order: Order, price: Decimal) -> bool:
    tolerance_pct = venue.settings.trigger_tolerance_pct
    trigger = order.trigger_price
    if tolerance_pct is None or trigger is None:
        return False
    worse = price - trigger if order.side == "buy" else trigger - price
    return worse > trigger * tolerance_pct / 100
