"""What language models cost on the wire: the leaderboard with and without it, the bill, and who stands in for whom."""

from decimal import Decimal
from typing import Any

import pytest

from engine.manager.record import Answered, SlotClosed, SlotOpened
from tests.export.arena import START_MS, Arena, terms, two_models


def answer(arena: Arena, trader: str = "alpha", cost: str = "0", **terms: Any) -> None:
    arena.say(Answered(slot_ms=START_MS, model="m", raw="{}", cost_usd=Decimal(cost), **terms), trader)


def leader(arena: Arena, trader: str = "alpha") -> dict[str, Any]:
    rows: list[dict[str, Any]] = arena.document("leaderboard")["leaderboard"]
    return next(row for row in rows if row["id"] == trader)


def usage(arena: Arena, trader: str = "alpha") -> dict[str, Any]:
    rows: list[dict[str, Any]] = arena.document("analytics")["analytics"]
    table: dict[str, Any] = next(row for row in rows if row["id"] == trader)["model_usage_breakdown_table"]
    return table


def test_the_leaderboard_can_be_read_with_and_without_what_the_model_cost() -> None:
    """5,000 USD of capital are shown as 10,000: a gain of 100 shows as 200, and a bill of 20 as 40."""
    arena = Arena(terms("alpha"))
    arena.fund("alpha", 5_000)
    arena.fill("alpha", "BTC", 10, 100)
    arena.fill("alpha", "BTC", -10, 110)
    answer(arena, cost="20")

    row = leader(arena)

    assert (row["equity"], row["return_pct"]) == (10_200, pytest.approx(2))
    assert row["model_cost_dollars"] == 40
    assert (row["equity_after_model_cost"], row["return_pct_after_model_cost"]) == (10_160, pytest.approx(1.6))


def test_what_a_model_costs_moves_neither_equity_nor_curve() -> None:
    arena = two_models()
    before = arena.newest("alpha")

    answer(arena, cost="500")

    assert arena.newest("alpha") == before
    assert leader(arena)["equity"] == 10_000
    assert leader(arena, "beta")["model_cost_dollars"] == 0


def test_the_bill_counts_every_answer_in_dollars_as_they_are() -> None:
    arena = two_models()
    answer(arena, cost="0.03", prompt_tokens=100, completion_tokens=20, cached_tokens=60, latency_ms=3_000)
    answer(arena, cost="0.01", prompt_tokens=50, completion_tokens=10, latency_ms=5_000, late=True)
    answer(arena, from_cache=True, latency_ms=1_000)
    answer(arena, cost="0.02", prompt_tokens=7, failure="the connection broke")

    assert usage(arena) == {
        "num_replies": 3,
        "num_late_replies": 1,
        "num_cache_replies": 1,
        "num_swapped_replies": 0,
        "num_unanswered_calls": 1,
        "total_prompt_tokens": 157,
        "total_cached_prompt_tokens": 60,
        "total_completion_tokens": 30,
        "total_cost_usd": pytest.approx(0.06),
        "avg_cost_per_reply_usd": pytest.approx(0.02),
        "avg_latency_secs": 3,
    }


def test_a_stand_in_is_named_as_long_as_it_answers_and_its_replies_are_counted() -> None:
    arena = two_models()
    seen = []
    for swapped_from, late in (("", False), ("own", False), ("own", True), ("", True), ("own", False), ("", False)):
        answer(arena, swapped_from=swapped_from, late=late)
        row = leader(arena)
        seen.append((row["stand_in"], row["num_swapped_replies"]))

    assert seen == [("", 0), ("m", 1), ("m", 2), ("m", 2), ("m", 3), ("", 3)]
    assert usage(arena)["num_swapped_replies"] == 3


def test_what_was_paid_for_nothing_is_no_part_of_a_conversation() -> None:
    arena = two_models()
    arena.say(SlotOpened(slot_ms=START_MS), "alpha")
    answer(arena, cost="0.01", failure="the connection broke")
    arena.say(SlotClosed(slot_ms=START_MS, outcome="failed", why="model: the connection broke"), "alpha")

    assert arena.document("conversations")["conversations"] == []
    assert leader(arena)["model_cost_dollars"] > 0
