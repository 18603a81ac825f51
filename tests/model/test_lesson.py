"""Lessons: a closed trade beside its plan, in numbers that can be checked by head."""

from decimal import Decimal
from typing import Any

import pytest

from engine.model.decision import ExitPlan
from engine.model.lesson import Ending, lesson_of
from engine.model.trade import CloseReason, Trade


def a_trade(entry: str, exit_: str, quantity: str = "2", reason: CloseReason = "decision", fee: str = "0") -> Trade:
    """Two coins, long, from one price to another, half of the fee at each end."""
    size = abs(Decimal(quantity))
    return Trade(
        coin="BTC",
        quantity=Decimal(quantity),
        entry_notional_usd=size * Decimal(entry),
        exit_notional_usd=size * Decimal(exit_),
        entry_ms=1_000,
        exit_ms=2_000,
        entry_fee_usd=Decimal(fee) / 2,
        exit_fee_usd=Decimal(fee) / 2,
        funding_usd=Decimal("-0.25"),
        leverage=5,
        entry_order_id=1,
        exit_order_id=2,
        entry_trade_id="7",
        exit_trade_id="8",
        entry_crossed=True,
        exit_crossed=True,
        liquidation=reason == "liquidation",
        reason=reason,
    )


def a_plan(stop: str | None = None, target: str | None = None, **fields: Any) -> ExitPlan:
    return ExitPlan(
        stop_loss=None if stop is None else Decimal(stop),
        profit_target=None if target is None else Decimal(target),
        **fields,
    )


def test_a_target_that_was_reached_earned_the_planned_reward_less_the_fees() -> None:
    lesson: Any = lesson_of(a_trade("100", "110", reason="take_profit", fee="1"), a_plan("95", "110"))

    assert (lesson.planned_risk_usd, lesson.planned_reward_usd) == (10, 20)
    assert (lesson.net_usd, lesson.multiple) == (19, Decimal("1.90"))
    assert (lesson.ending, lesson.slip_usd, lesson.funding_usd) == ("target", 0, Decimal("-0.25"))


def test_a_short_that_was_stopped_beyond_its_stop_lost_more_than_it_planned() -> None:
    lesson: Any = lesson_of(a_trade("100", "106", "-2", "stop_loss"), a_plan("105", "85"))

    assert (lesson.planned_risk_usd, lesson.planned_reward_usd) == (10, 30)
    assert (lesson.net_usd, lesson.multiple) == (-12, Decimal("-1.20"))
    assert (lesson.ending, lesson.slip_usd) == ("stop", 2)  # two coins, a dollar each


def test_an_exit_at_a_better_price_than_planned_slipped_the_other_way() -> None:
    assert lesson_of(a_trade("100", "112", reason="take_profit"), a_plan("95", "110")).slip_usd == -4


@pytest.mark.parametrize(("before", "slip"), [("decision", None), ("stop_loss", Decimal(-15))])
def test_a_stop_is_not_blamed_for_what_was_closed_before_it(before: CloseReason, slip: Decimal | None) -> None:
    """One coin was closed at 110 USD and the other stopped at 95: on average they were sold at 102.50 USD."""
    trade = Trade(**{**_fields(a_trade("100", "102.5", reason="stop_loss")), "reasons_before": (before,)})

    assert lesson_of(trade, a_plan("95")).slip_usd == slip


@pytest.mark.parametrize(
    ("exit_", "reason", "fee", "ending"),
    [
        ("103", "decision", "0", "ahead_of_target"),
        ("97", "decision", "0", "ahead_of_stop"),
        ("100", "decision", "0", "ahead_of_stop"),  # nothing won is nothing gained
        ("101", "decision", "3", "ahead_of_stop"),  # the fees ate it
        ("80", "liquidation", "0", "liquidation"),
        ("120", "operator", "0", "operator"),
    ],
)
def test_how_it_ended_has_a_name(exit_: str, reason: CloseReason, fee: str, ending: Ending) -> None:
    lesson: Any = lesson_of(a_trade("100", exit_, reason=reason, fee=fee), a_plan("95", "110"))

    assert (lesson.ending, lesson.slip_usd) == (ending, None)


@pytest.mark.parametrize("plan", [None, a_plan(), a_plan("101", "99"), a_plan("100", "100")])
def test_without_a_stop_and_target_on_their_sides_nothing_was_planned(plan: ExitPlan | None) -> None:
    lesson: Any = lesson_of(a_trade("100", "103"), plan)

    assert (lesson.planned_risk_usd, lesson.planned_reward_usd, lesson.multiple) == (None, None, None)
    assert lesson.plan == plan


def test_prices_are_kept_to_ten_digits_and_the_trade_is_named_by_its_fills() -> None:
    thirds = a_trade("100", "103", "3")
    lesson: Any = lesson_of(Trade(**{**_fields(thirds), "entry_notional_usd": Decimal(1000)}), None)

    assert lesson.entry_price == Decimal("333.3333333")
    assert lesson.trade_id == thirds.trade_id == "7-8"


def test_what_was_closed_and_bought_again_was_risked_once() -> None:
    """Six coins were bought in all and never more than two of them held."""
    trade = Trade(**{**_fields(a_trade("100", "104", "-6")), "most_held": Decimal(2)})
    lesson: Any = lesson_of(trade, a_plan("105", "85"))

    assert (lesson.planned_risk_usd, lesson.planned_reward_usd) == (10, 30)
    assert lesson.multiple == Decimal("-2.40")


def test_an_absurd_plan_does_not_keep_a_lesson_from_being_taken() -> None:
    lesson: Any = lesson_of(a_trade("0.000001", "0.000002", "1E15"), a_plan("1E-15", "1E15"))

    assert lesson.planned_reward_usd is not None
    assert lesson.planned_reward_usd > Decimal("9E29")


def _fields(trade: Trade) -> dict[str, Any]:
    return {name: getattr(trade, name) for name in Trade.__struct_fields__}
