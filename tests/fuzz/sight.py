"""What a cycle could see, and what it sent: the two things between which the envelope is checked."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from engine.executor.limits import AccountLimits, Limits
from engine.model.decision import Decision, ExitPlan
from engine.model.instrument import Instrument
from engine.model.order import MarginMode, Order
from engine.model.standing import Standing


class Seen(Struct, frozen=True, kw_only=True):
    """One coin as it was shown: its price and when that was so, oracle, open interest in coins, closes of its bars."""

    mark: Decimal
    price_ms: int
    oracle: Decimal | None = None
    open_interest: float | None = None
    closes: tuple[float, ...] = ()


class Held(Struct, frozen=True, kw_only=True):
    """A position: signed coins, what they cost, on what terms."""

    quantity: Decimal
    cost_usd: Decimal
    leverage: int
    mode: MarginMode


class Waiting(Struct, frozen=True, kw_only=True):
    """An order that may still be filled."""

    trader: str
    coin: str
    buys: bool
    remaining: Decimal
    price: Decimal


class Sight(Struct, frozen=True, kw_only=True):
    """All that a cycle of ``trader`` could know when it decided; positions of everybody by trader and coin."""

    trader: str
    now_ms: int
    limits: Limits
    account: AccountLimits
    coins: tuple[str, ...]
    instruments: Mapping[str, Instrument]
    seen: Mapping[str, Seen]
    held: Mapping[str, Mapping[str, Held]]
    waiting: tuple[Waiting, ...]
    plans: Mapping[str, ExitPlan]
    cash_usd: Decimal
    units: Decimal
    standing: Standing
    venue_leverage: Mapping[str, int]
    decisions: Mapping[str, Decision] = {}


class Sent(Struct, frozen=True, kw_only=True):
    """One order as it reached the venue, with the terms on which its fills are booked."""

    order: Order
    cause: str
    leverage: int
    mode: MarginMode
    plan: ExitPlan | None = None
