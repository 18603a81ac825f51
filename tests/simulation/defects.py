"""What can be wrong with an engine: functions that take the place of its own while a mutant is switched on."""

from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

import engine.manager.cycle as cycle
import engine.manager.exits as exits
import engine.manager.fold as fold
import engine.manager.gateway as gateway
import engine.manager.resolve as resolve
import engine.manager.scheduler as scheduler
import engine.manager.startup as startup
import engine.manager.watch as watch
import engine.model.account as account
import engine.simulation.disk as disk
import engine.simulation.process as process
from engine.executor import risk
from engine.journal.checkpoints import Checkpoint, decode, sealed
from engine.manager import record as r
from engine.manager.recorder import Recorder
from engine.manager.state import State
from engine.model.decision import Approved
from engine.model.ids import TraderId
from engine.model.order import Accepted, Fill, Order, Rejected, Unresolved
from engine.model.position import ZERO

Switch = Callable[[ExitStack], None]


def instead(where: Any, name: str, what: Any) -> Switch:
    return lambda stack: stack.enter_context(patch.object(where, name, what))


def wrapped(where: Any, name: str, around: Callable[[Any], Any]) -> Switch:
    return instead(where, name, around(getattr(where, name)))


async def at_once(recorder: Recorder, seq: int) -> None:
    """Nothing is made durable."""


def folding(kind: type[Any], around: Callable[[Any], Any]) -> Switch:
    return lambda stack: stack.enter_context(patch.dict(fold.FOLDS, {kind: around(fold.FOLDS[kind])}))


# Journal after the act


def no_sync(stack: ExitStack) -> None:
    for name in ("durable", "intent_durable"):
        if hasattr(Recorder, name):
            stack.enter_context(patch.object(Recorder, name, at_once))


def act_first(stack: ExitStack) -> None:
    async def send(self: Any, seq: int, intended: r.Intended, trader: TraderId) -> Any:
        report = await self.exchange.submit(intended.envelope)
        await self._recorder.durable(seq)
        self._recorder.say(
            r.Reported(account=self.account, client_order_id=intended.client_order_id, report=report),
            None if trader == "house" else trader,
        )
        await self.collect()
        return report

    stack.enter_context(patch.object(gateway.Gateway, "send", send))


# Guesses about what nobody knows


def unresolved_is_rejected(stack: ExitStack) -> None:
    def reported(**fields: Any) -> r.Reported:
        if isinstance(fields["report"], Unresolved):
            fields["report"] = Rejected(code="timeout")
        return r.Reported(**fields)

    stack.enter_context(patch.object(gateway, "Reported", reported))


def retry(new_id: bool) -> Switch:
    def around(send: Any) -> Any:
        async def again(self: Any, seq: int, intended: r.Intended, trader: TraderId) -> Any:
            report = await send(self, seq, intended, trader)
            action = intended.envelope.action
            if isinstance(report, Unresolved) and isinstance(action, Order):
                if new_id:
                    action = replace(action, client_order_id=action.client_order_id[:-4] + "9999")
                next_seq, anew = self.intend(
                    action,
                    trader=trader,
                    client_order_id=action.client_order_id,
                    cause=intended.cause,
                    reference=intended.reference,
                    leverage=intended.leverage,
                    mode=intended.mode,
                    plan=intended.plan,
                )
                report = await send(self, next_seq, anew, trader)
            return report

        return again

    return wrapped(gateway.Gateway, "send", around)


def give_up(after: int) -> Switch:
    asked: dict[str, int] = {}

    async def never_accepted(door: Any, intent: Any, order: Any) -> Any:
        if intent.filled:
            return None
        asked[intent.client_order_id] = asked.get(intent.client_order_id, 0) + 1
        if asked[intent.client_order_id] < after:
            return None
        return Rejected(code="lost"), f"{after} reads"

    def switch(stack: ExitStack) -> None:
        asked.clear()
        stack.enter_context(patch.object(resolve, "_by_absence", never_accepted))

    return switch


def one_absence(stack: ExitStack) -> None:
    stack.enter_context(patch.object(resolve, "ABSENCES", 1))
    stack.enter_context(patch.object(resolve, "GRACE_MS", 0))


def consumed_is_never(stack: ExitStack) -> None:
    stack.enter_context(patch.object(resolve, "CONSUMED_GRACE_MS", 0))


# Fills


