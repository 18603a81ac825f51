"""Decisions, what becomes of them, and the plan by which a position is to end."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from engine.model.order import MarginMode, OrderStyle, Side

Signal = Literal["buy_to_enter", "sell_to_enter", "hold", "close"]


class Decision(Struct, frozen=True, kw_only=True, gc=False):
    """What a trader wants for one coin. At most one decision a coin and slot.

    Size is given by exactly one of ``quantity`` (coins), ``position_size_usd`` (notional) or, by strategies only,
    ``target_quantity`` (signed coins to hold afterwards). ``close`` without a quantity closes everything.
    ``confidence`` is 0 to 1. ``entry_price`` is the decider's own idea and never becomes a fill price.
    """

    symbol: str
    signal: Signal
    quantity: Decimal | None = None
    position_size_usd: Decimal | None = None
    target_quantity: Decimal | None = None
    leverage: int | None = None
    entry_price: Decimal | None = None
    stop_loss: Decimal | None = None
    profit_target: Decimal | None = None
    risk_usd: Decimal | None = None
    confidence: float | None = None
    invalidation_condition: str = ""
    justification: str = ""

    @property
    def opens(self) -> bool:
        """Whether the decision asks for a position, new or larger."""
        return self.signal in ("buy_to_enter", "sell_to_enter")


class ExitPlan(Struct, frozen=True, kw_only=True, gc=False):
    """How a position is to end; prices in USD. The engine watches it on shared coins, the venue on exclusive ones.

    ``justification`` is why it was entered, in the decider's words.
    """

    stop_loss: Decimal | None = None
    profit_target: Decimal | None = None
    invalidation_condition: str = ""
    justification: str = ""
    risk_usd: Decimal | None = None
    confidence: float | None = None


class Proposal(Struct, frozen=True, kw_only=True, gc=False):
    """A decision sized and rounded at the current mark, before anybody judged it.

    ``quantity`` is positive, on the lot; ``closes`` of it reduce the position held, the rest opens. ``held`` is the
    signed position it starts from. ``limit_price`` is the worst price the order may take.
    """

    decision: Decision
    coin: str
    side: Side
    quantity: Decimal
    closes: Decimal
    held: Decimal
    mark: Decimal
    limit_price: Decimal
    style: OrderStyle
    leverage: int
    mode: MarginMode = "cross"
    plan: ExitPlan | None = None
    expires_ms: int | None = None

    @property
    def opens(self) -> Decimal:
        """The part of the quantity that enlarges or opens a position, in coins."""
        return self.quantity - self.closes

    @property
    def after(self) -> Decimal:
        """The signed position once the order is filled."""
        return self.held + self.quantity if self.side == "buy" else self.held - self.quantity


class Approved(Struct, frozen=True, kw_only=True, gc=False, tag="approved"):
    """A proposal that passed every rule: the only thing that can become an intent."""

    proposal: Proposal


class Denied(Struct, frozen=True, kw_only=True, gc=False, tag="denied"):
    """A decision that a rule of ours stopped; ``detail`` says what was found and what the limit is."""

    symbol: str
    signal: Signal
    rule: str
    detail: str


Verdict = Approved | Denied
