"""Scenarios 10 and 11 in one run: one model hangs, one strategy breaks, the third trader notices neither."""

from tests.arena.chat import Speaker, a_buy, model_decider, says
from tests.arena.scripts import MINUTE_MS, T0, buy, close
from tests.arena.small_arena import Trader
from tests.arena.virtual_time import VirtualClock
from tests.manager.test_scheduler import Broken, audited, openings, run, scheduled


def test_one_trader_hangs_another_breaks_and_the_third_keeps_its_cadence() -> None:
    """Scenarios 10 and 11."""
    clock = VirtualClock(T0)
    hanging = Trader(decider=model_decider(Speaker(says(a_buy()), takes_ms=60 * MINUTE_MS), timeout_ms=MINUTE_MS))
    arena, scheduler, _ = scheduled(
        clock, {"ann": hanging, "bob": Trader(decider=Broken()), "eve": {1: buy(), 5: close()}}
    )

    run(clock, scheduler, 9.5)

    assert [(slot, at - slot) for slot, at in openings(arena, "eve")] == [
        (minute * MINUTE_MS, 0) for minute in range(1, 10)
    ]
    assert arena.outcomes("eve") == ["acted", "held", "held", "held", "acted", "held", "held", "held", "held"]
    assert {trader: known.standing.status for trader, known in arena.state.traders.items()} == {
        "ann": "running",
        "bob": "error",
        "eve": "running",
    }
    assert "acted" not in arena.outcomes("ann")
    assert audited(arena) == []
