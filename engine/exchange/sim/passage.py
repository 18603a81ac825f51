"""Time passing at the simulated venue: bars go by, orders that rest are met, funding falls due, margin is checked."""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal

from engine.exchange.sim.admission import TRIGGERS
from engine.exchange.sim.costs import MICRO
from engine.exchange.sim.execution import canceled, held, match_resting
from engine.exchange.sim.liquidation import liquidate
from engine.exchange.sim.margin import band, pools
from engine.exchange.sim.matching import Leg, first_reached, legs, price_of, reaches
from engine.exchange.sim.venue import HOUR_MS, Venue
from engine.model.market import Bar
from engine.model.order import FundingPayment

_MINUTE_MS = 60_000
_SAFETY = 1e-9  # relative; far above what floats lose, far below a price step

Bars = dict[str, Bar]


def advance(venue: Venue, now_ms: int) -> None:
    """Play everything between the last time played and ``now_ms`` in the order of time, then look at the price of now.

    At one instant: the bars that close then, the funding of that hour, the orders that expire then. Does nothing when
    ``now_ms`` has been played already.
    """
    ledger = venue.ledger
    after_ms = ledger.played_ms
    if now_ms <= after_ms:
        return
    venue.sync()
    if ledger.holdings or ledger.resting:
        closing = _bars(venue, after_ms, now_ms)
        instants = [*closing, *_hours(venue, after_ms, now_ms), *_expiries(venue, after_ms, now_ms)]
        for instant_ms in sorted(dict.fromkeys(instants)):
            venue.begin()
            ledger.played_ms = instant_ms
            if instant_ms in closing:
                _play(venue, closing[instant_ms], instant_ms)
            if instant_ms % HOUR_MS == 0:
                fund(venue, instant_ms)
            _expire(venue, instant_ms)
            venue.finish()
        venue.begin()
        ledger.played_ms = now_ms
        _look(venue, now_ms)
        venue.finish()
    ledger.played_ms = now_ms
    venue.note_time()
    venue.sync()


def skip(venue: Venue, now_ms: int) -> None:
    """Let time pass up to ``now_ms`` on the caller's word that no mark left the liquidation band meanwhile.

    Nothing may rest. At most one full hour may lie between, so that the band is asked for anew after each funding.
    """
    ledger = venue.ledger
    if now_ms <= ledger.played_ms:
        return
    assert not ledger.resting, "orders rest: bars have to be played"
    if ledger.holdings and now_ms - now_ms % HOUR_MS > ledger.played_ms:
        hours = _hours(venue, ledger.played_ms, now_ms)
        assert len(hours) <= 1, "more than one funding hour cannot be skipped at once"
        for hour_ms in hours:
            fund(venue, hour_ms)
    ledger.played_ms = now_ms
    venue.sync()


def fund(venue: Venue, hour_ms: int) -> None:
    """Book the funding of a full hour on every net position, at the mark of that hour, and check margin afterwards.

    usd = -size x mark x rate, rounded down to a millionth of a dollar: never in favour of the account.
    Source: Hyperliquid, "Funding", with the mark in place of the oracle.
    """
    ledger = venue.ledger
    if not venue.settings.funding or not ledger.holdings:
        return
    before = dict(venue.marks)
    marks = venue.refresh_marks(hour_ms)
    payments = []
    for coin, holding in ledger.holdings.items():
        rate = venue.market.funding_rate(coin, hour_ms)
        if rate is None or not rate.is_finite() or not rate:
            continue
        usd = (-holding.size * marks[coin] * rate).quantize(MICRO, rounding=ROUND_FLOOR)
        payments.append(
            FundingPayment(coin=coin, time_ms=hour_ms, usd=usd, quantity=holding.size, rate=rate, price=marks[coin])
        )
    if payments:
        venue.commit(hour_ms, funding=tuple(payments))
        liquidate(venue, {**marks, **before}, marks, hour_ms, jumped=True)


def _bars(venue: Venue, after_ms: int, until_ms: int) -> dict[int, Bars]:
    """The bars that closed in between, by the instant at which they closed and by coin."""
    closing: dict[int, Bars] = {}
    for coin in _watched(venue):
        bars = venue.market.bars_between(coin, after_ms, until_ms)
        if not bars:
            continue
        if coin not in venue.intervals_ms:
            venue.quote(coin, until_ms)
        interval_ms = venue.intervals_ms.get(coin, _MINUTE_MS)
        for bar in bars:
            closing.setdefault(bar.open_ms + interval_ms, {})[coin] = bar
    return closing


def _watched(venue: Venue) -> dict[str, None]:
    """The coins in which something is held or rests, in a fixed order."""
    resting = [resting.order.coin for resting in venue.ledger.resting.values()]
    return dict.fromkeys([*venue.ledger.holdings, *resting])


def _hours(venue: Venue, after_ms: int, until_ms: int) -> list[int]:
    if not venue.settings.funding:
        return []
    return list(range(after_ms - after_ms % HOUR_MS + HOUR_MS, until_ms + 1, HOUR_MS))


