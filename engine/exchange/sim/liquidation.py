"""Liquidation at the simulated venue: when margin no longer covers maintenance, at which prices, and what is left."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from engine.exchange.sim.costs import MICRO, ZERO, against
from engine.exchange.sim.execution import canceled
from engine.exchange.sim.margin import Marks, Pool, equity_usd, excess_usd, pools
from engine.exchange.sim.venue import Venue
from engine.model.order import Fill, Side

_BPS = Decimal(10_000)
_STEPS = 40  # of the search for the crossing; with one tier the first one is exact


def liquidate(venue: Venue, before: Marks, now: Marks, at_ms: int, *, jumped: bool) -> bool:
    """Liquidate every pool that the marks ``now`` leave below maintenance; whether there was one.

    The price moved there from ``before``. When it went the whole way, the positions are closed where maintenance was
    crossed; when it ``jumped``, where it is now. Closing costs half the spread, the taker fee and the liquidation
    fee. A pool never ends below zero: beyond that price the venue's backstop takes over.
    """
    found = False
    for pool in pools(venue.ledger):
        if excess_usd(pool, now, venue.instruments) < 0:
            found = True
            marks = dict(now) if jumped else _crossing(venue, pool, before, now)
            _close(venue, pool, before, marks, at_ms)
    return found


def _crossing(venue: Venue, pool: Pool, before: Marks, now: Marks) -> dict[str, Decimal]:
    """The marks on the straight way from ``before`` to ``now`` where the pool has exactly its maintenance.

    The excess is concave on that way, so the root of the chord never lies beyond the true one and the search closes
    in on it.
    """
    start, at_start = ZERO, excess_usd(pool, before, venue.instruments)
    if at_start <= 0:
        return dict(before)
    at_end = excess_usd(pool, now, venue.instruments)
    marks = dict(before)
    for _ in range(_STEPS):
        start += (1 - start) * at_start / (at_start - at_end)
        marks = _between(pool, before, now, start)
        at_start = excess_usd(pool, marks, venue.instruments)
        if at_start <= MICRO:
            break
    return marks


def _between(pool: Pool, before: Marks, now: Marks, part: Decimal) -> dict[str, Decimal]:
    return {coin: before[coin] + (now[coin] - before[coin]) * part for coin in pool.holdings}


def _close(venue: Venue, pool: Pool, before: Marks, marks: Mapping[str, Decimal], at_ms: int) -> None:
    """Close all positions of a pool, without anybody's order, and cancel the orders that rest on them."""
    prices = {}
    for coin, holding in pool.holdings.items():
        side: Side = "sell" if holding.size > 0 else "buy"
        mid = marks[coin]
        quoted = venue.costs.bid(mid) if side == "sell" else venue.costs.ask(mid)
        prices[coin] = against(quoted, side, venue.instruments[coin])
    left = equity_usd(pool, prices)
    if left < 0:
        prices = _bankruptcy(venue, pool, before, prices)
        left = max(ZERO, equity_usd(pool, prices))
    ledger = venue.ledger
    rate = (venue.settings.taker_fee_bps + venue.settings.liquidation_fee_bps) / _BPS
    fills = []
    for place, (coin, holding) in enumerate(pool.holdings.items()):
        quantity = abs(holding.size)
        fee = min((quantity * prices[coin] * rate).quantize(MICRO, rounding=ROUND_CEILING), left)
        left -= fee
        fills.append(
            Fill(
                trade_id=str(ledger.next_trade_id + place),
                order_id=ledger.next_order_id + place,
                client_order_id=None,
                coin=coin,
                side="sell" if holding.size > 0 else "buy",
                quantity=quantity,
                price=prices[coin],
                fee_usd=fee,
                time_ms=max(at_ms, ledger.latest_ms),
                liquidation=True,
            )
        )
    ended = [
        (name, canceled(resting, "liquidatedCanceled"))
        for name, resting in ledger.resting.items()
        if not pool.isolated or resting.order.coin in pool.holdings
    ]
    venue.commit(at_ms, fills=tuple(fills), reports=tuple(ended))


def _bankruptcy(venue: Venue, pool: Pool, before: Marks, prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The prices on the way from ``before`` to ``prices`` at which nothing is left, rounded so that nothing is owed."""
    at_start, at_end = equity_usd(pool, before), equity_usd(pool, prices)
    part = at_start / (at_start - at_end) if at_start > 0 else ZERO
    found = {}
    for coin, price in _between(pool, before, prices, part).items():
        side: Side = "buy" if pool.holdings[coin].size > 0 else "sell"
        found[coin] = against(price, side, venue.instruments[coin])
    return found
