"""The plan: decisions become proposals, sized and rounded at the mark; approved proposals become orders."""

from collections.abc import Sequence
from decimal import Decimal

from engine.executor.context import Context
from engine.manager.desk import Desk
from engine.model.decision import Approved, Decision, Denied, ExitPlan, Proposal
from engine.model.ids import client_order_id
from engine.model.instrument import Instrument, round_price, round_quantity_down
from engine.model.order import Order
from engine.model.position import ZERO

BASIS_POINT = Decimal("0.0001")
LEAST, MOST = Decimal("1E-12"), Decimal("1E15")  # no price and no size lies outside; arithmetic with what does fails


def propose(decisions: Sequence[Decision], context: Context, desk: Desk) -> tuple[list[Proposal], list[Denied]]:
    """Size and round every decision at the current mark, closes before opens to free margin first.

    What cannot even be sized (no price, nothing to close, rounds to nothing, an order under way) is denied here.
    """
    proposals: list[Proposal] = []
    denied: list[Denied] = []
    busy = {pending.coin for pending in context.pending if pending.trader == context.trader} if context.pending else ()
    for decision in decisions:
        if decision.signal == "hold" and decision.target_quantity is None:
            continue
        sized = _sized(decision, context, desk, busy)
        if type(sized) is Proposal:
            proposals.append(sized)
        elif type(sized) is Denied:
            denied.append(sized)
    if len(proposals) > 1:
        proposals.sort(key=_opens)
    return proposals, denied


def _opens(proposal: Proposal) -> bool:
    return proposal.quantity > proposal.closes


def _sized(decision: Decision, context: Context, desk: Desk, busy: object) -> Proposal | Denied | None:
    coin = decision.symbol
    instrument = context.instruments.get(coin)
    mark = context.market.marks[coin]
    if instrument is None:
        return _no(decision, "symbol_allowed", f"{coin} is not an instrument of this venue")
    if mark is None:
        return _no(decision, "snapshot_fresh", f"{coin} has no price")
    if not (mark.is_finite() and LEAST <= mark <= MOST):
        return _no(decision, "snapshot_fresh", f"{coin} has a price of {mark}")
    if busy and coin in busy:  # type: ignore[operator]
        return _no(decision, "order_under_way", f"an earlier order on {coin} has not ended yet")
    position = context.account.positions.get(coin)
    held = position.quantity if position is not None else ZERO
    signed = _wanted(decision, held, mark)
    if type(signed) is str:
        return _no(decision, "size", signed)
    assert isinstance(signed, Decimal)
    if not (signed.is_finite() and abs(signed) <= MOST):
        return _no(decision, "size", f"the size is {signed}")
    quantity = round_quantity_down(abs(signed), instrument)
    if not quantity:
        if decision.target_quantity is not None:
            return None
        return _no(decision, "size", f"{abs(signed)} {coin} rounds to nothing on a lot of {instrument.lot}")
    buys = signed > 0
    against = held and (held > 0) != buys
    closes = min(quantity, abs(held)) if against else ZERO
    return Proposal(
        decision=decision,
        coin=coin,
        side="buy" if buys else "sell",
        quantity=quantity,
        closes=closes,
        held=held,
        mark=mark,
        limit_price=_limit_price(decision, desk, mark, buys, instrument),
        style=desk.order_style,
        leverage=_leverage(decision, desk, instrument, position.leverage if position is not None else None),
        mode=desk.margin_mode,
        plan=_exit_plan(decision, desk) if quantity > closes else None,
        expires_ms=_expiry(desk, context.now_ms),
    )


def _wanted(decision: Decision, held: Decimal, mark: Decimal) -> Decimal | str:
    """The signed quantity to trade, unrounded, or why there is none."""
    if decision.target_quantity is not None:
        return decision.target_quantity - held
    if decision.signal == "close":
        if held == 0:
            return f"there is no position in {decision.symbol} to close"
        size = abs(held) if decision.quantity is None else min(abs(decision.quantity), abs(held))
        return -size if held > 0 else size
    if decision.position_size_usd is not None:
        size = decision.position_size_usd / mark
    elif decision.quantity is not None:
        size = decision.quantity
    else:
        return "neither quantity nor position_size_usd is given"
    if not size > 0:
        return f"the size is {size}"
    direction = 1 if decision.signal == "buy_to_enter" else -1
    if held != 0 and (held > 0) != (direction > 0):
        size += abs(held)
    return direction * size


def _limit_price(decision: Decision, desk: Desk, mark: Decimal, buys: bool, instrument: Instrument) -> Decimal:
    """The worst price: the mark moved by the allowed slippage, or for limit styles the entry that is wished for."""
    wished = decision.entry_price if decision.opens else None  # no entry tells at what price to close
    if desk.order_style == "market_ioc" or wished is None or wished <= 0:
        offset = mark * (desk.slippage_bps * BASIS_POINT) if desk.order_style == "market_ioc" else ZERO
        price = mark + offset if buys else mark - offset
    else:
        price = wished
    return round_price(price, instrument, "down" if buys else "up")


def _leverage(decision: Decision, desk: Desk, instrument: Instrument, held: int | None) -> int:
    if decision.leverage is not None:
        return decision.leverage
    if held is not None:
        return held
    return min(desk.limits.leverage_cap(decision.symbol), instrument.max_leverage)


def _exit_plan(decision: Decision, desk: Desk) -> ExitPlan | None:
    limits = desk.limits
    stop = decision.stop_loss if limits.stop_loss_enabled else None
    target = decision.profit_target if limits.take_profit_enabled else None
    if stop is None and target is None and not decision.invalidation_condition and decision.confidence is None:
        return None
    return ExitPlan(
        stop_loss=stop,
        profit_target=target,
        invalidation_condition=decision.invalidation_condition,
        justification=decision.justification,
        risk_usd=decision.risk_usd,
        confidence=decision.confidence,
    )


def _expiry(desk: Desk, now_ms: int) -> int | None:
    if desk.order_expiry_ms is None or desk.order_style in ("market_ioc", "limit_ioc"):
        return None
    return now_ms + desk.order_expiry_ms


def _no(decision: Decision, rule: str, detail: str) -> Denied:
    return Denied(symbol=decision.symbol, signal=decision.signal, rule=rule, detail=detail)


def order_of(approved: Approved, deployment: str, account: str, trader: str, slot_ms: int, leg: int) -> Order:
    """The order that carries out an approved proposal; the same proposal always yields the same client order id."""
    proposal = approved.proposal
    return Order(
        client_order_id=client_order_id(deployment, account, trader, "decision", str(slot_ms), leg),
        coin=proposal.coin,
        side=proposal.side,
        quantity=proposal.quantity,
        style=proposal.style,
        limit_price=proposal.limit_price,
        expires_ms=proposal.expires_ms,
    )
