"""A desk: one trader with its decider, its limits and the providers it works with."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from engine.executor.context import Context
from engine.executor.limits import AccountLimits, Limits
from engine.executor.ports import ChatModel, Strategy
from engine.executor.prompt import PromptSource
from engine.executor.selector.selector import Selector
from engine.manager.budget import Allowance
from engine.manager.feed import Feed, MarkMissing
from engine.manager.gateway import Gateway
from engine.manager.state import State
from engine.model.account import Account
from engine.model.ids import AccountId, TraderId
from engine.model.instrument import Instrument
from engine.model.market import MarketSnapshot
from engine.model.order import MarginMode, OrderStyle


class ModelDecider(Struct, frozen=True, kw_only=True):
    """Decisions by a chat model: what it is shown, how long it may think, and what it may use up.

    With a ``selector`` it does not decide per coin but weighs the strategies of that.

    Without an ``allowance`` no budget counts what it uses: nobody is paid for it. ``live_only`` says that it is really
    called: about slots of the past nobody asks it, which would cost money and be answered with what was read since.
    """

    model: ChatModel
    prompts: PromptSource
    timeout_ms: int
    series_interval_ms: int
    long_interval_ms: int
    allowance: Allowance | None = None
    live_only: bool = False
    selector: Selector | None = None


Decider = Strategy | ModelDecider | Selector


def selector_of(decider: Decider) -> Selector | None:
    """The selector that decides, alone or by its model; ``None`` where none does."""
    match decider:
        case Selector():
            return decider
        case ModelDecider(selector=selector):
            return selector
        case _:
            return None


class Desk(Struct, kw_only=True):
    """Everything that one trader's cycle needs. Lives outside the state: it can be rebuilt from the configuration."""

    trader: TraderId
    account: AccountId
    interval_ms: int
    coins: tuple[str, ...]
    decider: Decider
    limits: Limits
    account_limits: AccountLimits
    instruments: Mapping[str, Instrument]
    feed: Feed
    gateway: Gateway
    order_style: OrderStyle = "market_ioc"
    slippage_bps: Decimal = Decimal(50)
    order_expiry_ms: int | None = None
    margin_mode: MarginMode = "cross"
    max_account_age_ms: int = 60_000
    candidate_limit: int | None = None


class Unlookable(Exception):
    """The slot cannot be decided because something that must be known is not; the message says what."""


def context_of(desk: Desk, state: State, slot_ms: int, now_ms: int, only: tuple[str, ...] | None = None) -> Context:
    """One look: everything the decider may see and risk may judge. Raises ``Unlookable`` and ``MarkMissing``.

    ``only`` narrows the coins to those in which a strategy may want to act at this slot.
    """
    age = desk.feed.account_age_ms(now_ms)
    if age is None:
        raise Unlookable("account:missing")
    if age > desk.max_account_age_ms:
        raise Unlookable(f"account:stale, {age} ms old, {desk.max_account_age_ms} allowed")
    snapshot = desk.feed.look(now_ms)
    trader = state.traders[desk.trader]
    account_state = state.accounts[desk.account]
    account = account_state.book.traders[desk.trader]
    unpriced = snapshot.unpriced(account.positions)
    if unpriced is not None:
        raise MarkMissing(f"{unpriced} has no price at {now_ms}")
    coins = desk.coins if only is None else only
    if type(desk.decider) is ModelDecider:
        oldest_ms = now_ms - desk.limits.max_snapshot_age_ms
        coins = tuple(
            coin for coin in coins if (found := snapshot.coin(coin)) is not None and found.price_ms >= oldest_ms
        )
    if desk.candidate_limit is not None and len(coins) > desk.candidate_limit:
        coins = candidates(coins, account, snapshot, desk.candidate_limit)
    context = Context(
        trader=desk.trader,
        slot_ms=slot_ms,
        now_ms=now_ms,
        interval_ms=desk.interval_ms,
        coins=coins,
        instruments=desk.instruments,
        market=snapshot,
        account=account,
        plans=trader.plans,
        standing=trader.standing,
        limits=desk.limits,
        account_limits=desk.account_limits,
        book=account_state.book,
        pending=state.pending(desk.account) if account_state.intents else (),
        recent_trades=trader.recent_trades,
        selection=trader.selection,
        lessons=trader.lessons,
    )
    if type(desk.decider) is ModelDecider and not context.equity_usd.is_finite():
        raise Unlookable(f"equity:not finite ({context.equity_usd})")
    return context


def candidates(coins: tuple[str, ...], account: Account, snapshot: MarketSnapshot, limit: int) -> tuple[str, ...]:
    """The coins held, and of the others the ``limit`` that moved most within the last hour, in configured order."""

    def movement(coin: str) -> float:
        found = snapshot.coin(coin)
        return 0.0 if found is None or found.change_1h is None else abs(found.change_1h)

    others = sorted((coin for coin in coins if coin not in account.positions), key=movement, reverse=True)
    shown = {*others[:limit], *account.positions}
    return tuple(coin for coin in coins if coin in shown)
