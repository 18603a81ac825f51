"""The kill switch on a real engine: within a second nothing opens any more, over a restart too, until it is lifted."""

import signal
import time
from decimal import Decimal
from pathlib import Path

from engine.killswitch import NAME
from engine.manager import record as r
from engine.model.order import Order, Rejected
from tests.faults.machine import grows, recovered, trading, venue_fills
from tests.processes.quick_arena import write_arena
from tests.processes.running import call, entries_of, eventually, settings_of

A_SECOND_MS = 1_000


def now_ms() -> int:
    """This machine's clock, which is the engine's."""
    return time.time_ns() // 1_000_000


def openings(config: Path) -> list[tuple[int, str]]:
    """When something left that enlarged a trader's own position, and what: by the journal and by the venue's log."""
    held: dict[tuple[str, str], Decimal] = {}
    owners: dict[str, str] = {}
    opened: dict[str, tuple[int, str]] = {}
    for entry in entries_of(config):
        match entry.record:
            case r.Intended() as intended if isinstance(order := intended.envelope.action, Order):
                owner = entry.trader or ""
                owners[order.client_order_id] = owner
                if grows(held.get((owner, order.coin), Decimal(0)), order.side, order.quantity):
                    opened[order.client_order_id] = (entry.ts, f"{owner} {order.side} {order.quantity} {order.coin}")
            case r.Reported(report=Rejected(code="gateway")) as refused:
                opened.pop(refused.client_order_id, None)
            case r.Filled(fill=fill):
                place = (entry.trader or "", fill.coin)
                held[place] = held.get(place, Decimal(0)) + fill.signed_quantity
            case _:
                continue
    found = list(opened.values())
    held.clear()
    for told in venue_fills(config):
        place, quantity = (owners[told["client_order_id"]], told["coin"]), Decimal(told["quantity"])
        before = held.get(place, Decimal(0))
        if grows(before, told["side"], quantity):
            found.append((told["time_ms"], f"at the venue: {place} {told['side']} {quantity}"))
        held[place] = before + (quantity if told["side"] == "buy" else -quantity)
    return found


def positions(config: Path) -> dict[tuple[str, str], Decimal]:
    """What each trader holds, by its fills."""
    held: dict[tuple[str, str], Decimal] = {}
    for entry in entries_of(config):
        if isinstance(entry.record, r.Filled):
            place = (entry.trader or "", entry.record.fill.coin)
            held[place] = held.get(place, Decimal(0)) + entry.record.fill.signed_quantity
    return {place: quantity for place, quantity in held.items() if quantity}


def between(found: list[tuple[int, str]], from_ms: int, to_ms: int) -> list[str]:
    """What opened later than a second after a halt began and before it ended."""
    return [f"{ms - from_ms} ms after the trip: {what}" for ms, what in found if from_ms + A_SECOND_MS < ms < to_ms]


def test_by_signal_file_or_command_nothing_opens_a_second_later_until_it_is_lifted(tmp_path: Path) -> None:
    config, log = write_arena(tmp_path), tmp_path / "engine.log"
    switch = settings_of(config).manager.manager.state_storage_path / NAME
    halts: list[tuple[int, int]] = []
    with trading(config, log) as (engine, tail):
        tripped_ms = now_ms()
        engine.send_signal(signal.SIGUSR1)
        tail.wait_for(b'"command":"halt"', engine)
        time.sleep(2.2)
        halts.append((tripped_ms, now_ms()))
        assert "the halt is lifted" in call("kill", "--lift", "--config", config).stdout
        tail.wait_for(b'"command":"lift"', engine)
        tail.wait_for(b'"kind":"Filled"', engine, 2)

        tripped_ms = now_ms()
        switch.touch()
        tail.wait_for(b'"why":"halted"', engine, 3)
        eventually(lambda: positions(config), "positions")
    with trading(config, log) as (engine, tail):
        time.sleep(1)
        assert call("kill", "--mode", "flatten_own", "--reason", "drill", "--config", config).returncode == 0
        eventually(lambda: positions(config) == {}, "the end of all positions")
        halts.append((tripped_ms, now_ms()))
        assert call("kill", "--lift", "--config", config).returncode == 0
        tail.wait_for(b'"command":"lift"', engine)
        tail.wait_for(b'"kind":"Filled"', engine, 2)

    found = openings(config)
    assert [between(found, *halt) for halt in halts] == [[], []]
    assert all(any(ms > lifted_ms for ms, _ in found) for _, lifted_ms in halts)
    assert everybody_closed_their_own(config, halts[1][0])
    recovered(config)


def everybody_closed_their_own(config: Path, since_ms: int) -> bool:
    """Whether each of the operator's orders closed a position of the trader it was sent for, and not more of it."""
    held: dict[tuple[str, str], Decimal] = {}
    orders = 0
    for entry in entries_of(config):
        match entry.record:
            case r.Intended(cause="operator") as intended if isinstance(order := intended.envelope.action, Order):
                assert entry.ts >= since_ms
                assert not grows(held[entry.trader or "", order.coin], order.side, order.quantity)
                orders += 1
            case r.Filled(fill=fill):
                place = (entry.trader or "", fill.coin)
                held[place] = held.get(place, Decimal(0)) + fill.signed_quantity
            case _:
                continue
    return orders > 0
