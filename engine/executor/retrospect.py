"""The retrospect: what a trader's closed trades and their lessons say to the model that decides next."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from engine.executor.figures import Quoted, figures, instant, minutes, quoted, usd
from engine.executor.foreign import coin_name
from engine.model.decision import ExitPlan
from engine.model.lesson import Lesson
from engine.model.trade import Trade

TRADES = 10  # closed trades shown
LONGEST_REASON = 200  # characters of why a trade was entered
_ONE = Decimal(1)


class TradeBrief(Struct, frozen=True, kw_only=True):
    """One closed trade; ``net_usd`` is after fees, ``funding_usd`` beside it.

    ``plan``, ``lesson`` and ``thesis`` are what was planned, what came of it in our words, and why the position was
    entered in the model's own; ``None`` where nothing was written down.
    """

    coin: str
    side: str
    quantity: str
    entry: str
    exit: str
    net_usd: str
    funding_usd: str
    minutes: str
    closed: str
    reason: str
    plan: str | None
    lesson: str | None
    thesis: Quoted | None


class RetrospectBrief(Struct, frozen=True, kw_only=True):
    """The lessons taken together: how many trades there were, and how they ended.

    ``multiple`` is the average profit in units of the planned risk, over the trades that planned one; ``confidence``
    the average stated at entry, in percent, and ``won_pct`` the share of those very trades that made a profit.
    """

    trades: int
    targets: int
    stops: int
    early_gains: int
    early_losses: int
    multiple: str | None
    confidence: str | None
    won_pct: str | None


def closed_trades(trades: Sequence[Trade], lessons: Sequence[Lesson]) -> tuple[TradeBrief, ...]:
    """The last ten trades, oldest first, each with the lesson that was taken from it. Raises ``PromptError``."""
    learned = {lesson.trade_id: lesson for lesson in lessons}
    shown = sorted(trades, key=lambda trade: trade.exit_ms)[-TRADES:]
    return tuple(_trade(trade, learned.get(trade.trade_id)) for trade in shown)


def retrospect(lessons: Sequence[Lesson]) -> RetrospectBrief | None:
    """What the lessons say together; ``None`` as long as there is none."""
    if not lessons:
        return None
    endings = [lesson.ending for lesson in lessons]
    multiples = [lesson.multiple for lesson in lessons if lesson.multiple is not None]
    sure = [
        (lesson.plan.confidence, lesson.net_usd > 0)
        for lesson in lessons
        if lesson.plan is not None and lesson.plan.confidence is not None
    ]
    return RetrospectBrief(
        trades=len(lessons),
        targets=endings.count("target"),
        stops=endings.count("stop"),
        early_gains=endings.count("ahead_of_target"),
        early_losses=endings.count("ahead_of_stop"),
        multiple=f"{sum(multiples) / len(multiples):+.2f}" if multiples else None,
        confidence=f"{100 * sum(stated for stated, _ in sure) / len(sure):.0f}" if sure else None,
        won_pct=f"{100 * sum(won for _, won in sure) / len(sure):.0f}" if sure else None,
    )


def _trade(trade: Trade, lesson: Lesson | None) -> TradeBrief:
    plan = None if lesson is None else lesson.plan
    return TradeBrief(
        coin=coin_name(trade.coin),
        side="long" if trade.quantity > 0 else "short",
        quantity=f"{abs(trade.quantity):f}",
        entry=figures(trade.entry_price, 8),
        exit=figures(trade.exit_price, 8),
        net_usd=f"{trade.net_usd:+.2f}",
        funding_usd=f"{trade.funding_usd:+.2f}",
        minutes=minutes(trade.exit_ms - trade.entry_ms),
        closed=instant(trade.exit_ms),
        reason=trade.reason.replace("_", " "),
        plan=None if lesson is None or plan is None else _plan(lesson, plan),
        lesson=None if lesson is None else _lesson(lesson),
        thesis=quoted(plan.justification, LONGEST_REASON) if plan is not None and plan.justification else None,
    )


def _plan(lesson: Lesson, plan: ExitPlan) -> str | None:
    """What had been planned: ``stop 107000, target 110000, risking 10.00 USD for 20.00 USD, confidence 80 %``."""
    parts = []
    if plan.stop_loss is not None:
        parts.append(f"stop {figures(plan.stop_loss, 8)}")
    if plan.profit_target is not None:
        parts.append(f"target {figures(plan.profit_target, 8)}")
    if lesson.planned_risk_usd is not None:
        gain = "" if lesson.planned_reward_usd is None else f" for {usd(lesson.planned_reward_usd)} USD"
        parts.append(f"risking {usd(lesson.planned_risk_usd)} USD{gain}")
    if plan.confidence is not None:
        parts.append(f"confidence {100 * plan.confidence:.0f} %")
    return ", ".join(parts) or None


def _lesson(lesson: Lesson) -> str:
    """What came of it, in one clause and, where a risk was planned, its size in units of that risk."""
    told = _ending(lesson)
    if lesson.slip_usd is not None and lesson.slip_usd != 0:
        side = "worse" if lesson.slip_usd > 0 else "better"
        told += f", filled {usd(abs(lesson.slip_usd))} USD {side} than planned"
    if lesson.multiple is not None:
        told += f"; {lesson.multiple:+.2f} times the planned risk, after fees"
    return told


def _ending(lesson: Lesson) -> str:
    plan = lesson.plan
    match lesson.ending:
        case "target":
            return "the target was reached"
        case "stop":
            return "the stop was hit"
        case "liquidation":
            return "it was liquidated: the stop was too far away, or there was none"
        case "operator":
            return "an operator closed it; it says nothing about the plan"
        case "ahead_of_target":
            way = None if plan is None else _way(lesson, plan.profit_target)
            return "you closed it with a profit" + ("" if way is None else f", {way} % of the way to the target")
        case "ahead_of_stop":
            way = None if plan is None else _way(lesson, plan.stop_loss)
            return "you closed it with a loss" + ("" if way is None else f", {way} % of the way to the stop")


def _way(lesson: Lesson, planned: Decimal | None) -> str | None:
    """How much of the way from entry to a planned price was gone at the exit, in percent, half to even.

    ``None`` where there was no such way, or the price had gone the other way or beyond.
    """
    if planned is None or planned == lesson.entry_price:
        return None
    share = 100 * (lesson.exit_price - lesson.entry_price) / (planned - lesson.entry_price)
    return f"{share.quantize(_ONE, rounding=ROUND_HALF_EVEN)}" if 0 <= share <= 100 else None