def _expiries(venue: Venue, after_ms: int, until_ms: int) -> list[int]:
    expiries = [resting.order.expires_ms for resting in venue.ledger.resting.values()]
    return [
        max(expires_ms, after_ms + 1) for expires_ms in expiries if expires_ms is not None and expires_ms <= until_ms
    ]


def _expire(venue: Venue, instant_ms: int) -> None:
    ended = [
        (name, canceled(resting, "scheduledCancel"))
        for name, resting in venue.ledger.resting.items()
        if resting.order.expires_ms is not None and resting.order.expires_ms <= instant_ms
    ]
    if ended:
        venue.commit(instant_ms, reports=tuple(ended))


def _play(venue: Venue, bars: Bars, close_ms: int) -> None:
    """Let the bars that close at one instant go by: gaps, then the extreme that hurts in every coin, then the rest.

    All coins are taken to be at their worst at the same time, which is the worst case for positions on cross margin. A
    position or an order that is younger than its bar meets only the close: what it saw of the bar before is not known.
    """
    ledger = venue.ledger
    if not ledger.holdings and not ledger.resting:
        return
    if _harmless(venue, bars):
        for coin, bar in bars.items():
            venue.marks[coin] = price_of(bar.close)
        return
    venue.calm = None
    ways = {coin: legs(bar, held(venue, coin)) for coin, bar in bars.items()}
    young = [
        coin for coin, bar in bars.items() if coin in ledger.holdings and ledger.holdings[coin].grown_ms > bar.open_ms
    ]
    met: dict[int, None] = {}
    for place, last in enumerate((False, False, False, False, True)):
        at_ms = min(bar.open_ms for bar in bars.values()) if place == 0 else close_ms - 1
        for coin, way in ways.items():
            _walk(venue, coin, way[place], met, at_ms, bars[coin].volume, None if last else bars[coin].open_ms)
        starts = {coin: way[4 if coin in young else place][0] for coin, way in ways.items()}
        ends = {coin: way[4 if coin in young else place][1] for coin, way in ways.items()}
        before = _marks(venue)
        liquidate(venue, before | starts, before | ends, at_ms, jumped=place == 0)
        venue.marks.update(ends)


def _walk(
    venue: Venue, coin: str, leg: Leg, met: dict[int, None], at_ms: int, volume: float, placed_by_ms: int | None
) -> None:
    """Move one coin's price along a leg and execute what it meets; margin is checked at each price met.

    Only orders placed by ``placed_by_ms`` are met, where that is given.
    """
    start, end = leg
    while venue.ledger.resting:
        orders = [
            resting
            for resting in venue.ledger.resting.values()
            if resting.order.coin == coin and (placed_by_ms is None or resting.placed_ms <= placed_by_ms)
        ]
        found = first_reached(orders, met, (start, end))
        if found is None:
            return
        resting, price = found
        before = _marks(venue) | {coin: start}
        venue.marks[coin] = price
        if liquidate(venue, before, before | {coin: price}, at_ms, jumped=False):
            continue
        met[resting.order_id] = None
        traded = price if resting.order.style in TRIGGERS else resting.order.limit_price
        match_resting(venue, resting, traded, volume, at_ms)
        start = price


def _look(venue: Venue, now_ms: int) -> None:
    """Meet the price of now, wherever it came from: triggers and limits that lie behind it, and the margin check."""
    before = _marks(venue)
    met: dict[int, None] = {}
    for coin in _watched(venue):
        quote = venue.quote(coin, now_ms)
        if quote is not None:
            _walk(venue, coin, (quote.price, quote.price), met, now_ms, quote.bar_volume, None)
    if not _harmless(venue, {}):
        venue.calm = None
        liquidate(venue, before, _marks(venue), now_ms, jumped=True)


def _marks(venue: Venue) -> dict[str, Decimal]:
    """A copy of the marks, with one for every coin held."""
    if any(coin not in venue.marks for coin in venue.ledger.holdings):
        venue.refresh_marks(venue.ledger.played_ms)
    return dict(venue.marks)


def _harmless(venue: Venue, bars: Mapping[str, Bar]) -> bool:
    """Whether neither the marks nor any bar come near an order or liquidation: then nothing is to be worked out."""
    for resting in venue.ledger.resting.values():
        bar = bars.get(resting.order.coin)
        if bar is not None and reaches(bar, resting):
            return False
    for coin, (lowest, highest) in _calm(venue).items():
        mark = float(venue.marks[coin])
        bar = bars.get(coin)
        if not (lowest < mark < highest) or (bar is not None and not (lowest < bar.low and bar.high < highest)):
            return False
    return True


def _calm(venue: Venue) -> dict[str, tuple[float, float]]:
    """Between which prices each coin held may move without any liquidation, until the account changes."""
    number = venue.ledger.number
    if venue.calm is not None and venue.calm[0] == number:
        return venue.calm[1]
    marks = _marks(venue)
    ranges = {}
    for pool in pools(venue.ledger):
        room = float(band(pool, marks, venue.instruments)) - _SAFETY
        for coin in pool.holdings:
            mark = float(marks[coin])
            ranges[coin] = (mark * (1 - room), mark * (1 + room))
    venue.calm = (number, ranges)
    return ranges