def error_is_fill(around_rejects: bool) -> Switch:
    def around(send: Any) -> Any:
        async def assume(self: Any, seq: int, intended: r.Intended, trader: TraderId) -> Any:
            report = await send(self, seq, intended, trader)
            order = intended.envelope.action
            if isinstance(order, Order) and isinstance(report, Rejected) == around_rejects:
                filled = report.filled_quantity if isinstance(report, Accepted) else ZERO
                missing = order.quantity - filled
                if missing and not isinstance(report, Unresolved):
                    fill = Fill(
                        trade_id=f"assumed-{order.client_order_id}",
                        order_id=1,
                        client_order_id=order.client_order_id,
                        coin=order.coin,
                        side=order.side,
                        quantity=missing,
                        price=order.limit_price,
                        fee_usd=ZERO,
                        time_ms=self._recorder.clock.now_ms(),
                    )
                    self._recorder.say(r.Filled(account=self.account, fill=fill), trader)
            return report

        return assume

    return wrapped(gateway.Gateway, "send", around)


def forgets_fills(filled: Any) -> Any:
    def forgetful(state: State, *rest: Any) -> None:
        filled(state, *rest)
        for found in state.accounts.values():
            found.fills_seen.clear()

    return forgetful


def no_looking_back(stack: ExitStack) -> None:
    from engine.simulation.link import Link

    def around(init: Any) -> Any:
        def begin(self: Any, *arguments: Any) -> None:
            init(self, *arguments)
            self.capabilities = replace(self.capabilities, fills_late_ms=0)

        return begin

    stack.enter_context(patch.object(Link, "__init__", around(Link.__init__)))


def forgotten_at_once(account_state: Any, intent: Any, filled: Decimal) -> None:
    account_state.intents.pop(intent.client_order_id, None)


def seen_before_reading(stack: ExitStack) -> None:
    """As it was before: what is known already was looked up before the reads, and somebody else booked it meanwhile."""

    async def collect(self: Any) -> int:
        state = self._recorder.state.accounts[self.account]
        seen = dict(state.fills_seen)
        told = await self.exchange.fills(max(state.opened_ms, state.fills_until_ms - 600_000))
        for fill in list({fill.trade_id: fill for fill in told if fill.trade_id not in seen}.values()):
            self._fill(fill)
        return 0

    stack.enter_context(patch.object(gateway.Gateway, "collect", collect))


# Books


def loses_positions(replay: Any) -> Any:
    def lossy(entries: Any, state: State, sinks: Any = ()) -> State:
        replay(entries, state, sinks)
        for found in state.accounts.values():
            for name, ledger in list(found.book.traders.items()):
                found.book.traders[name] = account.Account(
                    **{**{f: getattr(ledger, f) for f in ledger.__struct_fields__}, "positions": {}}
                )
        return state

    return lossy


def forgets_plans(encode: Any) -> Any:
    """A checkpoint without the exit plans."""

    def lossy(checkpoint: Checkpoint) -> Any:
        again = decode(sealed(encode(checkpoint)))
        for trader in again.state.traders.values():
            trader.plans = {}
        return encode(again)

    return lossy


def float_money(apply_fill: Any) -> Any:
    def inexact(*arguments: Any, **named: Any) -> Any:
        position, realized = apply_fill(*arguments, **named)
        return position, Decimal(float(realized) * (1 + 1e-15))

    return inexact


def unsaid(exit_due: Any) -> Any:
    def quietly(arena: Any, desk: Any, **named: Any) -> Any:
        trader = arena.state.traders[desk.trader]
        if trader.plans and trader.standing.trades % 5 == 4:
            trader.plans.clear()
        return exit_due(arena, desk, **named)

    return quietly


def whole_account(close_position: Any) -> Any:
    async def everything(desk: Any, recorder: Recorder, deployment: str, coin: str, cause: Any) -> Any:
        state = recorder.state.accounts[desk.account]
        own = state.book.traders[desk.trader]
        position = own.positions.get(coin)
        if position is None or cause == "liquidation":
            return await close_position(desk, recorder, deployment, coin, cause)
        intend = desk.gateway.intend

        def larger(action: Any, **named: Any) -> Any:
            net = abs(sum((a.positions[coin].quantity for a in state.book.accounts() if coin in a.positions), ZERO))
            return intend(replace(action, quantity=max(action.quantity, net)), **named)

        with patch.object(desk.gateway, "intend", larger), patch.object(desk.gateway, "_fault", lambda *a: None):
            return await close_position(desk, recorder, deployment, coin, cause)

    return everything


