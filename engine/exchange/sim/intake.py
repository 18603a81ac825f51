"""What comes in at the simulated venue: orders, cancellations and leverage, each admitted or refused."""

from decimal import Decimal

from engine.exchange.sim.admission import fault, is_worse, rejected
from engine.exchange.sim.costs import ZERO, against
from engine.exchange.sim.execution import bearable, canceled, follow, held
from engine.exchange.sim.ledger import NONCES, Change, Resting
from engine.exchange.sim.margin import cross_initial_usd, cross_value_usd
from engine.exchange.sim.venue import Venue
from engine.model.instrument import tier_at
from engine.model.market import Quote
from engine.model.order import Accepted, Cancel, Envelope, Fill, Order, OrderReport, Rejected, SetLeverage

_DAY_MS = 86_400_000


def take(venue: Venue, envelope: Envelope, now_ms: int) -> OrderReport:
    """Take what was sent at ``now_ms``. What is refused leaves nothing behind but its report.

    An order whose client order id the venue has seen is not taken again: the answer is the report of the first, as it
    stands now. A replayed nonce and an envelope that arrives after its validity are refused and leave no report at all.
    """
    nonce = envelope.nonce
    arrival_ms = venue.arrival_ms(now_ms, nonce)
    refusal = _refused_envelope(venue, envelope, arrival_ms)
    if refusal is not None:
        return refusal
    match envelope.action:
        case Order() as order:
            known = venue.ledger.reports.get(order.client_order_id)
            if known is not None:
                venue.commit(now_ms, nonce=nonce)
                return known
            answer = _take_order(venue, order, nonce, now_ms, arrival_ms)
            if type(answer) is not Rejected:
                return answer
            venue.commit(now_ms, nonce=nonce, reports=((order.client_order_id, answer),))
            return answer
        case Cancel() as cancel:
            return _cancel(venue, cancel, nonce, now_ms)
        case SetLeverage() as leverage:
            return _set_leverage(venue, leverage, nonce, now_ms, arrival_ms)


def _refused_envelope(venue: Venue, envelope: Envelope, arrival_ms: int) -> Rejected | None:
    """Hyperliquid keeps the 100 highest nonces of a signer; a new one is unused, above the lowest and near the time."""
    nonce = envelope.nonce
    nonces = venue.ledger.nonces
    if nonces and nonce <= nonces[-1]:
        if nonce in nonces:
            return rejected("InvalidNonce", why=f"duplicate nonce {nonce}")
        if len(nonces) == NONCES and nonce < nonces[0]:
            return rejected("InvalidNonce", why=f"nonce too low {nonce} < {nonces[0]}")
    if not arrival_ms - 2 * _DAY_MS < nonce:
        return rejected("InvalidNonce", why=f"nonce too low {nonce} < {arrival_ms - 2 * _DAY_MS}")
    if not nonce < arrival_ms + _DAY_MS:
        return rejected("InvalidNonce", why=f"nonce too high {nonce} > {arrival_ms + _DAY_MS}")
    expires_ms = envelope.expires_after_ms
    return rejected("Expired") if expires_ms is not None and expires_ms < arrival_ms else None


def _take_order(venue: Venue, order: Order, nonce: int, now_ms: int, arrival_ms: int) -> OrderReport:
    if venue.refusals:
        injected, detail = venue.refusals.pop(0)
        return Rejected(code=injected, detail=detail)
    coin = order.coin
    instrument = venue.instruments.get(coin)
    if instrument is None:
        return rejected("UnknownAsset", coin=coin)
    if order.expires_ms is not None and order.expires_ms <= arrival_ms:
        return rejected("Expired")
    asset = venue.asset[coin]
    quote = venue.quote(coin, arrival_ms)
    if quote is None:
        return rejected("MarketOrderNoLiquidity", asset)
    holding = venue.ledger.holdings.get(coin)
    size = ZERO if holding is None else holding.size
    code = fault(order, instrument, quote.price, size)
    if code is not None:
        return rejected(code, asset)
    match order.style:
        case "market_ioc" | "limit_ioc":
            return _take_now(venue, order, size, quote, nonce, now_ms, arrival_ms, rests=False)
        case "limit_gtc":
            return _take_now(venue, order, size, quote, nonce, now_ms, arrival_ms, rests=True)
        case "post_only":
            bid = against(venue.costs.bid(quote.price), "sell", instrument)
            ask = against(venue.costs.ask(quote.price), "buy", instrument)
            if order.limit_price >= ask if order.side == "buy" else order.limit_price <= bid:
                return rejected("BadAloPx", asset, bid=bid, ask=ask)
            return _rest(venue, order, nonce, now_ms, arrival_ms)
        case "stop_market" | "take_profit_market":
            return _rest(venue, order, nonce, now_ms, arrival_ms)


