"""The watch: what happens between slots — fills, funding, stops, liquidation, marks, the venue's own report."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from engine.executor.guards import sharpe_pause
from engine.manager.arena import Arena
from engine.manager.desk import Desk
from engine.manager.exits import (
    close_everything,
    close_hits,
    hit_at,
    is_liquidated,
    liquidate,
    own_orders,
    settle_shortfall,
)
from engine.manager.feed import MarkMissing, mark_of
from engine.manager.ports import VenueUnreachable
from engine.manager.reconcile import Drift, reconcile, report_drift
from engine.manager.record import Control, Marked, Priced
from engine.manager.recorder import Recorder
from engine.manager.resolve import resolve
from engine.model.account import margin_used_usd, net_asset_value, valued
from engine.model.ids import AccountId, TraderId
from engine.model.market import MarketSnapshot

log = structlog.get_logger()


class Exits:
    """The exits under way on one venue account, a task for each trader: nobody's stop waits for another's order.

    What breaks in one breaks the ``group``.
    """

    def __init__(self, arena: Arena, account: AccountId, group: asyncio.TaskGroup) -> None:
        self._arena = arena
        self._account = account
        self._group = group
        self._under_way: dict[TraderId, asyncio.Task[None]] = {}

    def look(self, *, flatten: bool = False) -> None:
        """Begin the exits that are due; of ``flatten``, with those of everything that is held."""
        arena = self._arena
        for desk in arena.desks_of(self._account):
            known = self._under_way.get(desk.trader)
            if known is not None and not known.done():
                continue
            exits = exit_due(arena, desk, flatten=flatten)
            if exits is not None:
                self._under_way[desk.trader] = self._group.create_task(exits)


async def tick(arena: Arena, account: AccountId) -> None:
    """Bring one venue account up to date, then carry out the exits that are due, one trader after the other."""
    await refresh(arena, account)
    for desk in arena.desks_of(account):
        await watch_desk(arena, desk)


async def refresh(arena: Arena, account: AccountId) -> None:
    """Bring one venue account up to date: prices, fills, funding, and orders of unknown outcome."""
    recorder = arena.recorder
    feed = arena.feeds[account]
    gateway = arena.gateways[account]
    now_ms = recorder.clock.now_ms()
    try:
        await feed.market.refresh(now_ms)
        feed.exchange.advance(now_ms)
        if arena.state.accounts[account].intents:
            await resolve(gateway, recorder)
        else:
            await gateway.collect()
    except VenueUnreachable as failure:  # exits are tried all the same: their own reports say what became of them
        log.info("venue cannot be asked", account=account, why=str(failure))


async def watch_desk(arena: Arena, desk: Desk) -> None:
    """Carry out the exits of one trader that are due at the current marks."""
    exits = exit_due(arena, desk)
    if exits is not None:
        await exits


def exit_due(arena: Arena, desk: Desk, *, flatten: bool = False) -> Coroutine[Any, Any, None] | None:
    """What there is to do to end positions of one trader at the current marks; ``None`` when there is nothing.

    A coin without a price is left alone until it has one. ``flatten`` ends everything that is held.
    """
    recorder = arena.recorder
    deployment = arena.deployment
    trader = arena.state.traders[desk.trader]
    status = trader.standing.status
    positions = arena.state.accounts[desk.account].book.traders[desk.trader].positions
    if not positions:
        if trader.standing.liquidated:
            settle_shortfall(desk, recorder)
        if status == "stopping":
            return _finish_stop(arena, desk)
        return close_everything(desk, recorder, deployment, "operator") if flatten else None
    if trader.standing.liquidated:
        return _close_out(arena, desk)
    if status in ("stopping", "stopped") or flatten:
        return close_everything(desk, recorder, deployment, "operator")
    snapshot = desk.feed.look(recorder.clock.now_ms())
    if _is_liquidated(desk, recorder, snapshot):
        return liquidate(desk, recorder, deployment, snapshot)
    hits = []
    for coin, plan in trader.plans.items():
        position, mark = positions.get(coin), snapshot.mark(coin)
        if position is not None and mark is not None and (hit := hit_at(position, plan, mark)) is not None:
            hits.append(hit)
    return close_hits(desk, recorder, deployment, hits) if hits else None


async def _close_out(arena: Arena, desk: Desk) -> None:
    """Go on with a liquidation that could not close everything at once."""
    await close_everything(desk, arena.recorder, arena.deployment, "liquidation")
    settle_shortfall(desk, arena.recorder)


async def _finish_stop(arena: Arena, desk: Desk) -> None:
    """A trader has stopped once it holds nothing and no order of its own can be filled any more."""
    recorder = arena.recorder
    if own_orders(recorder, desk):
        await close_everything(desk, recorder, arena.deployment, "operator")
    if not own_orders(recorder, desk) and not arena.state.ledger(desk.trader).positions:
        reason = arena.state.traders[desk.trader].standing.reason
        recorder.say(Control(command="stopped", reason=reason, by="engine"), desk.trader)


def _is_liquidated(desk: Desk, recorder: Recorder, snapshot: MarketSnapshot) -> bool:
    """As ``is_liquidated``; an account whose worth is not known is left alone, but not the stops of its other coins."""
    try:
        return is_liquidated(desk, recorder, snapshot)
    except MarkMissing:
        return False


async def observe(arena: Arena, account: AccountId, *, previous: tuple[Drift, ...] = ()) -> tuple[Drift, ...]:
    """Read the venue account, keep it for the looks, compare it with the book, and report a difference once."""
    feed = arena.feeds[account]
    try:
        venue, drifts = await reconcile(arena.gateways[account], arena.recorder)
    except VenueUnreachable as failure:  # the last report grows old, and with it the slots are skipped
        log.info("venue cannot be asked", account=account, why=str(failure))
        return previous
    feed.observed = venue
    found = tuple(drifts)
    if found and found != previous:
        report_drift(account, drifts, venue, arena.recorder)
    return found


def mark_traders(arena: Arena) -> None:
    """A point on every equity curve, and the prices of this instant; pauses a trader whose Sharpe ratio is too low."""
    recorder = arena.recorder
    now_ms = recorder.clock.now_ms()
    looks = [feed.look(now_ms) for feed in dict.fromkeys(arena.feeds.values())]
    prices = {coin: mark for look in looks for coin in look.coins if (mark := look.mark(coin)) is not None}
    recorder.say(Priced(prices=prices))
    for desk in arena.desks.values():
        try:
            _mark(arena, desk, now_ms)
        except MarkMissing:
            continue
        standing = arena.state.traders[desk.trader].standing
        if desk.limits.sharpe_pause_threshold is not None and standing.pause_until_ms <= now_ms:
            until_ms = sharpe_pause(standing, desk.limits, now_ms)
            if until_ms is not None:
                reason = f"Sharpe ratio below {desk.limits.sharpe_pause_threshold}"
                recorder.say(Control(command="pause", reason=reason, by="engine", until_ms=until_ms), desk.trader)


def _mark(arena: Arena, desk: Desk, now_ms: int) -> None:
    snapshot = desk.feed.look(now_ms)
    account = arena.state.accounts[desk.account].book.traders[desk.trader]
    standing = arena.state.traders[desk.trader].standing
    marks = {coin: mark_of(snapshot, coin) for coin in account.positions}
    worth = valued(account, marks)
    assert worth is not None, "every position has a mark"
    arena.recorder.say(
        Marked(
            equity_usd=worth.equity_usd,
            unrealized_usd=worth.unrealized_usd,
            margin_used_usd=margin_used_usd(account, marks.__getitem__),
            nav=float(net_asset_value(account, worth.equity_usd)) if account.units > 0 else standing.nav,
            prices=marks,
        ),
        desk.trader,
    )
