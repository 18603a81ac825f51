"""Open positions on the wire: every key the page needs, on the base of 10,000 USD, and never without an exit plan."""

from decimal import Decimal

import pytest

from engine.model.decision import ExitPlan
from tests.export.arena import START_MS, Arena, terms, two_models


def test_a_position_carries_what_the_page_shows() -> None:
    arena = two_models()
    plan = ExitPlan(
        stop_loss=Decimal(90), profit_target=Decimal(130), invalidation_condition="a close below 92", confidence=0.8
    )
    arena.fill("beta", "BTC", 20, 100, fee=2, leverage=4, plan=plan)

    arena.price(BTC=105, ETH=10)

    [position] = arena.newest("beta")["positions"].values()
    assert position == {
        "entry_oid": 1,
        "oid": 1,
        "tp_oid": -1,
        "sl_oid": -1,
        "symbol": "BTC",
        "entry_time": START_MS / 1000,
        "entry_price": 100,
        "current_price": 105,
        "quantity": 40,
        "leverage": 4,
        "margin": 40 * 105 / 4,
        "unrealized_pnl": 200,
        "closed_pnl": -4,
        "commission": 4,
        "slippage": 0,
        "liquidation_price": None,  # 5,000 USD carry 2,000 of exposure to zero and beyond
        "risk_usd": 400,
        "confidence": 0.8,
        "wait_for_fill": False,
        "index_col": None,
        "exit_plan": {"profit_target": 130, "stop_loss": 90, "invalidation_condition": "a close below 92"},
    }


def test_a_short_has_a_negative_quantity_and_gains_when_the_price_falls() -> None:
    arena = two_models()
    arena.fill("alpha", "ETH", -100, 10)

    arena.price(BTC=100, ETH=9)

    position = arena.newest("alpha")["positions"]["ETH"]
    assert (position["quantity"], position["unrealized_pnl"]) == (-100, 100)
    assert position["liquidation_price"] == pytest.approx((10_000 + 1_000) / (100 * 1.02))


def test_the_liquidation_price_is_unknown_without_the_instruments() -> None:
    arena = Arena(terms("alpha", account="a venue without a table"))
    arena.fund("alpha", 100, account="a venue without a table")
    arena.fill("alpha", "BTC", 9, 100, account="a venue without a table")

    assert arena.newest("alpha")["positions"]["BTC"]["liquidation_price"] is None


def test_an_exit_plan_is_never_empty() -> None:
    arena = two_models()
    arena.fill("alpha", "BTC", 1, 100)
    arena.fill("alpha", "ETH", 1, 10, plan=ExitPlan(stop_loss=Decimal(9)))

    plans = [position["exit_plan"] for position in arena.newest("alpha")["positions"].values()]

    assert [plan["invalidation_condition"] for plan in plans] == ["n/a", "n/a"]


def test_the_unrealized_total_of_a_row_is_the_sum_over_its_positions() -> None:
    arena = two_models()
    arena.fill("beta", "BTC", 1.5, 100)
    arena.fill("beta", "ETH", -7, 10)
    arena.price(BTC=101.25, ETH=10.5)

    row = arena.newest("beta")

    total = sum(position["unrealized_pnl"] for position in row["positions"].values())
    assert row["total_unrealized_pnl"] == total == 2 * (1.5 * 1.25 - 7 * 0.5)


def test_what_a_partial_close_brought_is_shown_with_the_position() -> None:
    arena = two_models()
    arena.fill("alpha", "BTC", 4, 100, fee=1)

    arena.fill("alpha", "BTC", -1, 110, fee=0.5)

    position = arena.newest("alpha")["positions"]["BTC"]
    assert (position["quantity"], position["closed_pnl"], position["commission"]) == (3, 10 - 1.5, 1.5)


def test_positions_are_listed_by_coin_whichever_was_opened_first() -> None:
    arena = two_models()
    arena.fill("alpha", "ETH", 1, 10)
    arena.fill("alpha", "BTC", 1, 100)

    assert list(arena.newest("alpha")["positions"]) == ["BTC", "ETH"]


def test_the_positions_document_holds_the_same_positions_with_a_row_for_everybody() -> None:
    arena = two_models()
    arena.fill("alpha", "BTC", 1, 100)

    rows = arena.document("positions")["accountTotals"]

    assert [(row["id"], row["model_id"], row["positions"]) for row in rows] == [
        ("alpha", "alpha", arena.newest("alpha")["positions"]),
        ("beta", "beta", {}),
    ]