def _take_now(
    venue: Venue,
    order: Order,
    size: Decimal,
    quote: Quote,
    nonce: int,
    now_ms: int,
    arrival_ms: int,
    *,
    rests: bool,
) -> OrderReport:
    """Match an order at once; ``size`` is the net position. What nobody takes within its limit rests or is gone."""
    coin, side = order.coin, order.side
    instrument = venue.instruments[coin]
    wanted = min(order.quantity, abs(size)) if order.reduce_only else order.quantity
    quantity = venue.costs.fillable(wanted, quote.bar_volume, instrument)
    price = quote.price
    nothing = "MarketOrderNoLiquidity" if order.style == "market_ioc" else "IocCancel"
    if quantity:
        price = venue.costs.taken_price(price, side, quantity, quote.bar_volume, instrument)
        if is_worse(price, order.limit_price, side):
            quantity = ZERO
            nothing = "IocCancel"
    if not quantity:
        if rests:
            return _rest(venue, order, nonce, now_ms, arrival_ms)
        return rejected(nothing, venue.asset[coin])
    fee = venue.costs.fee_usd(quantity, price, "taker")
    signed = quantity if side == "buy" else -quantity
    if not size or (size > 0) == (signed > 0) or quantity > abs(size):
        if venue.ledger.holdings:
            venue.refresh_marks(arrival_ms)
        refusal = bearable(venue, coin, signed, price, fee)
        if refusal is not None:
            return rejected(refusal, venue.asset[coin])
    ledger = venue.ledger
    order_id = ledger.next_order_id
    name = order.client_order_id
    fill = Fill(
        trade_id=str(ledger.next_trade_id),
        order_id=order_id,
        client_order_id=name,
        coin=coin,
        side=side,
        quantity=quantity,
        price=price,
        fee_usd=fee,
        time_ms=arrival_ms,
    )
    remaining = wanted - quantity
    stays = rests and remaining > 0
    report = Accepted(order_id=order_id, filled_quantity=quantity, resting=stays)
    ended: tuple[tuple[str, OrderReport], ...] = ()
    rested: tuple[Resting, ...] = ()
    if ledger.resting:
        rested, ended = follow(venue, coin, side, quantity, price, matched=name)
    if stays:
        rest = Resting(order=order, order_id=order_id, remaining=remaining, filled=quantity, placed_ms=now_ms)
        rested += (rest,)
    venue.enact(
        Change(
            number=ledger.number + 1,
            at_ms=now_ms,
            played_ms=ledger.played_ms,
            nonce=nonce,
            fills=(fill,),
            reports=((name, report), *ended),
            rested=rested,
        )
    )
    return report


def _rest(venue: Venue, order: Order, nonce: int, now_ms: int, arrival_ms: int) -> OrderReport:
    """Let an order rest. A limit must be bearable as if filled now; resting it reserves nothing."""
    remaining = order.quantity
    if order.reduce_only:
        remaining = min(remaining, abs(held(venue, order.coin)))
    elif order.trigger_price is None:
        if venue.ledger.holdings:
            venue.refresh_marks(arrival_ms)
        fee = venue.costs.fee_usd(remaining, order.limit_price, "maker")
        signed = remaining if order.side == "buy" else -remaining
        code = bearable(venue, order.coin, signed, order.limit_price, fee)
        if code is not None:
            return rejected(code, venue.asset[order.coin])
    order_id = venue.ledger.next_order_id
    resting = Resting(order=order, order_id=order_id, remaining=remaining, placed_ms=now_ms)
    report = Accepted(order_id=order_id, resting=True)
    venue.commit(now_ms, nonce=nonce, rested=(resting,), reports=((order.client_order_id, report),))
    return report


def _cancel(venue: Venue, cancel: Cancel, nonce: int, now_ms: int) -> OrderReport:
    resting = venue.ledger.resting.get(cancel.client_order_id)
    if resting is None or resting.order.coin != cancel.coin:
        venue.commit(now_ms, nonce=nonce)
        return rejected("MissingOrder", venue.asset.get(cancel.coin))
    report = canceled(resting, "canceled")
    venue.commit(now_ms, nonce=nonce, reports=((cancel.client_order_id, report),))
    return report


def _set_leverage(venue: Venue, wanted: SetLeverage, nonce: int, now_ms: int, arrival_ms: int) -> OrderReport:
    code = _leverage_fault(venue, wanted, arrival_ms)
    if code is None:
        venue.commit(now_ms, nonce=nonce, leverage=wanted)
        return Accepted()
    venue.commit(now_ms, nonce=nonce)
    return rejected(code, coin=wanted.coin, mode=wanted.mode.capitalize())


def _leverage_fault(venue: Venue, wanted: SetLeverage, arrival_ms: int) -> str | None:
    """Why leverage cannot be set so. A position keeps its mode, and less leverage must be covered by what is there."""
    instrument = venue.instruments.get(wanted.coin)
    if instrument is None:
        return "UnknownAsset"
    if not 1 <= wanted.leverage <= instrument.max_leverage:
        return "InvalidLeverage"
    holding = venue.ledger.holdings.get(wanted.coin)
    if holding is None:
        return None
    if holding.mode != wanted.mode:
        return "LeverageSwitch"
    marks = venue.refresh_marks(arrival_ms)
    notional = abs(holding.size) * marks[wanted.coin]
    if wanted.leverage > tier_at(notional, instrument.tiers).max_leverage:
        return "InvalidLeverage"
    if wanted.leverage >= holding.leverage:
        return None
    more = notional / wanted.leverage - notional / holding.leverage
    if holding.mode == "isolated":
        spare: Decimal = holding.raw_usd + holding.size * marks[wanted.coin] - notional / wanted.leverage
        return "LeverageMargin" if spare < 0 else None
    free = cross_value_usd(venue.ledger, marks) - cross_initial_usd(venue.ledger, marks)
    return "LeverageMargin" if free < more else None
