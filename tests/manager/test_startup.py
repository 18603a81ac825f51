"""Start-up: slots that were left open or missed get their one outcome, leverage is the engine's, refusals are told."""

import pytest
from msgspec.structs import replace

from engine.manager.record import Incident, Intended, SlotClosed, SlotOpened, Started, Stopped
from engine.manager.startup import CRASH_WINDOW_MS, crashes_lately
from engine.model.order import SetLeverage
from tests.arena.scripts import MINUTE_MS, T0, Scripted, buy
from tests.arena.small_arena import LOOSE, SmallArena, Trader


def test_a_slot_that_was_open_is_interrupted_and_the_missed_ones_are_one_range() -> None:
    arena = SmallArena({"ann": {}}).observe()
    arena.slot("ann")
    arena.at(3)
    arena.say(SlotOpened(slot_ms=T0 + 3 * MINUTE_MS), "ann")
    arena.at(10.5)

    again = SmallArena({"ann": {}}, after=arena)

    interrupted, downtime = again.records(SlotClosed, "ann")[-2:]
    assert (interrupted.outcome, interrupted.slot_ms) == ("interrupted", T0 + 3 * MINUTE_MS)
    assert (downtime.outcome, downtime.why) == ("skipped", "downtime")
    assert (downtime.slot_ms, downtime.until_ms) == (T0 + 4 * MINUTE_MS, T0 + 10 * MINUTE_MS)
    assert again.state.traders[again.desks["ann"].trader].standing.last_slot_ms == T0 + 10 * MINUTE_MS


def test_a_restart_within_a_slot_misses_nothing() -> None:
    arena = SmallArena({"ann": {}}).observe()
    arena.slot("ann")
    arena.at(0.9)

    again = SmallArena({"ann": {}}, after=arena)

    assert again.outcomes("ann") == ["held"]


def test_an_interrupted_slot_is_not_asked_again() -> None:
    """It may have acted: another decision of the same slot would be a second one."""
    arena = SmallArena({"ann": {5: buy()}}).observe()
    arena.at(5).say(SlotOpened(slot_ms=T0 + 5 * MINUTE_MS), "ann")

    again = SmallArena({"ann": {5: buy()}}, after=arena).play(8)

    assert again.outcomes("ann")[0] == "interrupted"
    assert again.orders("ann") == []


@pytest.mark.parametrize(("before", "after"), [(15, 60), (60, 15), (1, 7)])
def test_a_range_of_missed_slots_lies_on_the_grid_of_the_new_interval(before: int, after: int) -> None:
    first = SmallArena({"ann": Trader(decider=Scripted({}), minutes=before)}).observe()
    first.at(before).slot("ann")
    first.at(119)

    again = SmallArena({"ann": Trader(decider=Scripted({}), minutes=after)}, after=first)

    for closed in again.records(SlotClosed, "ann")[1:]:
        assert closed.until_ms is not None
        assert closed.slot_ms % (after * MINUTE_MS) == closed.until_ms % (after * MINUTE_MS) == 0
        assert closed.slot_ms <= closed.until_ms


def test_leverage_on_the_venue_is_the_highest_that_any_trader_may_use_within_the_tier() -> None:
    low = Trader(decider=Scripted({}), limits=replace(LOOSE, major_coin_leverage=5))
    high = Trader(decider=Scripted({}), limits=replace(LOOSE, major_coin_leverage=30))
    arena = SmallArena({"ann": low, "bob": high}, {"BTC": [100.0] * 3, "ETH": [10.0] * 3})

    wanted = [intended.envelope.action for intended in arena.records(Intended)]

    assert wanted == [
        SetLeverage(coin="BTC", leverage=30),
        SetLeverage(coin="ETH", leverage=25),  # all that this venue allows
    ]


def test_leverage_that_is_set_already_is_not_set_again() -> None:
    arena = SmallArena({"ann": {}})

    again = SmallArena({"ann": {}}, after=arena)

    assert again.gateway.submitted == 0


def test_a_venue_that_refuses_leverage_is_an_incident() -> None:
    arena = SmallArena({"ann": {0: buy(quantity="10")}}, {"BTC": [100.0] * 3}).observe()
    arena.slot("ann")
    isolated = {"ann": Trader(decider=Scripted({}), isolated=True, limits=replace(LOOSE, major_coin_leverage=3))}

    again = SmallArena(isolated, after=arena)

    (incident,) = again.records(Incident)
    assert incident.what == "leverage_refused"
    assert "LeverageSwitch" in incident.detail


def test_starts_without_a_stop_between_them_count_as_crashes_for_ten_minutes() -> None:
    arena = SmallArena({"ann": {}})
    for minute in (0, 1, 2, 3):
        arena.at(minute).say(Started(epoch=minute + 2, version="1", deployment="test"))
    now_ms = arena.recorder.clock.now_ms()

    assert crashes_lately(arena.state, now_ms) >= 3
    assert crashes_lately(arena.state, now_ms + CRASH_WINDOW_MS - 1) == 0


def test_an_orderly_stop_ends_the_count_of_crashes() -> None:
    arena = SmallArena({"ann": {}})
    for _ in range(4):
        arena.say(Started(epoch=2, version="1", deployment="test"))
    arena.say(Stopped(reason="told to stop"))
    arena.say(Started(epoch=3, version="1", deployment="test"))

    assert crashes_lately(arena.state, arena.recorder.clock.now_ms()) == 0
