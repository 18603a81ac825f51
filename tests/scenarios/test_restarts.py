"""Scenarios 7 and 19: killed at any record, the next start goes on as if nothing had happened, nothing twice."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.backtest.driver import step
from engine.manager.audit import Audit
from engine.manager.record import (
    Configured,
    Entry,
    Filled,
    Funded,
    Intended,
    Reported,
    SlotClosed,
    SlotOpened,
    Started,
    decode,
)
from engine.model.ids import TraderId
from tests.arena.scripts import MINUTE_MS, T0, Scripted, buy, close, sell
from tests.arena.small_arena import STOPPED, TEN_BPS, SmallArena, Trader

FIRST, LAST = 57, 64
PRICES: dict[str, Any] = {"BTC": [*[100.0] * 61, (100.0, 100.0, 94.0, 96.0), *[96.0] * 5], "ETH": [10.0] * 67}
COSTS = replace(TEN_BPS, funding=True)
FUNDING = {"BTC": "0.0001", "ETH": "0.0001"}


class Killed(BaseException):
    """The process is gone."""


class Dying:
    """A journal whose process dies at its n-th record: before the record is on disk, or right after."""

    def __init__(self, dies_at: int, *, keeps: bool) -> None:
        self._dies_at = dies_at
        self._keeps = keeps
        self.entries: list[Entry] = []

    def append(self, kind: str, data: bytes, ts: int, trader: str | None) -> int:
        seq = len(self.entries) + 1
        if seq < self._dies_at or self._keeps:
            self.entries.append(
                Entry(seq=seq, ts=ts, trader=None if trader is None else TraderId(trader), record=decode(kind, data))
            )
        if seq >= self._dies_at:
            raise Killed
        return seq

    async def durable(self, seq: int) -> None:
        assert seq <= len(self.entries)

    def body(self, kind: str, data: bytes, ts: int) -> str:
        return "body"


def traders() -> dict[str, Trader]:
    ann = {
        57: buy("BTC", "10", stop="90"),
        59: sell("BTC", "5", stop="110"),
        60: buy("BTC", "8", stop="95"),
        63: close("BTC"),
    }
    bob = {58: [sell("BTC", "8", stop="110"), buy("ETH", "20", stop="9")], 62: close("BTC"), 64: close("ETH")}
    return {name: Trader(decider=Scripted(script), limits=STOPPED) for name, script in (("ann", ann), ("bob", bob))}


def lived(arena: SmallArena, from_minute: int) -> SmallArena:
    """Some minutes as a live engine has them: watch, slots in turn, watch."""
    for minute in range(from_minute, LAST + 1):
        arena.at(minute).observe()
        arena.tick()
        for name in ("ann", "bob"):
            if arena.state.traders[arena.desks[name].trader].standing.last_slot_ms < arena.clock.now_ms():
                arena.slot(name)
        if minute == 61:
            arena.at(61.5).touch("BTC", "94.5")
        arena.tick()
    return arena


def begun(journal: Dying | None = None) -> SmallArena:
    """An arena at the first minute of these tests, before its start."""
    return SmallArena(traders(), PRICES, costs=COSTS, funding=FUNDING, journal=journal, start=False).at(FIRST - 1)


def whole() -> SmallArena:
    arena = begun(Dying(10_000, keeps=True))
    arena.start()
    return lived(arena, FIRST)


RECORDS = len(whole().entries)


def killed_and_started_again(dies_at: int, *, keeps: bool) -> tuple[SmallArena, Dying]:
    """A run that is killed at a record, and another that goes on from its journal at the same venue."""
    journal = Dying(dies_at, keeps=keeps)
    arena = begun(journal)
    with pytest.raises(Killed):  # noqa: PT012 - it may die in either
        arena.start()
        lived(arena, FIRST)
    arena.said.all = list(journal.entries)
    arena.recorder.seq = len(journal.entries)
    again = SmallArena(traders(), PRICES, funding=FUNDING, after=arena)
    next_minute = (again.clock.now_ms() - T0) // MINUTE_MS + 1
    lived(again, max(next_minute, FIRST)).at(LAST + 1).tick()
    return again, journal


def test_the_run_that_is_killed_in_these_tests_has_everything_in_it() -> None:
    arena = whole()

    kinds = {type(entry.record) for entry in arena.entries}
    assert kinds >= {Started, Configured, SlotOpened, Intended, Reported, Filled, Funded, SlotClosed}
    assert {intended.cause for intended in arena.orders()} == {"decision", "stop"}
    assert len(arena.records(Funded)) == 2
    assert arena.drifts() == []


@pytest.mark.parametrize("keeps", [False, True], ids=["the record is lost", "the record is on disk"])
def test_killed_at_any_record_the_next_start_continues_correctly(keeps: bool) -> None:
    """Scenario 7: between intent and sending, sending and answer, answer and fill, and everywhere else."""
    for dies_at in range(1, RECORDS + 1):
        arena, journal = killed_and_started_again(dies_at, keeps=keeps)

        last = type(journal.entries[-1].record).__name__ if journal.entries else "nothing"
        where = f"killed at record {dies_at}, after {last}"
        assert arena.drifts() == [], where
        assert arena.incidents() == [], where
        assert [filled.fill for filled in arena.records(Filled)] == arena.fills(), where
        assert arena.state.accounts[arena.account].intents == {}, where
        audit = Audit()
        for entry in arena.entries:
            audit.entry(entry)
        assert audit.faults() == [], where
        assert audit.left_open() == {}, where


@pytest.mark.parametrize("keeps", [False, True], ids=["the record is lost", "the record is on disk"])
def test_funding_is_neither_lost_nor_paid_twice_over_a_restart(keeps: bool) -> None:
    """Scenario 7: what the venue booked on the net position is what the traders were given."""
    for dies_at in range(1, RECORDS + 1):
        arena, _ = killed_and_started_again(dies_at, keeps=keeps)

        paid = sum(payment.usd for payment in step(arena.sim.funding(0)))
        given = sum(arena.ledger(name).funding_usd for name in ("ann", "bob", "house"))
        assert given == paid, f"killed at record {dies_at}"
        hours = [(funded.coin, funded.time_ms) for funded in arena.records(Funded)]
        assert len(hours) == len(dict.fromkeys(hours)), f"killed at record {dies_at}"


def test_an_order_sent_and_never_heard_of_is_found_by_its_id_and_not_sent_again() -> None:
    """Scenario 7: the venue has filled it, the process died before it could write that down."""
    reported = next(
        place
        for place, entry in enumerate(whole().entries, 1)
        if entry.trader == "ann" and isinstance(entry.record, Reported)
    )

    arena, journal = killed_and_started_again(reported, keeps=False)

    lost = journal.entries[-1].record
    assert isinstance(lost, Intended)
    intended = [found.client_order_id for found in arena.records(Intended)]
    filled = [found.fill.client_order_id for found in arena.records(Filled)]
    assert intended.count(lost.client_order_id) == filled.count(lost.client_order_id) == 1
    assert "interrupted" in arena.outcomes("ann")


def test_opposite_traders_are_not_charged_for_hours_before_they_held_anything() -> None:
    """Ten hours without a position, then opposite ones that net to nothing, then a restart: no hour is due."""
    flat = {"BTC": [100.0] * 700}
    scripts = {"ann": {630: buy(quantity="10")}, "bob": {630: sell(quantity="10")}}
    arena = SmallArena(scripts, flat, costs=COSTS, funding=FUNDING).play(640)
    assert arena.records(Funded) == []

    again = SmallArena(scripts, after=arena)

    assert again.records(Funded) == []
    assert again.ledger("ann").funding_usd == again.ledger("bob").funding_usd == 0


def test_started_three_times_with_the_same_configuration_its_version_stays() -> None:
    """Scenario 19."""
    arena = SmallArena({"ann": {}})
    for _ in range(3):
        arena = SmallArena({"ann": {}}, after=arena)

    assert arena.state.config_version == 1
    assert len(arena.records(Configured)) == 1
    assert [started.epoch for started in arena.records(Started)] == [1, 2, 3, 4]


def test_another_configuration_is_another_version_and_the_first_one_again_a_third() -> None:
    """Scenario 19."""
    arena = SmallArena({"ann": {}})
    for config in ("another", "the configuration"):
        arena = SmallArena({"ann": {}}, after=arena, start=False)
        arena.start(config)

    assert [configured.version for configured in arena.records(Configured)] == [1, 2, 3]


def test_the_state_after_a_restart_is_the_state_before_it() -> None:
    """R-09: nobody's positions, plans or capital are lost, and nobody adopts anything."""
    arena = whole()
    arena.at(LAST + 1)

    again = SmallArena(traders(), after=arena, start=False)

    assert again.state == arena.state
    before = again.state.accounts[again.account].book
    again.start()
    assert again.state.accounts[again.account].book == before
    assert [reached.outcome for reached in again.records(SlotClosed, "ann")][-1] == "skipped"
