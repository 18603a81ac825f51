"""Rebalancing of one venue account when its interval has come: gather equities, then let allocation move free cash."""

from engine.manager.allocation import Allocation, free_cash_usd, rebalance, targets
from engine.manager.arena import Arena
from engine.manager.feed import MarkMissing, mark_of
from engine.model.account import equity_usd, margin_used_usd
from engine.model.ids import AccountId, TraderId


def rebalance_all(arena: Arena, account: AccountId, allocation: Allocation) -> None:
    """Rebalance once an interval; nothing moves while a price is missing or a sample is too small."""
    recorder = arena.recorder
    now_ms = recorder.clock.now_ms()
    if allocation.strategy != "performance_based":
        return
    since_ms = max(arena.state.accounts[account].rebalanced_ms, arena.rebalanced_ms.get(account, 0))
    if now_ms - since_ms < allocation.rebalance_ms:
        return
    arena.rebalanced_ms[account] = now_ms
    snapshot = arena.feeds[account].look(now_ms)
    equities, free = {}, {}
    for desk in arena.desks_of(account):
        ledger = arena.state.ledger(desk.trader)
        if ledger.units == 0:
            continue
        try:
            marks = {coin: mark_of(snapshot, coin) for coin in ledger.positions}
        except MarkMissing:
            return
        trader = TraderId(desk.trader)
        equities[trader] = equity_usd(ledger, marks.__getitem__)
        free[trader] = free_cash_usd(ledger, equities[trader], margin_used_usd(ledger, marks.__getitem__))
    standings = {trader: arena.state.traders[trader].standing for trader in equities}
    rebalance(account, targets(allocation, equities, standings), equities, free, allocation, recorder)
