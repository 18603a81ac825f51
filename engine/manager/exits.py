"""Exits: how positions end without a decision — stops, targets, virtual liquidation, an operator's word."""

from collections.abc import Sequence
from decimal import Decimal

import structlog
from msgspec import Struct

from engine.manager.desk import Desk
from engine.manager.feed import MarkMissing, mark_of
from engine.manager.ports import VenueUnreachable
from engine.manager.record import Cause, Incident, Liquidated, Transferred
from engine.manager.recorder import Recorder
from engine.manager.resolve import resolve
from engine.manager.state import OpenIntent
from engine.model.account import cross_backing_usd, equity_usd, maintenance_total_usd
from engine.model.decision import ExitPlan
from engine.model.ids import HOUSE, client_order_id
from engine.model.instrument import round_price
from engine.model.market import MarketSnapshot
from engine.model.order import Cancel, Order, OrderReport
from engine.model.position import ZERO, Position, is_isolated_position_liquidated

log = structlog.get_logger()

EXIT_SLIPPAGE = Decimal("0.05")  # an exit must get out: it accepts prices this much worse than the mark


class Hit(Struct, frozen=True, kw_only=True, gc=False):
    """A plan that came true: the cause, and the price at which it did."""

    coin: str
    cause: Cause
    price: Decimal


def hit_at(position: Position, plan: ExitPlan, mark: Decimal) -> Hit | None:
    """Whether the mark has reached the stop or the target; the stop is asked first."""
    return hit_within(position, plan, opened=mark, low=mark, high=mark)


def hit_within(position: Position, plan: ExitPlan, *, opened: Decimal, low: Decimal, high: Decimal) -> Hit | None:
    """Whether a stretch of prices reached the stop or the target, and at what price.

    When both lie inside, the stop counts: the order of prices inside a bar is unknown and the worse is assumed. When
    the stretch opens beyond the level, it is hit at the open: a gap is not undone.
    """
    stop, target = plan.stop_loss, plan.profit_target
    if position.quantity > 0:
        if stop is not None and low <= stop:
            return Hit(coin=position.coin, cause="stop", price=min(stop, opened))
        if target is not None and high >= target:
            return Hit(coin=position.coin, cause="target", price=max(target, opened))
    else:
        if stop is not None and high >= stop:
            return Hit(coin=position.coin, cause="stop", price=max(stop, opened))
        if target is not None and low <= target:
            return Hit(coin=position.coin, cause="target", price=min(target, opened))
    return None


async def close_position(
    desk: Desk, recorder: Recorder, deployment: str, coin: str, cause: Cause
) -> OrderReport | None:
    """Close a trader's own position in one coin at the market, after its orders that rest there were cancelled.

    ``None`` when there is none, or the outcome of an earlier order on the coin is not known yet.
    """
    await cancel_resting(desk, recorder, deployment, coin)
    try:
        await desk.gateway.collect()  # the venue may have closed it by itself
    except VenueUnreachable as failure:  # it is closed by what is known: its own order tells what became of it
        log.info("venue cannot be asked", account=desk.account, why=str(failure))
    state = recorder.state
    account = state.accounts[desk.account]
    position = account.book.traders[desk.trader].positions.get(coin)
    if position is None:
        return None
    if own_orders(recorder, desk, coin):
        return None
    now_ms = recorder.clock.now_ms()
    mark = mark_of(desk.feed.look(now_ms), coin)
    buys = position.quantity < 0
    worst = mark * (1 + EXIT_SLIPPAGE) if buys else mark * (1 - EXIT_SLIPPAGE)
    reference = f"{coin}:{position.opened_ms}:{now_ms}"
    order = Order(
        client_order_id=client_order_id(deployment, desk.account, desk.trader, cause, reference, 0),
        coin=coin,
        side="buy" if buys else "sell",
        quantity=abs(position.quantity),
        style="market_ioc",
        limit_price=round_price(worst, desk.instruments[coin], "down" if buys else "up"),
    )
    if order.client_order_id in account.origins:
        return None
    seq, intended = desk.gateway.intend(
        order,
        trader=desk.trader,
        client_order_id=order.client_order_id,
        cause=cause,
        reference=reference,
        leverage=position.leverage,
        mode=position.mode,
    )
    return await desk.gateway.send(seq, intended, desk.trader)


