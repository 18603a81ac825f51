"""Lessons: what was planned for a position against what came of it, once it is closed."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal

from msgspec import Struct

from engine.model.decision import ExitPlan
from engine.model.position import ZERO
from engine.model.trade import CloseReason, Trade

Ending = Literal["target", "stop", "ahead_of_target", "ahead_of_stop", "liquidation", "operator"]

HUNDREDTH = Decimal("0.01")
_TEN_DIGITS = Context(prec=10, rounding=ROUND_HALF_EVEN)  # of an average price: more than any price grid has
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)  # a target may be absurd, and quantizing must not fail for it


class Lesson(Struct, frozen=True, kw_only=True, gc=False):
    """One closed trade beside its plan; ``quantity`` is signed, prices in USD a coin, money in USD.

    ``plan`` is the one in force at the end. Planned risk and reward are those of stop and target at the average entry,
    for the most that was held at once; ``None`` where there is none or it lies on the wrong side. ``multiple`` is the
    net profit over the planned risk, to the hundredth, half to even. ``slip_usd`` is what an exit at stop or target
    missed its price by; positive is worse. It is ``None`` where a part was closed for another reason before: the
    average exit says nothing of the last one.
    """

    trade_id: str
    coin: str
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    entry_ms: int
    exit_ms: int
    net_usd: Decimal
    funding_usd: Decimal
    reason: CloseReason
    ending: Ending
    plan: ExitPlan | None = None
    planned_risk_usd: Decimal | None = None
    planned_reward_usd: Decimal | None = None
    multiple: Decimal | None = None
    slip_usd: Decimal | None = None


def lesson_of(trade: Trade, plan: ExitPlan | None) -> Lesson:
    """What a trade teaches about its plan; prices rounded to ten digits, money to the cent, both half to even."""
    stop = None if plan is None else plan.stop_loss
    target = None if plan is None else plan.profit_target
    entry, exit_ = _TEN_DIGITS.plus(trade.entry_price), _TEN_DIGITS.plus(trade.exit_price)
    size = (trade.most_held or abs(trade.quantity)).copy_sign(trade.quantity)
    risk = None if stop is None else _cents((entry - stop) * size)
    reward = None if target is None else _cents((target - entry) * size)
    whole = all(reason == trade.reason for reason in trade.reasons_before)
    planned = {"stop_loss": stop, "take_profit": target}.get(trade.reason) if whole else None
    return Lesson(
        trade_id=trade.trade_id,
        coin=trade.coin,
        quantity=trade.quantity,
        entry_price=entry,
        exit_price=exit_,
        entry_ms=trade.entry_ms,
        exit_ms=trade.exit_ms,
        net_usd=trade.net_usd,
        funding_usd=trade.funding_usd,
        reason=trade.reason,
        ending=_ending(trade),
        plan=plan,
        planned_risk_usd=risk if risk is not None and risk > ZERO else None,
        planned_reward_usd=reward if reward is not None and reward > ZERO else None,
        multiple=_cents(trade.net_usd / risk) if risk is not None and risk > ZERO else None,
        slip_usd=None if planned is None else _cents((planned - exit_) * trade.quantity),
    )


def _ending(trade: Trade) -> Ending:
    match trade.reason:
        case "take_profit":
            return "target"
        case "stop_loss":
            return "stop"
        case "liquidation" | "operator":
            return trade.reason
        case "decision":
            return "ahead_of_target" if trade.net_usd > ZERO else "ahead_of_stop"


def _cents(value: Decimal) -> Decimal:
    return value.quantize(HUNDREDTH, context=_WIDE)
