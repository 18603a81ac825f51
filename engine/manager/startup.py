"""Start-up, which is recovery: whatever the journal left open is brought to an end before anybody decides again."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import structlog

from engine.manager.allocation import fund
from engine.manager.arena import Arena
from engine.manager.lessons import learn
from engine.manager.ports import VenueUnreachable
from engine.manager.record import Configured, Incident, SlotClosed, Started, TraderTerms
from engine.manager.resolve import resolve
from engine.manager.state import State
from engine.manager.watch import observe
from engine.model.ids import HOUSE, AccountId, TraderId, client_order_id, next_slot, slot_at
from engine.model.order import MarginMode, Rejected, SetLeverage

CRASH_WINDOW_MS = 600_000


class TraderMisplaced(ValueError):
    """The configuration takes a trader away from what it holds; the message says which, and what would do."""


log = structlog.get_logger()

RETRY_MS = 5_000  # between two attempts to reach a venue at the start


def announce(arena: Arena, version: str, config: str, terms: Sequence[TraderTerms]) -> None:
    """Begin an epoch; the configuration is said again only when it changed, and then it gets the next version.

    Raises ``TraderMisplaced``, before anything is said, when a trader would be left with positions that nobody watches.
    """
    recorder = arena.recorder
    _check_places(arena, terms)
    recorder.say(Started(epoch=arena.state.epoch + 1, version=version, deployment=arena.deployment))
    known = {trader.terms for trader in arena.state.traders.values()}
    if arena.state.config != config or any(term not in known for term in terms):
        version_number = arena.state.config_version + 1
        recorder.say(Configured(config=config, version=version_number, traders=tuple(terms)))


def crashes_lately(state: State, now_ms: int) -> int:
    """How often the engine ended without an orderly stop within the last ten minutes, this start not counted."""
    return sum(1 for started_ms in state.unended_starts[:-1] if started_ms >= now_ms - CRASH_WINDOW_MS)


def _check_places(arena: Arena, terms: Sequence[TraderTerms]) -> None:
    places = {term.trader: term.account for term in terms}
    faults = []
    for name, trader in arena.state.traders.items():
        held = ", ".join(arena.state.ledger(name).positions)
        if name not in places and held:
            faults.append(f"{name} is not configured any more, but holds {held}: put it back and stop it first")
        elif name in places and places[name] != trader.terms.account:
            faults.append(f"{name} was moved from {trader.terms.account} to {places[name]}: give it a new id there")
    if faults:
        raise TraderMisplaced("; ".join(faults))


def close_left_open(arena: Arena) -> None:
    """A slot that was opened and never closed is interrupted; it is not asked again. Missed slots are one range.

    A trade that closed just before the end is learned from.
    """
    recorder = arena.recorder
    now_ms = recorder.clock.now_ms()
    for desk in arena.desks.values():
        trader = arena.state.traders[desk.trader]
        learn(recorder, desk.trader)
        if trader.open_slot_ms is not None:
            recorder.say(
                SlotClosed(slot_ms=trader.open_slot_ms, outcome="interrupted", why="the engine ended in this slot"),
                desk.trader,
            )
        last_ms = trader.standing.last_slot_ms
        first_ms, missed_until_ms = next_slot(last_ms, desk.interval_ms), slot_at(now_ms, desk.interval_ms)
        if last_ms >= 0 and first_ms <= missed_until_ms:
            recorder.say(
                SlotClosed(
                    slot_ms=first_ms,
                    outcome="skipped",
                    why="downtime",
                    until_ms=missed_until_ms,
                ),
                desk.trader,
            )


async def recover(
    arena: Arena,
    capital: Mapping[AccountId, Mapping[TraderId, Decimal]],
) -> None:
    """Catch up with every venue account: missed venue time, fills, open orders, capital of new traders, leverage."""
    clock = arena.recorder.clock
    for account in arena.gateways:
        while True:
            try:
                await _catch_up(arena, account, capital.get(account, {}))
            except VenueUnreachable as failure:  # nobody decides about an account that nobody can see
                log.warning("venue cannot be asked, start waits", account=account, why=str(failure))
                await clock.sleep_until(clock.now_ms() + RETRY_MS)
            else:
                break


async def _catch_up(arena: Arena, account: AccountId, capital: Mapping[TraderId, Decimal]) -> None:
    """One venue account; what was done already when the venue fell silent is not done again."""
    recorder, gateway = arena.recorder, arena.gateways[account]
    gateway.exchange.advance(recorder.clock.now_ms())
    await resolve(gateway, recorder)
    venue = await gateway.statement()
    fund(account, capital, venue.deposits_usd, recorder)
    await observe(arena, account)
    await set_leverage(arena, account)


async def set_leverage(arena: Arena, account: AccountId) -> None:
    """Set each coin's leverage on the venue to the highest that any of its traders may use, within the tier.

    The engine does this, not the traders: leverage belongs to (account, coin), and each trader's own virtual leverage
    stays at or below it.
    """
    gateway = arena.gateways[account]
    recorder = arena.recorder
    wanted: dict[str, int] = {}
    modes: dict[str, MarginMode] = {}
    for desk in arena.desks_of(account):
        for coin in desk.coins:
            cap = min(desk.limits.leverage_cap(coin), desk.instruments[coin].max_leverage)
            wanted[coin] = max(wanted.get(coin, 1), cap)
            modes.setdefault(coin, desk.margin_mode)
    for coin, leverage in wanted.items():
        if arena.state.accounts[account].leverage.get(coin) == leverage:
            continue
        reference = f"{arena.state.epoch}:{recorder.seq}"
        name = client_order_id(arena.deployment, account, HOUSE, "leverage", f"{coin}:{reference}", 0)
        seq, intended = gateway.intend(
            SetLeverage(coin=coin, leverage=leverage, mode=modes[coin]),
            trader=HOUSE,
            client_order_id=name,
            cause="leverage",
            reference=reference,
        )
        report = await gateway.send(seq, intended, HOUSE)
        if isinstance(report, Rejected):
            detail = f"leverage {leverage} on {coin} was refused: {report.code} {report.detail}"
            recorder.say(Incident(account=account, what="leverage_refused", detail=detail, severity="critical"))