async def close_hits(desk: Desk, recorder: Recorder, deployment: str, hits: Sequence[Hit]) -> None:
    """Close the positions whose stop or target was reached."""
    for hit in hits:
        await close_position(desk, recorder, deployment, hit.coin, hit.cause)


def own_orders(recorder: Recorder, desk: Desk, coin: str | None = None) -> list[OpenIntent]:
    """A trader's orders that have not ended, on one coin or on all."""
    return [
        intent
        for intent in recorder.state.accounts[desk.account].intents.values()
        if intent.trader == desk.trader
        and isinstance(intent.envelope.action, Order)
        and (coin is None or intent.envelope.action.coin == coin)
    ]


async def cancel_resting(desk: Desk, recorder: Recorder, deployment: str, coin: str) -> None:
    """Cancel a trader's orders that rest on a coin, and learn what they had filled by then."""
    canceled = False
    for intent in own_orders(recorder, desk, coin):
        if intent.unresolved or not intent.reported or intent.expected is not None:
            continue
        reference = f"{intent.client_order_id}:{recorder.clock.now_ms()}"
        name = client_order_id(deployment, desk.account, desk.trader, "cancel", reference, 0)
        if name in recorder.state.accounts[desk.account].intents:
            continue
        seq, intended = desk.gateway.intend(
            Cancel(client_order_id=intent.client_order_id, coin=coin),
            trader=desk.trader,
            client_order_id=name,
            cause="cancel",
            reference=reference,
        )
        await desk.gateway.send(seq, intended, desk.trader)
        canceled = True
    if canceled:
        await resolve(desk.gateway, recorder)


async def close_everything(desk: Desk, recorder: Recorder, deployment: str, cause: Cause) -> None:
    """Close every position of one trader, and of nobody else; one whose coin has no price is left for the next time."""
    resting = [intent.envelope.action.coin for intent in own_orders(recorder, desk)]
    for coin in dict.fromkeys(resting):
        await cancel_resting(desk, recorder, deployment, coin)
    for coin in list(recorder.state.accounts[desk.account].book.traders[desk.trader].positions):
        try:
            await close_position(desk, recorder, deployment, coin, cause)
        except MarkMissing:
            continue


def is_liquidated(desk: Desk, recorder: Recorder, snapshot: MarketSnapshot) -> bool:
    """Whether a trader's virtual account can no longer carry its positions, by the venue's own rules."""
    account = recorder.state.accounts[desk.account].book.traders[desk.trader]
    if not account.positions:
        return False

    def mark(coin: str) -> Decimal:
        return mark_of(snapshot, coin)

    crossed = False
    for position in account.positions.values():
        if position.mode == "cross":
            crossed = True
        elif is_isolated_position_liquidated(position, mark(position.coin), desk.instruments[position.coin]):
            return True
    return crossed and cross_backing_usd(account, mark, desk.instruments) < 0


async def liquidate(desk: Desk, recorder: Recorder, deployment: str, snapshot: MarketSnapshot) -> None:
    """Close a trader out and freeze it. What it lost beyond its own money is the house's loss, with an incident."""
    account = recorder.state.accounts[desk.account].book.traders[desk.trader]

    def mark(coin: str) -> Decimal:
        return mark_of(snapshot, coin)

    recorder.say(
        Liquidated(
            account=desk.account,
            coins=tuple(account.positions),
            equity_usd=equity_usd(account, mark),
            maintenance_usd=maintenance_total_usd(account, mark, desk.instruments),
        ),
        desk.trader,
    )
    await close_everything(desk, recorder, deployment, "liquidation")
    settle_shortfall(desk, recorder)


def settle_shortfall(desk: Desk, recorder: Recorder) -> None:
    """Let the house pay what a liquidated, flat account is below zero."""
    after = recorder.state.accounts[desk.account].book.traders[desk.trader]
    if after.positions or after.cash_usd >= 0:
        return
    missing = -after.cash_usd
    recorder.say(
        Transferred(
            account=desk.account,
            source=HOUSE,
            target=desk.trader,
            usd=missing,
            source_equity_usd=ZERO,
            target_equity_usd=after.cash_usd,
            why="shortfall",
        )
    )
    detail = f"{desk.trader} was liquidated {missing} USD below zero; the house carries it"
    recorder.say(Incident(account=desk.account, what="shortfall", detail=detail, severity="critical"), desk.trader)
