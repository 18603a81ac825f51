"""nof1's tables: equal to nof1's own from its own trades, the same computed at once or one event at a time."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.handoff.analytics import SIGNAL_GROUPS, Citations, Invocation, Signal, model_analytics
from api.handoff.running import ModelStatistics
from api.handoff.schema import Trade, Trades
from api.handoff.tables import GroundingBreakdown
from tests.api.documents import a_trade

TRADE_TABLES = (
    "fee_pnl_moves_breakdown_table",
    "winners_losers_breakdown_table",
    "longs_shorts_breakdown_table",
    "overall_trades_overview_table",
)
NOT_FROM_TRADES = {"std_taker_fee", "avg_convo_leverage", "median_convo_leverage"}


def test_the_trade_tables_equal_those_nof1_computed_from_the_same_trades(shared_nof1: Path) -> None:
    trades = msgspec.json.decode((shared_nof1 / "trades.json").read_bytes(), type=Trades).trades
    captured = msgspec.json.decode((shared_nof1 / "analytics.json").read_bytes())["analytics"]
    checked = 0

    for row in captured:
        ours = table_values(trades, row["model_id"])
        for table in TRADE_TABLES:
            for name, theirs in row[table].items():
                if name not in NOT_FROM_TRADES:
                    assert ours[table][name] == pytest.approx(theirs, rel=1e-9, abs=0), (row["id"], name)
                    checked += 1
        for name in ("last_trade_exit_time", "last_trade_doc_id"):
            assert ours[name] == row[name]

    assert checked == 3 * (12 + 13 + 15 + 13 - 3)


def test_the_fee_deviation_is_the_honest_one_and_not_nof1s(shared_nof1: Path) -> None:
    trades = msgspec.json.decode((shared_nof1 / "trades.json").read_bytes(), type=Trades).trades

    fees = table_values(trades, "deepseek-chat-v3.1")["fee_pnl_moves_breakdown_table"]["std_taker_fee"]

    assert fees == pytest.approx(11.5729, abs=1e-4)


def test_the_tables_of_two_small_trades_can_be_checked_by_head() -> None:
    won = a_trade(side="long", quantity=2, entry_price=100, entry_time=0, exit_time=600, gross=11, fee=1, net=10)
    lost = a_trade(side="short", quantity=-1, entry_price=100, entry_time=0, exit_time=1800, gross=-3, fee=3, net=-6)

    row = model_analytics("m", 9.0, [won, lost], [], [])

    assert row.fee_pnl_moves_breakdown_table.overall_pnl_with_fees == 4
    assert row.fee_pnl_moves_breakdown_table.total_fees_as_pct_of_pnl == 100
    assert row.fee_pnl_moves_breakdown_table.std_taker_fee == pytest.approx(2**0.5)
    assert row.winners_losers_breakdown_table.win_rate == 50
    assert row.winners_losers_breakdown_table.avg_losers_holding_period == 30
    assert row.longs_shorts_breakdown_table.long_short_trades_ratio == 0.5
    assert row.longs_shorts_breakdown_table.std_longs_net_pnl == 0
    assert row.overall_trades_overview_table.median_size_of_trade_notional == 150


def test_signals_and_invocations_fill_the_other_two_tables() -> None:
    signals = [
        Signal(time_s=0, coin="BTC", signal="buy_to_enter", confidence=0.6, leverage=10),
        Signal(time_s=0, coin="ETH", signal="sell_to_enter", confidence=0.8, leverage=20),
        Signal(time_s=120, coin="BTC", signal="hold", confidence=0.7, leverage=0),
        Signal(time_s=120, coin="ETH", signal="close", confidence=0.5, leverage=0),
    ]
    invocations = [
        Invocation(time_s=0, coins_watched=2, conversation_id="m_0"),
        Invocation(time_s=120, coins_watched=2, coins_long=1, coins_short=1, conversation_id="m_120"),
        Invocation(time_s=360, coins_watched=2, coins_long=1, conversation_id="m_360"),
    ]

    row = model_analytics("m", 9.0, [], signals, invocations)

    table = row.signals_breakdown_table
    assert (table.total_signals, table.long_signal_pct, table.long_short_ratio) == (4, 25, 1)
    assert table.avg_confidence == pytest.approx(0.65)
    assert (table.avg_leverage, row.overall_trades_overview_table.avg_convo_leverage) == (15, 15)
    assert (table.mins_long_combined, table.mins_short_combined, table.mins_flat_combined) == (6, 2, 4)
    assert table.pct_mins_long_combined == 50
    breaks = row.invocation_breakdown_table
    assert (breaks.num_invocations, breaks.min_invocation_break_mins, breaks.max_invocation_break_mins) == (3, 2, 4)
    assert (row.last_convo_doc_id, row.last_convo_timestamp) == ("m_360", 360)


def test_cited_numbers_count_together_and_reply_by_reply() -> None:
    replies = [Citations(cited=10, grounded=9), Citations(cited=0, grounded=0), Citations(cited=2, grounded=1)]

    table = model_analytics("m", 9.0, [], [], [], replies).grounding_breakdown_table

    assert isinstance(table, GroundingBreakdown)
    assert (table.num_replies, table.num_numbers_cited, table.num_numbers_grounded) == (2, 12, 10)
    assert table.grounded_pct == pytest.approx(1000 / 12)
    assert (table.avg_grounded_pct, table.min_grounded_pct) == (pytest.approx(70), 50)


def test_a_model_without_any_history_has_zeros_everywhere() -> None:
    row = msgspec.to_builtins(model_analytics("m", 9.0, [], [], []))

    tables = [value for value in row.values() if isinstance(value, dict)]
    assert [len(table) for table in tables] == [12, 13, 34, 15, 13, 5, 6, 11]
    assert {value for table in tables for value in table.values()} == {0}


def test_adding_one_event_at_a_time_gives_the_same_row_as_the_whole_history(seed: int) -> None:
    rng = random.Random(seed)
    running = ModelStatistics("m")
    trades: list[Trade] = []
    signals: list[Signal] = []
    invocations: list[Invocation] = []
    citations: list[Citations] = []

    for step in range(300):
        invocations.append(an_invocation(rng, time_s=1_760_000_000 + step * 180 + rng.random()))
        running.add_invocation(invocations[-1])
        cited = rng.choice([0, rng.randrange(1, 40)])
        citations.append(Citations(cited=cited, grounded=rng.randint(0, cited)))
        running.add_citations(citations[-1])
        for _ in range(rng.randrange(4)):
            signals.append(a_signal(rng))
            running.add_signal(signals[-1])
        if rng.random() < 0.4:
            trades.append(a_random_trade(rng))
            running.add_trade(trades[-1])
        if step < 5 or step % 60 == 0:
            assert_close(running.analytics(9.0), model_analytics("m", 9.0, trades, signals, invocations, citations))

    assert_close(running.analytics(9.0), model_analytics("m", 9.0, trades, signals, invocations, citations))


def table_values(trades: tuple[Trade, ...], model_id: str) -> dict[str, Any]:
    own = [trade for trade in trades if trade.model_id == model_id]
    row: dict[str, Any] = msgspec.to_builtins(model_analytics(model_id, 0.0, own, [], []))
    return row


def assert_close(one: object, other: object) -> None:
    left, right = msgspec.to_builtins(one), msgspec.to_builtins(other)
    assert left.keys() == right.keys()
    for name in left:
        if isinstance(left[name], dict):
            assert left[name] == pytest.approx(right[name], rel=1e-9, abs=1e-9), name
        else:
            assert left[name] == right[name], name


def an_invocation(rng: random.Random, time_s: float) -> Invocation:
    long = rng.randrange(4)
    return Invocation(
        time_s=time_s,
        conversation_id=f"m_{time_s}",
        coins_watched=6,
        coins_long=long,
        coins_short=rng.randrange(6 - long),
    )


def a_signal(rng: random.Random) -> Signal:
    return Signal(
        time_s=0,
        coin="BTC",
        signal=rng.choice(sorted(SIGNAL_GROUPS)),
        confidence=rng.randrange(101) / 100,
        leverage=rng.randrange(1, 21),
    )


def a_random_trade(rng: random.Random) -> Trade:
    gross, fee = rng.gauss(0, 100), rng.random() * 10
    entry = 1_760_000_000 + rng.random() * 1e6
    return a_trade(
        side=rng.choice(["long", "short"]),
        quantity=rng.choice([-1, 1]) * rng.random() * 10,
        entry_price=rng.random() * 1e5,
        entry_time=entry,
        exit_time=entry + rng.random() * 1e5,
        gross=gross,
        fee=fee,
        net=gross - fee,
    )
