"""What the tests of risk put before its judges: an account of 10,000 USD, three coins at round prices, loose limits."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from engine.executor.context import Context, PendingOrder
from engine.executor.limits import AccountLimits, Limits
from engine.model.account import Account
from engine.model.book import Book
from engine.model.decision import Decision, ExitPlan, Proposal, Signal
from engine.model.ids import AccountId, TraderId
from engine.model.instrument import Instrument, hyperliquid_instrument
from engine.model.market import CoinSnapshot, Column, Window, snapshot_of
from engine.model.order import Side
from engine.model.position import Position
from engine.model.standing import Standing

ME, RIVAL = TraderId("me"), TraderId("rival")
DAY = 20_000  # a UTC day, counted from 1970
NOW_MS = DAY * 86_400_000 + 3_600_000
PRICES = {"BTC": Decimal(100), "ETH": Decimal(10), "SOL": Decimal(1)}
INSTRUMENTS: dict[str, Instrument] = {
    "BTC": hyperliquid_instrument("BTC", 3, 40),
    "ETH": hyperliquid_instrument("ETH", 3, 25),
    "SOL": hyperliquid_instrument("SOL", 2, 20),
}
LOOSE = Limits(
    max_positions=10,
    max_position_size_usd=Decimal(100_000),
    max_margin_usage_pct=None,
    min_risk_reward_ratio=None,
    min_confidence=None,
    stop_loss_enabled=False,
    take_profit_enabled=False,
)


def a_position(coin: str, quantity: str, leverage: int = 10) -> Position:
    """A position entered at the coin's price of these tests."""
    held = Decimal(quantity)
    return Position(coin=coin, quantity=held, cost_usd=held * PRICES[coin], leverage=leverage)


def an_account(*positions: Position, trader: TraderId = ME) -> Account:
    return Account(
        trader=trader,
        capital_usd=Decimal(10_000),
        units=Decimal(10_000),
        positions={position.coin: position for position in positions},
    )


def a_snapshot(coin: str, **changes: Any) -> CoinSnapshot:
    known = CoinSnapshot(
        coin=coin, price_ms=NOW_MS - 1000, mark=PRICES[coin], mid=PRICES[coin], oracle=PRICES[coin], open_interest=1e6
    )
    return replace(known, **changes)


def a_context(
    *positions: Position,
    limits: Limits = LOOSE,
    account_limits: AccountLimits | None = None,
    rival: Sequence[Position] = (),
    pending: Sequence[PendingOrder] = (),
    standing: Mapping[str, Any] | None = None,
    snapshots: Mapping[str, CoinSnapshot | None] | None = None,
    closes: Mapping[str, Sequence[float]] | None = None,
    **changes: Any,
) -> Context:
    """A context in which nothing is wrong but what the test changes."""
    account = an_account(*positions)
    shown = {coin: a_snapshot(coin) for coin in PRICES} | dict(snapshots or {})
    windows = {coin: Window(coin, {Column("close"): row}, len(row) - 1) for coin, row in (closes or {}).items()}
    known = Context(
        trader=ME,
        slot_ms=NOW_MS,
        now_ms=NOW_MS,
        interval_ms=180_000,
        coins=tuple(PRICES),
        instruments=INSTRUMENTS,
        market=snapshot_of(NOW_MS, [found for found in shown.values() if found is not None], windows),
        account=account,
        known_equity_usd=Decimal(10_000),
        plans={},
        standing=Standing(**({"day": DAY, "day_nav": 1.0} | dict(standing or {}))),
        limits=limits,
        account_limits=account_limits or AccountLimits(),
        book=Book(account=AccountId("sim"), traders={ME: account, RIVAL: an_account(*rival, trader=RIVAL)}),
        pending=tuple(pending),
    )
    return replace(known, **changes)


def a_pending_order(coin: str, side: Side, remaining: str, trader: TraderId = ME) -> PendingOrder:
    return PendingOrder(
        client_order_id="0x1",
        trader=trader,
        coin=coin,
        side=side,
        remaining=Decimal(remaining),
        price=PRICES[coin],
        unresolved=True,
    )


def a_proposal(
    coin: str = "BTC",
    quantity: str = "1",
    side: Side = "buy",
    *,
    held: str = "0",
    leverage: int = 10,
    stop: str | None = None,
    target: str | None = None,
    decision: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Proposal:
    """An order at the mark; what of it closes follows from what is held."""
    size, before = Decimal(quantity), Decimal(held)
    against = before != 0 and (before > 0) != (side == "buy")
    closes = min(size, abs(before)) if against else Decimal(0)
    entering: Signal = "buy_to_enter" if side == "buy" else "sell_to_enter"
    signal: Signal = "close" if closes == size else entering
    plan = ExitPlan(
        stop_loss=None if stop is None else Decimal(stop), profit_target=None if target is None else Decimal(target)
    )
    known = Proposal(
        decision=replace(Decision(symbol=coin, signal=signal), **(decision or {})),
        coin=coin,
        side=side,
        quantity=size,
        closes=closes,
        held=before,
        mark=PRICES[coin],
        limit_price=PRICES[coin],
        style="market_ioc",
        leverage=leverage,
        plan=plan if stop or target else None,
    )
    return replace(known, **changes)
