"""The driver: asking only where something may happen changes nothing, nothing of the future is seen, runs repeat."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.backtest.report import report_of, text_of
from engine.exchange.sim.settings import SimSettings
from engine.executor.limits import Limits
from engine.journal.inline import BufferedJournal
from engine.journal.memory import MemoryJournal
from engine.manager.record import Filled, Marked, SlotClosed
from tests.arena.scripts import MINUTE_MS, T0, Scripted, buy, close
from tests.arena.small_arena import HOUR_MS, LOOSE, STOPPED, TEN_BPS, SmallArena, Trader
from tests.backtest.crossing import Crossing, walk

REAL = SimSettings(initial_balance_usd=Decimal(100_000), latency_ms=0)  # with spread, impact, participation and funding
FUNDING = {"BTC": "0.0001", "ETH": "-0.0002"}


def run(
    seed: int,
    *,
    every_slot: bool = False,
    stop: str | None = None,
    costs: SimSettings = REAL,
    volume: float = 5_000.0,
    limits: Limits | None = None,
    minutes: int = 1,
    count: int = 600,
    prices: Any = None,
    **terms: Any,
) -> SmallArena:
    """Two opposite traders on two random walks."""
    bounds = limits or (LOOSE if stop is None else STOPPED)
    traders = {
        name: Trader(decider=Crossing(usd, sign=sign, stop=stop), limits=bounds, minutes=minutes, **terms)
        for name, usd, sign in (("ann", 1_000, 1), ("bob", 1_500, -1))
    }
    arena = SmallArena(
        traders,
        prices or {"BTC": walk(seed, count), "ETH": walk(seed + 1, count, 10.0)},
        costs=costs,
        funding=FUNDING,
        volume=volume,
        seed=seed,
    )
    return arena.play(count - 1, every_slot=every_slot)


def what_came_of(arena: SmallArena) -> Any:
    """Everything that asking more often must not change."""
    return {
        "fills": [(f.time_ms, f.coin, f.side, f.quantity, f.price, f.fee_usd) for f in arena.fills()],
        "orders": [(i.cause, i.envelope.action) for i in arena.orders()],
        "curves": [(e.ts, e.trader, e.record) for e in arena.entries if isinstance(e.record, Marked)],
        "books": arena.state.accounts[arena.account].book,
    }


CASES: dict[str, dict[str, Any]] = {
    "without stops": {},
    "with stops": {"stop": "0.01"},
    "where a bar's volume is too thin for an order": {"volume": 60.0, "stop": "0.01"},
    "where a close may not be followed at once": {"limits": replace(LOOSE, cooldown_ms=7 * MINUTE_MS)},
    "where most entries are denied": {"limits": replace(LOOSE, max_opens_per_day=5)},
    "at slots of five bars": {"minutes": 5, "stop": "0.01"},
    "with orders that rest": {"order_style": "limit_gtc", "order_expiry_ms": 3 * MINUTE_MS},
}


@pytest.mark.parametrize("what", CASES)
def test_asking_at_points_gives_what_asking_at_every_slot_gives(what: str, seed: int) -> None:
    at_points = run(seed % 1_000, **CASES[what])
    at_every_slot = run(seed % 1_000, every_slot=True, **CASES[what])

    found, expected = what_came_of(at_points), what_came_of(at_every_slot)
    assert len(found["fills"]) >= 2
    for kind, value in expected.items():
        assert found[kind] == value, kind
    assert at_points.drifts() == at_every_slot.drifts() == []


def test_asking_at_points_asks_less() -> None:
    at_points, at_every_slot = (run(1, every_slot=every_slot) for every_slot in (False, True))

    asked = [arena.desks["ann"].decider.asked for arena in (at_points, at_every_slot)]  # type: ignore[union-attr]
    assert asked[1] == 599
    assert asked[0] < 300


@pytest.mark.parametrize("stop", [None, "0.01"])
def test_what_comes_later_changes_nothing_before(stop: str | None, seed: int) -> None:
    """From bar 300 on everything is different; at its open only that open is known, and it is left as it was."""
    seed %= 1_000
    prices = {"BTC": walk(seed, 600), "ETH": walk(seed + 1, 600, 10.0)}
    others = {}
    for coin, rows in prices.items():
        opened = rows[300][0]
        other = [(opened, opened * 1.5, opened * 0.5, opened * 1.2), *walk(seed + 7, 299, opened * 1.2)]
        others[coin] = [*rows[:300], *other]

    before, after = (run(seed, stop=stop, prices=shown) for shown in (prices, others))

    until_ms = T0 + 300 * MINUTE_MS
    shared = [[entry for entry in arena.entries if entry.ts <= until_ms] for arena in (before, after)]
    assert shared[0] == shared[1]
    assert any(isinstance(entry.record, Filled) for entry in shared[0])
    assert what_came_of(before) != what_came_of(after)


def journalled(seed: int) -> MemoryJournal:
    journal = MemoryJournal()
    prices = {"BTC": walk(seed, 200), "ETH": walk(seed + 1, 200, 10.0)}
    traders = {name: Trader(decider=Crossing(1_000, stop="0.01"), limits=STOPPED) for name in ("ann", "bob")}
    SmallArena(traders, prices, costs=REAL, funding=FUNDING, journal=journal, seed=seed).play(199)
    return journal


def test_the_same_seed_gives_the_same_journal_to_the_byte(seed: int) -> None:
    """Scenario 21."""
    first, second = journalled(seed % 1_000), journalled(seed % 1_000)

    assert len(first.lines) > 500
    assert first.lines == second.lines
    assert first.head.hash == second.head.hash != journalled(seed % 1_000 + 1).head.hash


def test_a_journal_on_disk_says_the_same_as_one_in_memory(tmp_path: Path) -> None:
    """Scenario 21."""
    heads = []
    for folder in ("a", "b"):
        journal = BufferedJournal.open(tmp_path / folder)[0]
        SmallArena({"ann": {1: buy(quantity="10"), 5: close()}}, journal=journal).play(10)
        heads.append(journal.head)
        journal.close()
    memory = MemoryJournal()
    SmallArena({"ann": {1: buy(quantity="10"), 5: close()}}, journal=memory).play(10)

    assert heads[0] == heads[1] == memory.head
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert names
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_the_order_of_python_s_hashes_changes_nothing() -> None:
    """Scenario 21."""
    script = "from tests.backtest.test_driver import journalled; print(journalled(5).head.hash)"
    root = Path(__file__).resolve().parents[2]

    heads = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    ]

    assert heads[0] == heads[1] == f"{journalled(5).head.hash}\n"


def test_an_order_that_expired_at_the_venue_frees_its_coin() -> None:
    script = {0: buy(entry_price="99"), 2: buy(entry_price="99"), 4: buy(entry_price="100")}
    ann = Trader(decider=Scripted(script), order_style="limit_gtc", order_expiry_ms=3 * MINUTE_MS)

    arena = SmallArena({"ann": ann}, {"BTC": [100.0] * 8}).play(6)

    assert [arena.outcomes("ann")[minute] for minute in (0, 2, 4)] == ["acted", "denied", "acted"]
    assert arena.denials("ann") == ["order_under_way"]
    assert arena.held("ann") == 1


def test_what_the_venue_liquidates_by_itself_is_in_the_book_before_anybody_decides() -> None:
    """Both coins fall together, which the venue takes to be at one instant: 450 USD each, and 1,000 were there."""
    falling = [100.0, 100.0, (100.0, 100.0, 95.0, 97.0), 97.0, 97.0, 97.0]
    script = Scripted({0: [buy("BTC", "90"), buy("ETH", "90")], 3: [close("BTC")]})
    ann = Trader(decider=script, capital_usd=Decimal(1_000))

    arena = SmallArena(
        {"ann": ann}, {"BTC": falling, "ETH": falling}, costs=replace(TEN_BPS, initial_balance_usd=Decimal(1_000))
    ).play(5)

    assert arena.driver is not None
    assert arena.driver.drifts == 0
    assert arena.incidents() == ["venue_liquidation"] * 2
    assert arena.denials("ann") == ["size"]  # there was nothing left to close
    assert arena.held("ann") == arena.held("ann", "ETH") == arena.held("house") == arena.venue_holds() == 0


def test_every_slot_has_one_outcome_when_every_slot_is_asked() -> None:
    arena = run(3, every_slot=True, stop="0.01", count=200)

    for name in ("ann", "bob"):
        slots = [closed.slot_ms for closed in arena.records(SlotClosed, name)]
        assert slots == [T0 + minute * MINUTE_MS for minute in range(199)]


def test_the_report_counts_what_happened() -> None:
    arena = run(3, stop="0.01")
    assert arena.driver is not None

    report = report_of(
        arena.state,
        arena.tally,
        from_ms=T0,
        to_ms=T0 + 599 * MINUTE_MS,
        mark_ms=HOUR_MS,
        checks=arena.driver.checks,
        drifts=arena.driver.drifts,
    )

    counts = report.counts
    assert counts.fills == len(arena.fills())
    assert counts.orders == len(arena.orders())
    assert counts.stops == sum(intended.cause == "stop" for intended in arena.orders()) > 0
    assert (counts.incidents, counts.identity_drifts) == (0, 0)
    assert counts.opposite_positions > 0
    assert counts.funding_stamps > 0
    assert [found.trader for found in report.traders] == sorted(("ann", "bob"), key=lambda name: -arena.equity(name))
    assert text_of(report).splitlines()[1].startswith(report.traders[0].trader)
