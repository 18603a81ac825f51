"""Completed trades on the wire, and what leaderboard and analytics make of them."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from api.handoff.analytics import model_analytics
from api.handoff.schema import Trades
from engine.model.decision import ExitPlan
from tests.export.arena import START_MS, Arena, eventful, two_models

TRADE_TABLES = (
    "fee_pnl_moves_breakdown_table",
    "winners_losers_breakdown_table",
    "longs_shorts_breakdown_table",
)


def test_a_trade_has_all_33_fields() -> None:
    arena = two_models()
    arena.fill("beta", "BTC", 10, 100, fee=1, leverage=3, plan=ExitPlan(stop_loss=Decimal(90), confidence=0.7))
    arena.now_ms += 61_500
    arena.fill("beta", "BTC", -10, 110, fee=2)

    [trade] = arena.document("trades")["trades"]

    exit_s = START_MS / 1000 + 61.5
    assert len(trade) == 33
    assert trade == {
        "id": "beta_BTC_1001-1002",
        "trade_id": f"{START_MS / 1000}_BTC_{exit_s}_beta",
        "model_id": "beta",
        "symbol": "BTC",
        "side": "long",
        "trade_type": "long",
        "quantity": 20,
        "leverage": 3,
        "confidence": 0.7,
        "exit_plan": {"profit_target": None, "stop_loss": 90, "invalidation_condition": "n/a"},
        "entry_price": 100,
        "entry_time": START_MS / 1000,
        "entry_human_time": "2025-10-10 00:00:00.000000",
        "entry_sz": 20,
        "entry_oid": 1,
        "entry_tid": 1001,
        "entry_crossed": True,
        "entry_liquidation": None,
        "entry_commission_dollars": 2,
        "entry_closed_pnl": -2,
        "exit_price": 110,
        "exit_time": exit_s,
        "exit_human_time": "2025-10-10 00:01:01.500000",
        "exit_sz": 20,
        "exit_oid": 2,
        "exit_tid": 1002,
        "exit_crossed": True,
        "exit_liquidation": None,
        "exit_commission_dollars": 4,
        "exit_closed_pnl": 196,
        "realized_gross_pnl": 200,
        "realized_net_pnl": 194,
        "total_commission_dollars": 6,
    }


def test_a_short_trade_has_a_negative_quantity() -> None:
    arena = two_models()
    arena.fill("alpha", "ETH", -5, 10)
    arena.fill("alpha", "ETH", 5, 8)

    [trade] = arena.document("trades")["trades"]

    assert (trade["side"], trade["quantity"], trade["realized_gross_pnl"]) == ("short", -5, 10)


def test_net_is_entry_plus_exit_profit_in_the_decimals_that_travel() -> None:
    arena = eventful(20)
    arena.fill("beta", "BTC", 3.33333, 101.7, fee=0.1234567)
    arena.fill("beta", "BTC", -3.33333, 99.9, fee=0.7654321)

    for trade in arena.document("trades")["trades"]:
        assert exact(trade, "realized_net_pnl") == exact(trade, "entry_closed_pnl") + exact(trade, "exit_closed_pnl")
        assert exact(trade, "total_commission_dollars") == exact(trade, "entry_commission_dollars") + exact(
            trade, "exit_commission_dollars"
        )


def test_all_completed_trades_are_published_each_with_an_id_of_its_own() -> None:
    arena = two_models()
    for _ in range(600):
        arena.fill("alpha", "BTC", 1, 100)
        arena.fill("alpha", "BTC", -1, 101)

    trades = arena.document("trades")["trades"]

    assert len({trade["id"] for trade in trades}) == len(trades) == 600


def test_a_flip_completes_a_trade_with_the_plan_it_had_and_opens_the_next() -> None:
    arena = two_models()
    arena.fill("alpha", "BTC", 1, 100, plan=ExitPlan(stop_loss=Decimal(90)))
    arena.fill("alpha", "BTC", -3, 110, plan=ExitPlan(stop_loss=Decimal(120)))

    [trade] = arena.document("trades")["trades"]
    position = arena.newest("alpha")["positions"]["BTC"]

    assert (trade["quantity"], trade["exit_plan"]["stop_loss"]) == (1, 90)
    assert (position["quantity"], position["exit_plan"]["stop_loss"]) == (-2, 120)


def test_the_leaderboard_sums_net_profit_and_counts_break_even_as_lost() -> None:
    arena = two_models()
    for exit_price in (110, 105, 100, 92):
        arena.fill("alpha", "BTC", 10, 100)
        arena.fill("alpha", "BTC", -10, exit_price)

    row = arena.document("leaderboard")["leaderboard"][0]

    assert row == {
        "id": "alpha",
        "num_trades": 4,
        "sharpe": 0,
        "win_dollars": 150,
        "num_losses": 2,
        "lose_dollars": -80,
        "return_pct": pytest.approx(0.7),
        "equity": 10_070,
        "num_wins": 2,
        "model_cost_dollars": 0,
        "equity_after_model_cost": 10_070,
        "return_pct_after_model_cost": pytest.approx(0.7),
        "num_swapped_replies": 0,
        "stand_in": "",
    }


def test_the_trade_tables_are_those_that_anybody_can_compute_from_the_trades_document() -> None:
    arena = eventful(40)
    document = msgspec.json.decode(arena.projection.documents()["trades"], type=Trades)

    for published in arena.document("analytics")["analytics"]:
        own = [trade for trade in document.trades if trade.model_id == published["id"]]
        expected = msgspec.to_builtins(model_analytics(published["id"], 0.0, own, [], []))
        for table in TRADE_TABLES:
            assert published[table] == pytest.approx(expected[table], rel=1e-9), (published["id"], table)
        overview = {
            name: value for name, value in published["overall_trades_overview_table"].items() if "convo" not in name
        }
        assert overview == pytest.approx({name: expected["overall_trades_overview_table"][name] for name in overview})
        assert published["last_trade_doc_id"] == expected["last_trade_doc_id"]


def test_one_more_trade_encodes_as_few_rows_after_a_thousand_as_after_one() -> None:
    assert rows_encoded_by_one_more_trade(after=1_000) == rows_encoded_by_one_more_trade(after=1) < 20


def rows_encoded_by_one_more_trade(*, after: int) -> int:
    arena = eventful(2)
    for _ in range(after):
        round_trip(arena)
    arena.projection.documents()
    before = arena.projection.encode.count
    round_trip(arena)
    arena.projection.documents()
    return arena.projection.encode.count - before


def round_trip(arena: Arena) -> None:
    arena.fill("alpha", "BTC", 1, 100, fee=0.1)
    arena.fill("alpha", "BTC", -1, 101, fee=0.1)


def exact(row: dict[str, Any], name: str) -> Decimal:
    return Decimal(repr(row[name]))
