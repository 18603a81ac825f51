"""What a moving price does to resting orders: in which order a bar reaches them, worst case first."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.exchange.sim.admission import TRIGGERS, fires_when_falling
from engine.exchange.sim.ledger import Resting
from engine.model.market import Bar

Leg = tuple[Decimal, Decimal]


def legs(bar: Bar, held: Decimal) -> tuple[Leg, ...]:
    """The way the price is taken to have gone through a bar: open, the extreme that hurts, the other one, close.

    The first leg is the gap: the open alone. A long position is hurt by the low, a short one by the high; an account
    that holds nothing meets the low first. The last leg is the close alone, for what is too young for the rest of the
    bar.
    """
    opened, high, low, close = (price_of(value) for value in (bar.open, bar.high, bar.low, bar.close))
    worst, best = (high, low) if held < 0 else (low, high)
    return (opened, opened), (opened, worst), (worst, best), (best, close), (close, close)


def price_of(value: float) -> Decimal:
    """The price that a bar's number stands for, digit by digit as it is written."""
    return Decimal(repr(value))


def level(resting: Resting) -> Decimal:
    """The price at which the order is filled or fires."""
    trigger = resting.order.trigger_price
    return trigger if resting.order.style in TRIGGERS and trigger is not None else resting.order.limit_price


def reaches(bar: Bar, resting: Resting) -> bool:
    """Whether a bar comes near enough to the order to be looked at more closely."""
    near = float(level(resting))
    return bar.low <= near if fires_when_falling(resting.order) else bar.high >= near


def first_reached(resting: Iterable[Resting], done: Mapping[int, object], leg: Leg) -> tuple[Resting, Decimal] | None:
    """The first order that the price meets on a leg, and the price there; ``None`` when it meets none.

    A trigger fires when it is touched. A limit order is filled only when the price goes through it: who stands in the
    queue at the extreme of a bar cannot be known. An order that lies behind the start has been jumped over: it is met
    at the start. Of two at one price the stop comes first, then the older one. ``done`` holds the order ids met in
    this bar.
    """
    start, end = leg
    best: tuple[tuple[Decimal, bool, int], Resting, Decimal] | None = None
    for order in resting:
        if order.order_id in done:
            continue
        falling = fires_when_falling(order.order)
        if (end > start) if falling else (end < start):
            continue
        price = level(order)
        beyond = price - end if falling else end - price
        if beyond < 0 or (beyond == 0 and order.order.style not in TRIGGERS):
            continue
        met = min(price, start) if falling else max(price, start)
        rank = (abs(start - met), order.order.style != "stop_market", order.order_id)
        if best is None or rank < best[0]:
            best = (rank, order, met)
    return None if best is None else (best[1], best[2])
