"""A process that is stopped for longer than a slot, again and again, and what becomes of what it had decided before."""

import signal
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random

from msgspec import Struct

from engine.manager import record as r
from engine.model.ids import TraderId
from engine.model.order import Order, Rejected
from tests.faults.machine import grows, nothing_twice, recovered, trading, venue_fills
from tests.processes.quick_arena import write_arena
from tests.processes.running import call, entries_of, settings_of

STALE_MS = 2_000  # an order that opens and is as old when it leaves was decided on the prices of another slot
SECOND_ENGINES = 4  # at one of so many stops somebody starts another engine, as if the first were dead
LOCKED = 75


class Pause(Struct, frozen=True, kw_only=True):
    """One stop: between which instants (ms UTC) the process did not run."""

    from_ms: int
    to_ms: int


class Paused(Struct, kw_only=True):
    """What a series of stops came to. ``faults`` is empty when everything is as it must be.

    ``late`` slots were begun when the next one was due: the stop came as they were being opened. ``stale_ms`` are the
    ages of orders that open, were decided before a stop and were executed after it; ``closed`` counts those that made
    a position smaller, which they may at any age.
    """

    pauses: list[Pause] = []
    refused: int = 0
    in_cycles: int = 0
    orders: int = 0
    skipped: int = 0
    late: int = 0
    closed: int = 0
    turned_down: int = 0
    stale_ms: list[int] = []
    faults: list[str] = []

    def __str__(self) -> str:
        longest_ms = max((pause.to_ms - pause.from_ms for pause in self.pauses), default=0)
        said = (
            f"{len(self.pauses)} stops, the longest {longest_ms} ms, {self.in_cycles} of them inside a cycle",
            f"{self.orders} orders, slots skipped as late {self.skipped} times, opened late {self.late} times",
            f"second engines refused: {self.refused}",
            f"decided before a stop and executed after it: {self.closed} orders that close, "
            f"{len(self.stale_ms)} that open {sorted(self.stale_ms)}",
            f"turned down by the gateway: {self.turned_down}",
        )
        return "; ".join(said)


def stop_again_and_again(folder: Path, rng: Random, stops: int) -> Paused:
    """Stop a trading engine so many times for 2.2 to 3.4 s and let it go on; what came of it.

    Every other time it is stopped right after a plan with an order in it is in the file, which is when that order is
    about to leave; else at any moment. The arena's slots are 1 and 2 s long.
    """
    config, log = write_arena(folder), folder / "engine.log"
    found = Paused()
    with trading(config, log) as (engine, tail):
        for number in range(stops):
            if number % 2:
                time.sleep(rng.uniform(0, 1.1))
            else:
                tail.wait_for(b'"kind":"Planned"', engine, rng.randint(1, 3), also=b'"type":"approved"')
                time.sleep(rng.uniform(0, 0.002))
            from_ms = time.time_ns() // 1_000_000
            engine.send_signal(signal.SIGSTOP)
            try:
                until_s = time.monotonic() + rng.uniform(2.2, 3.4)
                if number % SECOND_ENGINES == 0:
                    found.refused += second_is_refused(config, found.faults)
                time.sleep(max(0.0, until_s - time.monotonic()))
            finally:
                to_ms = time.time_ns() // 1_000_000
                engine.send_signal(signal.SIGCONT)
            found.pauses.append(Pause(from_ms=from_ms, to_ms=to_ms))
            tail.wait_for(b'"kind":"SlotOpened"', engine)
    judge(config, found)
    recovered(config)
    return found


def second_is_refused(config: Path, faults: list[str]) -> bool:
    """Start another engine on the same state; whether it ended at once and said why."""
    second = call("run", "--config", config)
    refused = second.returncode == LOCKED and "another engine works on" in second.stderr
    if not refused:
        faults.append(f"a second engine ended with {second.returncode}: {second.stderr}")
    return refused


def judge(config: Path, found: Paused) -> None:
    """Hold what journal and venue say against the pauses."""
    entries = entries_of(config)
    found.late = len(openings_out_of_time(config))
    found.faults += [f"there twice: {what}" for what in nothing_twice(entries)]
    executed_ms = {fill["client_order_id"]: fill["time_ms"] for fill in reversed(venue_fills(config))}
    looked_ms: dict[tuple[str | None, str], int] = {}
    held = Counter[tuple[str | None, str]]()
    inside: dict[str | None, None] = {}
    ahead = list(found.pauses)
    for entry in entries:
        while ahead and entry.ts > ahead[0].from_ms:
            found.in_cycles += bool(inside)
            del ahead[0]
        match entry.record:
            case r.SlotOpened():
                inside[entry.trader] = None
            case r.SlotClosed(why=why):
                inside.pop(entry.trader, None)
                found.skipped += why == "late"
            case r.Planned(slot_ms=slot_ms, second_look=second_look):
                looked_ms[entry.trader, str(slot_ms)] = second_look
            case r.Reported(report=Rejected(code="gateway")):
                found.turned_down += 1
            case r.Filled(fill=fill):
                held[entry.trader, fill.coin] += fill.signed_quantity  # type: ignore[assignment]
            case r.Intended(cause="decision") as intended if isinstance(order := intended.envelope.action, Order):
                found.orders += 1
                from_ms, to_ms = looked_ms[entry.trader, intended.reference], executed_ms.get(order.client_order_id, 0)
                if not any(from_ms <= pause.from_ms and to_ms >= pause.to_ms for pause in found.pauses):
                    continue
                if grows(Decimal(held[entry.trader, order.coin]), order.side, order.quantity):
                    found.stale_ms.append(to_ms - from_ms)
                else:
                    found.closed += 1
            case _:
                continue


def openings_out_of_time(config: Path) -> list[tuple[str | None, int]]:
    """The slots that were opened when the next one was due already, and by how many milliseconds."""
    interval_ms = {trader.id: trader.interval_ms for trader in settings_of(config).traders}
    return [
        (entry.trader, entry.ts - entry.record.slot_ms)
        for entry in entries_of(config)
        if isinstance(entry.record, r.SlotOpened)
        and entry.ts - entry.record.slot_ms >= interval_ms[TraderId(entry.trader or "")]
    ]
