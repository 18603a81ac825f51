"""What single rules do at their edges: bands, tiers, pending orders, days, streaks and correlations."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from engine.executor.caps import correlation
from engine.executor.limits import AccountLimits
from engine.executor.risk import columns
from engine.model.decision import ExitPlan
from engine.model.instrument import MarginTier
from engine.model.market import Column
from engine.model.order import Side
from tests.executor.risk.cases import (
    DAY,
    INSTRUMENTS,
    LOOSE,
    NOW_MS,
    RIVAL,
    a_context,
    a_pending_order,
    a_position,
    a_proposal,
    a_snapshot,
)
from tests.executor.risk.test_rules import ZAGZIG, ZIGZAG, closes_of, outcome, with_limits


@pytest.mark.parametrize(
    ("side", "held", "quantity", "target", "passes"),
    [
        ("buy", "1", "1", "2", True),
        ("buy", "1", "1", "2.0004", True),  # rounded down on the way there
        ("buy", "1", "1.001", "2", False),
        ("buy", "1", "1", "1", False),
        ("buy", "1", "1", "0", False),
        ("sell", "-1", "1", "-2", True),
        ("sell", "-1", "1.001", "-2", False),
        ("sell", "-1", "1", "-1", False),
        ("sell", "2", "1", "1", True),
        ("buy", "-1", "3", "2", True),
    ],
)
def test_an_order_leads_towards_its_target_and_not_beyond_it(
    side: Side, held: str, quantity: str, target: str, passes: bool
) -> None:
    proposal = a_proposal(quantity=quantity, side=side, held=held, decision={"target_quantity": Decimal(target)})

    assert outcome(proposal, a_context(a_position("BTC", held))) == ("approved" if passes else "side")


@pytest.mark.parametrize("signal", ["hold", "close", "sell_to_enter"])
def test_nothing_but_a_purchase_leads_to_a_purchase(signal: str) -> None:
    assert outcome(a_proposal(decision={"signal": signal}), a_context()) == "side"


@pytest.mark.parametrize(
    ("side", "stop", "target", "expected"),
    [
        ("buy", "99.9", "100.1", "approved"),
        ("buy", "100", "100.1", "stop_side"),
        ("buy", "99.9", "100", "target_side"),
        ("buy", "0", "100.1", "stop_side"),
        ("sell", "100.1", "99.9", "approved"),
        ("sell", "100", "99.9", "stop_side"),
        ("sell", "100.1", "100", "target_side"),
        ("sell", "100.1", "0", "target_side"),
        ("sell", "99", "99.9", "stop_side"),
    ],
)
def test_a_stop_loses_and_a_target_gains(side: Side, stop: str, target: str, expected: str) -> None:
    assert outcome(a_proposal(side=side, stop=stop, target=target), a_context()) == expected


def test_an_order_is_valued_at_its_limit_price_where_that_is_lower() -> None:
    assert outcome(a_proposal(quantity="0.1", side="sell", limit_price=Decimal(99)), a_context()) == "minimum_notional"
    assert outcome(a_proposal(quantity="0.1", limit_price=Decimal(101)), a_context()) == "approved"
    assert outcome(a_proposal(quantity="0.102", side="sell", limit_price=Decimal(99)), a_context()) == "approved"


def test_the_maintenance_of_other_positions_is_not_there_at_the_stop() -> None:
    # At 92 USD 2,000 are left and 1,150 needed; ETH for 45,000 USD needs 900 more, and the same coin's own nothing.
    stopped = a_proposal(quantity="1000", stop="92")
    added = a_proposal(quantity="500", held="500", stop="92")

    assert outcome(stopped, a_context()) == "approved"
    assert outcome(stopped, a_context(a_position("ETH", "4500"))) == "stop_before_liquidation"
    assert outcome(added, a_context(a_position("BTC", "500"))) == "approved"


def test_a_short_is_liquidated_above_its_entry() -> None:
    # 1,000 coins: at 108 USD 2,000 USD are left and 1,350 needed; at 108.80 USD 1,200 and 1,360.
    assert outcome(a_proposal(quantity="1000", side="sell", stop="108"), a_context()) == "approved"
    assert outcome(a_proposal(quantity="1000", side="sell", stop="108.8"), a_context()) == "stop_before_liquidation"


def test_an_order_that_takes_a_worse_price_than_the_band_is_denied() -> None:
    buys_at_103 = a_proposal(limit_price=Decimal(103))
    sells_at_97 = a_proposal(side="sell", limit_price=Decimal(97))
    rests_at_90 = a_proposal(quantity="2", limit_price=Decimal(90))

    assert outcome(a_proposal(limit_price=Decimal(102)), a_context()) == "approved"
    assert outcome(a_proposal(side="sell", limit_price=Decimal(98)), a_context()) == "approved"
    assert outcome(buys_at_103, a_context()) == "price_band"
    assert outcome(sells_at_97, a_context()) == "price_band"
    assert outcome(rests_at_90, a_context()) == "approved"


def test_a_mark_far_from_the_oracle_is_denied() -> None:
    far = a_context(snapshots={"BTC": a_snapshot("BTC", oracle=Decimal("102.01"))})
    near = a_context(snapshots={"BTC": a_snapshot("BTC", oracle=Decimal(102))})

    assert outcome(a_proposal(), near) == "approved"
    assert outcome(a_proposal(), far) == "price_band"


def test_a_proposal_sized_at_another_price_than_the_mark_is_denied() -> None:
    moved = a_context(snapshots={"BTC": a_snapshot("BTC", mark=Decimal(101))})

    assert outcome(a_proposal(), moved) == "snapshot_fresh"


def test_the_margin_tier_of_the_resulting_position_caps_leverage() -> None:
    tiers = (
        MarginTier(notional_usd=Decimal(0), max_leverage=20),
        MarginTier(notional_usd=Decimal(500), max_leverage=5),
    )
    context = a_context(instruments=INSTRUMENTS | {"BTC": replace(INSTRUMENTS["BTC"], tiers=tiers)})

    assert outcome(a_proposal(quantity="4.999", leverage=20), context) == "approved"
    assert outcome(a_proposal(quantity="5", leverage=20), context) == "leverage"


def test_an_isolated_position_needs_a_stop_before_its_own_margin_is_gone() -> None:
    # 10 coins at 10x stand on 100 USD: at 92 USD 20 are left and 11.50 needed, at 91 USD 10 and 11.375.
    assert outcome(a_proposal(quantity="10", stop="92", mode="isolated"), a_context()) == "approved"
    assert outcome(a_proposal(quantity="10", stop="91", mode="isolated"), a_context()) == "stop_before_liquidation"


def test_adding_to_a_position_keeps_the_stop_that_is_in_force() -> None:
    limits = with_limits(stop_loss_enabled=True)
    with_stop = a_context(a_position("BTC", "1"), limits=limits, plans={"BTC": ExitPlan(stop_loss=Decimal(99))})
    naked = a_context(a_position("BTC", "1"), limits=limits)

    assert outcome(a_proposal(held="1"), with_stop) == "approved"
    assert outcome(a_proposal(held="1"), naked) == "stop_present"


def test_on_an_exclusive_account_an_open_order_of_another_trader_holds_the_coin() -> None:
    context = a_context(
        account_limits=AccountLimits(policy="exclusive"), pending=[a_pending_order("BTC", "buy", "1", trader=RIVAL)]
    )

    assert outcome(a_proposal(), context) == "coin_lease"
    assert outcome(a_proposal("ETH", "10"), context) == "approved"


@pytest.mark.parametrize("cap", ["max_position_size_usd", "max_trader_notional_usd"])
def test_the_traders_own_unresolved_orders_count_as_filled(cap: str) -> None:
    limits = with_limits(**{cap: Decimal(500)})
    pending = [a_pending_order("BTC", "buy", "4")]

    assert outcome(a_proposal(quantity="1"), a_context(limits=limits, pending=pending)) == "approved"
    assert outcome(a_proposal(quantity="1.001"), a_context(limits=limits, pending=pending)) != "approved"


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_other_traders_unresolved_orders_count_on_the_account(side: Any) -> None:
    pending = [a_pending_order("BTC", side, "4", trader=RIVAL)]
    tight = AccountLimits(max_coin_notional_usd=Decimal(500), max_account_notional_usd=Decimal(500))

    assert outcome(a_proposal(quantity="1"), a_context(account_limits=tight, pending=pending)) == "approved"
    assert outcome(a_proposal(quantity="1.001"), a_context(account_limits=tight, pending=pending)) == "coin_notional"
    assert outcome(a_proposal("ETH", "11"), a_context(account_limits=tight, pending=pending)) == "account_notional"


def test_an_unresolved_order_without_a_position_takes_a_place_and_margin_without_leverage() -> None:
    pending = [a_pending_order("ETH", "buy", "100")]
    few = a_context(limits=with_limits(max_positions=1), pending=pending)
    tight = a_context(limits=with_limits(max_margin_usage_pct=Decimal(11)), pending=pending)

    assert outcome(a_proposal(), few) == "max_positions"
    assert outcome(a_proposal(quantity="10"), tight) == "approved"
    assert outcome(a_proposal(quantity="10.01"), tight) == "margin_usage"


def test_a_pending_order_on_a_coin_and_a_new_one_share_a_place() -> None:
    pending = [a_pending_order("BTC", "buy", "1")]
    context = a_context(a_position("ETH", "1"), limits=with_limits(max_positions=2), pending=pending)

    assert outcome(a_proposal(), context) == "approved"
    assert outcome(a_proposal("SOL", "100"), context) == "max_positions"


def test_adding_needs_no_place_even_when_there_are_too_many_positions() -> None:
    context = a_context(a_position("BTC", "1"), a_position("ETH", "1"), limits=with_limits(max_positions=1))

    assert outcome(a_proposal(held="1"), context) == "approved"


def test_adding_is_no_open_of_the_day_and_a_flip_is() -> None:
    context = a_context(a_position("BTC", "1"), limits=with_limits(max_opens_per_day=2), standing={"day_opens": 2})

    assert outcome(a_proposal(held="1"), context) == "approved"
    assert outcome(a_proposal(quantity="3", side="sell", held="1"), context) == "opens_per_day"


def test_an_isolated_position_ties_up_margin_by_its_entry_and_a_pending_order_at_its_worst() -> None:
    # One coin entered at 50 USD and one bought at 100 USD: 150 USD at 10x, 0.15 % of equity.
    cheap = replace(a_position("BTC", "1"), cost_usd=Decimal(50), mode="isolated")
    added = a_proposal(held="1", mode="isolated")
    enough, less = with_limits(max_margin_usage_pct=Decimal("0.15")), with_limits(max_margin_usage_pct=Decimal("0.149"))
    pending = [a_pending_order("BTC", "buy", "1")]

    assert outcome(added, a_context(cheap, limits=enough)) == "approved"
    assert outcome(added, a_context(cheap, limits=less)) == "margin_usage"
    assert outcome(added, a_context(cheap, limits=enough, pending=pending)) == "margin_usage"


def test_yesterdays_sums_do_not_count_today() -> None:
    limits = with_limits(max_opens_per_day=1, max_turnover_per_day_multiple=Decimal(1), max_fees_per_day_pct=Decimal(1))
    spent = {"day_opens": 9, "day_turnover_usd": Decimal("1E6"), "day_fees_usd": Decimal("1E6")}

    assert outcome(a_proposal(), a_context(limits=limits, standing=spent | {"day": DAY - 1})) == "approved"
    assert outcome(a_proposal(), a_context(limits=limits, standing=spent)) == "opens_per_day"


def test_a_loss_streak_ends_with_the_pause_after_the_last_close() -> None:
    limits = with_limits(max_loss_streak=3, pause_ms=1000)
    just_now = {"loss_streak": 3, "closed_ms": {"ETH": NOW_MS - 5000, "BTC": NOW_MS - 999}}
    a_while_ago = {"loss_streak": 3, "closed_ms": {"ETH": NOW_MS - 5000, "BTC": NOW_MS - 1000}}

    assert outcome(a_proposal(), a_context(limits=limits, standing=just_now)) == "loss_streak"
    assert outcome(a_proposal(), a_context(limits=limits, standing=a_while_ago)) == "approved"


def test_opposite_positions_are_not_correlated_bets() -> None:
    context = a_context(
        a_position("ETH", "-1"), limits=with_limits(max_correlated_positions=1), closes={"BTC": ZIGZAG, "ETH": ZIGZAG}
    )

    assert outcome(a_proposal(), context) == "approved"


@pytest.mark.parametrize(
    "eth", [ZIGZAG[:30], [100.0] * 101, [float("nan")] * 101], ids=["too short", "never moved", "no numbers"]
)
def test_an_unknown_correlation_denies(eth: list[float]) -> None:
    assert outcome(a_proposal(), closes_of(ZIGZAG, eth, max_correlated_positions=1)) == "correlated_positions"


def test_two_histories_are_compared_over_the_bars_they_have_in_common() -> None:
    assert correlation(ZIGZAG, ZIGZAG[-31:]) == pytest.approx(1)
    assert correlation(ZIGZAG, [50.0, *ZIGZAG[-31:]]) == correlation(ZIGZAG[-32:], [50.0, *ZIGZAG[-31:]])
    assert correlation(ZIGZAG, ZAGZIG) == pytest.approx(-1, abs=0.01)
    assert correlation(ZIGZAG, ZIGZAG[-30:]) is None


@pytest.mark.parametrize("odd", [0.0, -1.0, float("nan"), float("inf")])
def test_a_close_that_is_no_price_leaves_the_correlation_unknown(odd: float) -> None:
    assert correlation(ZIGZAG, [*ZIGZAG[:-1], odd]) is None


def test_closes_that_the_market_was_not_asked_for_deny() -> None:
    context = a_context(a_position("ETH", "1"), limits=with_limits(max_correlated_positions=1))

    assert outcome(a_proposal(), context) == "correlated_positions"


def test_limits_name_the_columns_they_need_from_the_market() -> None:
    assert columns(LOOSE) == ()
    assert columns(with_limits(max_correlated_positions=2)) == (Column("close"),)
