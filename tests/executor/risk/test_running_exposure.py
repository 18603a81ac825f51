"""Proposals of one cycle are judged one after the other, each as if the approved ones before it were already done."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from engine.executor.limits import AccountLimits
from engine.executor.risk import judge
from engine.model.decision import Approved, Denied
from tests.executor.risk.cases import LOOSE, NOW_MS, RIVAL, a_context, a_pending_order, a_position, a_proposal
from tests.executor.risk.test_rules import ZIGZAG

# 100 USD each: BTC, ETH and SOL.
THREE = [a_proposal("BTC", "1"), a_proposal("ETH", "10"), a_proposal("SOL", "100")]
SAME = {"BTC": ZIGZAG, "ETH": ZIGZAG, "SOL": ZIGZAG}


@pytest.mark.parametrize(
    ("rule", "limits", "given"),
    [
        ("max_positions", {"max_positions": 2}, {}),
        ("new_positions_per_cycle", {"max_new_positions_per_cycle": 2}, {}),
        ("trader_notional", {"max_trader_notional_usd": Decimal(299)}, {}),
        # Three positions of 100 USD at 10x tie up 30 USD.
        ("margin_usage", {"max_margin_usage_pct": Decimal("0.29")}, {}),
        ("opens_per_day", {"max_opens_per_day": 2}, {}),
        ("turnover_per_day", {"max_turnover_per_day_multiple": Decimal("0.0299")}, {}),
        # Three orders cost 0.045 USD each.
        ("fees_per_day", {"max_fees_per_day_pct": Decimal("0.00134")}, {}),
        ("correlated_positions", {"max_correlated_positions": 2}, {"closes": SAME}),
    ],
)
def test_the_third_of_three_proposals_breaks_the_cap(
    rule: str, limits: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    context = a_context(limits=replace(LOOSE, **limits), **given)

    first, second, third = judge(THREE, context)

    assert isinstance(first, Approved)
    assert isinstance(second, Approved)
    assert isinstance(third, Denied)
    assert third.rule == rule


def test_the_account_cap_counts_approved_proposals_and_other_traders() -> None:
    context = a_context(
        account_limits=AccountLimits(max_account_notional_usd=Decimal(400)),
        rival=[a_position("BTC", "-1")],
        pending=[a_pending_order("ETH", "sell", "1", trader=RIVAL)],
    )

    verdicts = judge(THREE, context)

    assert [type(verdict) for verdict in verdicts] == [Approved, Approved, Denied]


def test_a_close_before_makes_room_for_an_open_after() -> None:
    context = a_context(
        a_position("BTC", "1"),
        limits=replace(
            LOOSE, max_positions=1, max_trader_notional_usd=Decimal(100), max_margin_usage_pct=Decimal("0.1")
        ),
    )
    closing = a_proposal("BTC", "1", "sell", held="1")
    opening = a_proposal("ETH", "10")

    assert judge([closing, opening], context) == [Approved(proposal=closing), Approved(proposal=opening)]
    assert isinstance(judge([opening], context)[0], Denied)


def test_a_denied_proposal_takes_no_room() -> None:
    context = a_context(limits=replace(LOOSE, max_positions=1))

    denied, approved = judge([a_proposal("BTC", "1", leverage=99), a_proposal("ETH", "10")], context)

    assert isinstance(denied, Denied)
    assert isinstance(approved, Approved)


def test_the_closing_part_of_a_denied_flip_makes_room_too() -> None:
    context = a_context(
        a_position("BTC", "-1"), limits=replace(LOOSE, max_positions=1, max_position_size_usd=Decimal(100))
    )

    verdicts = judge([a_proposal("BTC", "4", held="-1"), a_proposal("ETH", "10")], context)

    assert [type(verdict) for verdict in verdicts] == [Denied, Approved, Approved]


def test_a_second_proposal_for_a_coin_has_to_start_where_the_first_one_ends() -> None:
    first, stale, next_one = a_proposal(), a_proposal(), a_proposal(held="1")

    verdicts = judge([first, stale, next_one], a_context())

    assert [type(verdict) for verdict in verdicts] == [Approved, Denied, Approved]
    assert isinstance(verdicts[1], Denied)
    assert verdicts[1].rule == "held_position"


def test_a_coin_closed_in_this_cycle_rests_as_well() -> None:
    context = a_context(a_position("BTC", "1"), limits=replace(LOOSE, cooldown_ms=1000))
    closing = a_proposal(side="sell", held="1")

    verdicts = judge([closing, a_proposal()], context)

    assert [type(verdict) for verdict in verdicts] == [Approved, Denied]


def test_closes_count_towards_the_turnover_of_the_day_but_are_never_stopped_by_it() -> None:
    limits = replace(LOOSE, max_turnover_per_day_multiple=Decimal("0.01"))
    context = a_context(a_position("BTC", "2"), limits=limits)

    verdicts = judge([a_proposal(quantity="2", side="sell", held="2"), a_proposal("ETH", "1")], context)

    assert [type(verdict) for verdict in verdicts] == [Approved, Denied]


def test_judging_changes_nothing_it_was_given() -> None:
    context = a_context(a_position("BTC", "1"))
    before = dict(context.account.positions)

    first = judge([a_proposal(held="1"), *THREE[1:]], context)

    assert context.account.positions == before
    assert context.now_ms == NOW_MS
    assert judge([a_proposal(held="1"), *THREE[1:]], context) == first
