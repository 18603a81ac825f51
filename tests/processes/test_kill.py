"""``kill -9`` at any moment, ten times on the same state: nothing is lost or done twice, everything adds up."""

import random
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.cli.journal import verify_journal
from engine.exchange.sim.ledger import Ledger
from engine.exchange.sim.log import SimLog
from engine.exchange.sim.statement import read_statement
from engine.manager import record as r
from engine.model.order import Order
from tests.processes.quick_arena import write_arena
from tests.processes.running import call, entries_of, journal_of, settings_of, started

RUNS = 10
LONG_AGO = "2020-01-01"


def kill_at_random(config: Path, rng: random.Random, log: Path) -> None:
    """Let the engine trade for a moment and kill it wherever it is."""
    with started(config, log) as (engine, tail):
        tail.wait_for(b'"kind":"Started"', engine)
        time.sleep(rng.uniform(0, 2))


def kill_inside_a_slot(config: Path, rng: random.Random, log: Path) -> None:
    """Kill the engine up to 3 ms after a plan with an order in it is in the file: its outcome is hardly there yet."""
    with started(config, log) as (engine, tail):
        tail.wait_for(b'"kind":"Planned"', engine, rng.randint(1, 4), also=b'"type":"approved"')
        time.sleep(rng.uniform(0, 0.003))


def planned_and_not_closed(entries: list[r.Entry]) -> list[str]:
    """The traders whose last plan has no outcome on disk, with the last that was said about each."""
    inside: dict[str, str] = {}
    for entry in entries:
        match entry.record:
            case r.Planned():
                inside[entry.trader or ""] = "Planned"
            case r.SlotClosed():
                inside.pop(entry.trader or "", None)
            case _ if entry.trader in inside:
                inside[entry.trader] = r.kind_of(entry.record)
            case _:
                continue
    return [f"{trader} after {kind}" for trader, kind in inside.items()]


def venue_fills(config: Path) -> Ledger:
    """The simulated venue's own books, as they lie on disk."""
    log = SimLog(settings_of(config).manager.manager.state_storage_path / "venues" / "paper_trading")
    try:
        return log.recover(Ledger(next_order_id=0, next_trade_id=0))
    finally:
        log.close()


def test_ten_kills_on_one_state_lose_nothing_and_do_nothing_twice(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(seed)
    config, log = write_arena(tmp_path), tmp_path / "engine.log"
    landed, story = 0, []

    for run in range(RUNS):
        kill = kill_at_random if run % 3 == 2 else kill_inside_a_slot
        kill(config, rng, log)
        inside = planned_and_not_closed(entries_of(config))
        landed += bool(inside)
        story.append(f"run {run}: {kill.__name__}: {', '.join(inside) or 'between slots'}")
        ended = call("run", "--config", config, "--until", LONG_AGO)
        assert ended.returncode == 0, ended.stderr + ended.stdout
        assert verify_journal(config) == 0, "\n".join(story) + capsys.readouterr().err

    resolved = sum(isinstance(entry.record, r.Reported) and bool(entry.record.evidence) for entry in entries_of(config))
    with capsys.disabled():
        print(f"\nseed {seed}: {landed} of {RUNS} kills landed between Planned and SlotClosed,", end=" ")
        print(f"{resolved} orders were resolved by evidence")
        print("\n".join(story))
    assert landed >= 3
    nothing_twice(entries_of(config))
    adds_up(config, entries_of(config))
    every_slot_has_its_file(config, entries_of(config))
    assert call("journal", "verify", "--config", config).returncode == 0


def nothing_twice(entries: list[r.Entry]) -> None:
    """Orders, venue trades and outcomes, counted from the records alone."""
    orders = Counter(
        entry.record.client_order_id
        for entry in entries
        if isinstance(entry.record, r.Intended) and isinstance(entry.record.envelope.action, Order)
    )
    trades = Counter(entry.record.fill.trade_id for entry in entries if isinstance(entry.record, r.Filled))
    outcomes = Counter(
        (entry.trader, entry.record.slot_ms) for entry in entries if isinstance(entry.record, r.SlotClosed)
    )
    opened = Counter(
        (entry.trader, entry.record.slot_ms) for entry in entries if isinstance(entry.record, r.SlotOpened)
    )
    assert len(orders) > RUNS
    for counted in (orders, trades, outcomes, opened):
        assert [name for name, count in counted.items() if count > 1] == []
    assert [slot for slot in opened if slot not in outcomes] == []


def adds_up(config: Path, entries: list[r.Entry]) -> None:
    """Every execution of the venue is in the journal once, and both give the same coins and the same money."""
    fills = {entry.record.fill.trade_id: entry.record.fill for entry in entries if isinstance(entry.record, r.Filled)}
    funding = sum((entry.record.total_usd for entry in entries if isinstance(entry.record, r.Funded)), Decimal(0))
    ledger = venue_fills(config)
    statement = read_statement(settings_of(config).manager.manager.state_storage_path / "venues" / "paper_trading")

    assert {fill.trade_id for fill in ledger.fills_since(0)} == fills.keys()
    held = Counter[str]()
    money = ledger.deposits_usd + funding
    for fill in fills.values():
        held[fill.coin] += fill.signed_quantity  # type: ignore[assignment]
        money -= fill.signed_quantity * fill.price + fill.fee_usd
    assert {coin: quantity for coin, quantity in held.items() if quantity} == statement.quantities
    assert abs(money - statement.settled_usd) <= Decimal("0.01")


def every_slot_has_its_file(config: Path, entries: list[r.Entry]) -> None:
    """Cycle files that a kill came before were written by the next start: one for each outcome of the journal."""
    closed = [e.seq for e in entries if isinstance(e.record, r.SlotClosed) and e.trader == "restless_one"]
    files = (journal_of(config) / "cycles" / "restless_one").glob("cycle_*.json")
    assert sorted(msgspec.json.decode(path.read_bytes())["record"] for path in files) == closed


def test_a_kill_while_history_is_played_leaves_what_the_next_start_can_go_on_from(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    config, log = write_arena(tmp_path, {"nof0": {"Arena": {"HistoryDays": 1}}}), tmp_path / "engine.log"
    with started(config, log) as (engine, tail):
        tail.wait_for(b'"kind":"Filled"', engine, rng.randint(1, 100))

    ended = call("run", "--config", config, "--until", LONG_AGO)

    assert ended.returncode == 0, ended.stderr
    assert not [entry for entry in entries_of(config) if isinstance(entry.record, r.Incident)]
    assert call("journal", "verify", "--config", config).returncode == 0
