"""The retrospect: closed trades and what they taught, in words and numbers that a model is shown."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from engine.executor.retrospect import TRADES, TradeBrief, closed_trades, retrospect
from engine.model.decision import ExitPlan
from engine.model.lesson import Lesson, lesson_of
from engine.model.trade import CloseReason
from tests.executor.prompt.scene import lesson, trade

PLAN = ExitPlan(stop_loss=Decimal(107_000), profit_target=Decimal(110_000), confidence=0.6)


def ended(at: int, reason: CloseReason = "decision", plan: ExitPlan | None = PLAN) -> Lesson:
    """The scene's trade (0.01 BTC from 108,000, fees of 0.98 USD), ended at another price."""
    return lesson_of(structs.replace(trade(), exit_notional_usd=Decimal(at) / 100, reason=reason), plan)


def told(found: Lesson) -> str | None:
    [shown] = closed_trades([trade()], [found])
    return shown.lesson


def test_a_trade_stands_beside_its_plan_its_outcome_and_its_reason() -> None:
    [shown] = closed_trades([trade()], [lesson()])

    assert shown.plan == "stop 107000, target 109500, risking 10.00 USD for 15.00 USD, confidence 70 %"
    assert shown.lesson == "the target was reached; +1.40 times the planned risk, after fees"
    assert shown.thesis == '"RSI14 turned up from 38 while the longer term rises"'


@pytest.mark.parametrize(
    ("at", "reason", "plan", "expected"),
    [
        (107_000, "stop_loss", PLAN, "the stop was hit; -1.10 times the planned risk, after fees"),
        (
            106_900,
            "stop_loss",
            PLAN,
            "the stop was hit, filled 1.00 USD worse than planned; -1.20 times the planned risk, after fees",
        ),
        (
            110_100,
            "take_profit",
            PLAN,
            "the target was reached, filled 1.00 USD better than planned; +2.00 times the planned risk, after fees",
        ),
        (
            109_000,
            "decision",
            PLAN,
            "you closed it with a profit, 50 % of the way to the target; +0.90 times the planned risk, after fees",
        ),
        (
            107_750,
            "decision",
            PLAN,
            "you closed it with a loss, 25 % of the way to the stop; -0.35 times the planned risk, after fees",
        ),
        (108_050, "decision", PLAN, "you closed it with a loss; -0.05 times the planned risk, after fees"),
        (111_000, "decision", PLAN, "you closed it with a profit; +2.90 times the planned risk, after fees"),
        (109_000, "decision", None, "you closed it with a profit"),
        (108_000, "decision", ExitPlan(stop_loss=Decimal(108_000)), "you closed it with a loss"),
        (90_000, "liquidation", None, "it was liquidated: the stop was too far away, or there was none"),
        (108_000, "operator", None, "an operator closed it; it says nothing about the plan"),
    ],
)
def test_what_came_of_a_plan_is_one_clause(at: int, reason: CloseReason, plan: ExitPlan | None, expected: str) -> None:
    assert told(ended(at, reason, plan)) == expected


def test_a_trade_whose_lesson_is_not_known_stands_alone() -> None:
    [shown] = closed_trades([trade()], [])

    assert (shown.plan, shown.lesson, shown.thesis) == (None, None, None)
    assert shown.net_usd == "+14.02"


def test_a_plan_without_numbers_is_no_line() -> None:
    [shown] = closed_trades([trade()], [ended(109_000, plan=ExitPlan(justification="a hunch"))])

    assert (shown.plan, shown.thesis) == (None, '"a hunch"')


def test_lessons_are_found_by_their_trade_and_only_the_last_ten_are_shown_oldest_first() -> None:
    trades = [structs.replace(trade(), exit_trade_id=str(number), exit_ms=number) for number in range(20, 0, -1)]
    lessons = [lesson_of(each, PLAN) for each in trades if each.exit_ms % 2]

    shown = closed_trades(trades, lessons)

    assert len(shown) == TRADES
    assert [each.lesson is not None for each in shown] == [True, False] * 5


def test_all_lessons_together_say_whether_confidence_was_deserved() -> None:
    lessons = [
        ended(110_000, "take_profit"),  # + 19.02 USD on 10 USD of risk
        ended(107_000, "stop_loss"),  # - 10.98
        ended(109_000),  # + 9.02
        ended(107_750),  # - 3.48
        ended(109_000, plan=None),
    ]

    found = retrospect(lessons)

    assert found is not None
    assert (found.trades, found.targets, found.stops, found.early_gains, found.early_losses) == (5, 1, 1, 2, 1)
    assert found.multiple == "+0.34"  # (1.90 - 1.10 + 0.90 - 0.35) / 4
    assert (found.confidence, found.won_pct) == ("60", "50")  # the trade without a plan stated none


def test_without_lessons_there_is_nothing_to_look_back_on() -> None:
    assert retrospect([]) is None
    assert closed_trades([], []) == ()


def test_lessons_without_plans_have_counts_alone() -> None:
    found = retrospect([ended(109_000, plan=None)])

    assert found is not None
    assert (found.trades, found.multiple, found.confidence, found.won_pct) == (1, None, None, None)


def test_every_number_of_a_trade_is_that_of_its_fills() -> None:
    expected: dict[str, Any] = {
        "side": "long",
        "quantity": "0.01",
        "entry": "108000",
        "exit": "109500",
        "net_usd": "+14.02",  # 15 USD less 0.486 and 0.494
        "funding_usd": "+0.00",
        "minutes": "30",
    }

    [shown] = closed_trades([trade()], [])

    assert {name: getattr(shown, name) for name in expected} == expected
    assert isinstance(shown, TradeBrief)
