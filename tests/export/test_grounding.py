"""Grounding in the published analytics: summed up by trader, replies without a number left out."""

from typing import Any

from engine.executor.grounding import Grounding
from engine.manager import record as r
from tests.export.arena import Arena, two_models


def replied(arena: Arena, trader: str, grounding: Grounding | None) -> None:
    """A slot whose reply cited so much."""
    slot_ms = arena.now_ms
    arena.say(r.SlotOpened(slot_ms=slot_ms), trader)
    arena.now_ms += 1_000
    arena.say(
        r.Planned(
            slot_ms=slot_ms,
            first_look=slot_ms,
            second_look=arena.now_ms,
            decisions=(),
            verdicts=(),
            grounding=grounding,
        ),
        trader,
    )
    arena.say(r.SlotClosed(slot_ms=slot_ms, outcome="held"), trader)


def table(arena: Arena, trader: str) -> dict[str, Any]:
    [row] = [row for row in arena.document("analytics")["analytics"] if row["id"] == trader]
    return dict(row["grounding_breakdown_table"])


def test_the_numbers_of_all_replies_of_a_trader_are_counted_and_nobody_elses() -> None:
    arena = two_models()

    replied(arena, "alpha", Grounding(cited=10, grounded=9))
    replied(arena, "alpha", Grounding(cited=0, grounded=0))
    replied(arena, "alpha", None)
    replied(arena, "alpha", Grounding(cited=10, grounded=5))
    replied(arena, "beta", Grounding(cited=3, grounded=0))

    assert table(arena, "alpha") == {
        "num_replies": 2,
        "num_numbers_cited": 20,
        "num_numbers_grounded": 14,
        "grounded_pct": 70.0,
        "avg_grounded_pct": 70.0,
        "min_grounded_pct": 50.0,
    }
    assert table(arena, "beta")["grounded_pct"] == 0.0


def test_a_trader_that_cites_nothing_has_zeros() -> None:
    assert set(table(two_models(), "alpha").values()) == {0}