def funds_twice(stack: ExitStack) -> None:
    async def collect(self: Any) -> int:
        self._recorder.state.accounts[self.account].funded_ms.clear()
        self._funded_ms = 0
        return int(await original(self))

    original = gateway.Gateway.collect
    stack.enter_context(patch.object(gateway.Gateway, "collect", collect))


def late_funding_lost(stack: ExitStack) -> None:
    """What the venue has not told within a second of the hour is never booked."""

    async def collect_late_funding(self: Any) -> None:
        """Nothing is asked again."""

    stack.enter_context(patch.object(gateway.Gateway, "collect_late_funding", collect_late_funding))
    stack.enter_context(patch.object(gateway.Gateway, "_book_late", lambda *arguments: None))


# Envelope


def approves_all(proposals: Any, context: Any) -> Any:
    return [Approved(proposal=proposal) for proposal in proposals]


def no_gateway_caps(stack: ExitStack) -> None:
    """Both judges are asleep: validation is worked out and then not heeded."""
    for module in (cycle, risk):
        stack.enter_context(patch.object(module, "judge", approves_all))
    stack.enter_context(patch.object(gateway.Gateway, "_fault", lambda self, intended, trader: None))


def no_switch(stack: ExitStack) -> None:
    from engine.manager.halt import NoSwitch

    init = gateway.Gateway.__init__

    def begin(self: Any, *arguments: Any, **named: Any) -> None:
        init(self, *arguments, **named)
        self._switch = NoSwitch()

    stack.enter_context(patch.object(gateway.Gateway, "__init__", begin))


def minute_ids(deployment: str, account: str, trader: str, cause: str, reference: str, leg: int) -> str:
    from engine.model.ids import client_order_id

    minute = int(reference) // 300_000 if reference.isdigit() else reference
    return client_order_id(deployment, account, trader, cause, str(minute), leg)


def stopped_too_early(stack: ExitStack) -> None:
    """A stop is over while orders are still under way, and nobody looks after what they leave with a stopped trader."""
    due = watch.exit_due

    def no_orders(recorder: Any, desk: Any, coin: str | None = None) -> list[Any]:
        return []

    def blind(arena: Any, desk: Any, *, flatten: bool = False) -> Any:
        standing = arena.state.traders[desk.trader].standing
        return None if standing.status == "stopped" and not standing.liquidated else due(arena, desk, flatten=flatten)

    stack.enter_context(patch.object(watch, "own_orders", no_orders))
    stack.enter_context(patch.object(watch, "exit_due", blind))


def one_after_the_other(stack: ExitStack) -> None:
    """Cycles wait for each other: one slow model holds up everybody."""
    opened = scheduler.Scheduler._supervise

    async def supervise(self: Any, desk: Any, slot_ms: int) -> None:
        while getattr(self, "_one", None) not in (None, desk.trader):
            await self.arena.recorder.clock.sleep_until(self.arena.recorder.clock.now_ms() + 500)
        self._one = desk.trader
        try:
            await opened(self, desk, slot_ms)
        finally:
            self._one = None

    stack.enter_context(patch.object(scheduler.Scheduler, "_supervise", supervise))


def asks_again(close_left_open: Any) -> Any:
    """A slot that was under way is taken up again after a restart."""

    def reopen(arena: Any) -> None:
        for desk in arena.desks.values():
            trader = arena.state.traders[desk.trader]
            if trader.open_slot_ms is not None:
                arena.resumes = [*getattr(arena, "resumes", []), (desk, trader.open_slot_ms)]
        close_left_open(arena)

    return reopen


def resume(stack: ExitStack) -> None:
    stack.enter_context(patch.object(process, "close_left_open", asks_again(startup.close_left_open)))
    run = scheduler.Scheduler.run

    async def resumed(self: Any) -> None:
        for desk, slot_ms in getattr(self.arena, "resumes", []):
            await cycle.run_cycle(desk, slot_ms, self.arena.recorder, self.arena.deployment)
        await run(self)

    stack.enter_context(patch.object(scheduler.Scheduler, "run", resumed))


def no_tolerance(damage: Any, head: Any) -> None:
    raise damage


def no_lock(self: Any, path: Any) -> int:
    self._disk.names.setdefault(path, disk.File())
    return int(self._handle(path))


def fatal_reads(stack: ExitStack) -> None:
    """A failed read on the way to an exit ends the engine."""
    stack.enter_context(patch.object(exits, "VenueUnreachable", type("Another", (Exception,), {})))


def stubborn(around: Any) -> Any:
    async def through(door: Any, recorder: Any) -> int:
        return 0

    return through
