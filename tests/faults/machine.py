"""A machine for an engine to fail on: starts ``engine run`` under faults, and looks at what it left behind."""

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from decimal import Decimal
from io import StringIO
from pathlib import Path
from threading import Lock
from typing import Any

from engine.cli.journal import verify_journal
from engine.manager import record as r
from engine.model.order import Order
from tests.processes.quick_arena import PROJECT_ROOT
from tests.processes.running import (
    PATIENCE_S,
    Tail,
    call,
    command,
    entries_of,
    environment,
    journal_of,
    settings_of,
)

SHIM = Path(__file__).parent / "shim"
LONG_AGO = "2020-01-01"
SYNCS = ("fsync", "fdatasync")
EVERYTHING = ("fsync", "fdatasync", "write", "rename", "replace", "ftruncate", "unlink")

_one_at_a_time = Lock()


def start(config: Path, log: Path, faults: dict[str, Any] | None = None) -> subprocess.Popen[bytes]:
    """Start ``engine run`` on a machine with these faults (``shim/sitecustomize.py`` says which there are)."""
    path = os.pathsep.join([str(SHIM), *filter(None, [os.environ.get("PYTHONPATH")])])
    with log.open("ab") as output:
        return subprocess.Popen(
            command("run", "--config", config),
            cwd=PROJECT_ROOT,
            env={**environment(), "PYTHONPATH": path, "NOF0_FAULTS": json.dumps(faults or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def trading(
    config: Path, log: Path, faults: dict[str, Any] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], Tail]]:
    """An engine that has closed some slots when the block begins; it is told to stop at the end, and did so well."""
    with Tail(journal_of(config)) as tail:
        engine = start(config, log, faults)
        try:
            tail.wait_for(b'"kind":"SlotClosed"', engine, 3)
            yield engine, tail
            engine.send_signal(signal.SIGTERM)
            assert engine.wait(PATIENCE_S) == 0, log.read_text()
        finally:
            engine.kill()
            engine.wait()


def ended(engine: subprocess.Popen[bytes], seconds: float) -> int | None:
    """The return code of an engine that ends by itself within so many seconds; else it is stopped, and ``None``."""
    try:
        return engine.wait(seconds)
    except subprocess.TimeoutExpired:
        engine.send_signal(signal.SIGTERM)
        engine.wait(PATIENCE_S)
        return None


def strace(config: Path, log: Path, call_name: str, at: int) -> list[str] | None:
    """The command that kills an unmodified engine at a thread's ``at``-th call; ``None`` without a working strace."""
    tool = shutil.which("strace")
    if tool is None or subprocess.run([tool, "-f", "true"], capture_output=True, check=False).returncode != 0:
        return None
    inject = ["-e", f"trace={call_name}", "-e", f"inject={call_name}:signal=KILL:when={at}"]
    return [tool, "-f", "-qq", "-o", str(log), *inject, *command("run", "--config", config)]


def recovered(config: Path) -> Counter[str]:
    """Start again and stop: the start is the recovery. Then nothing is lost, doubled or at odds with the venue.

    How many orders and fills were looked at.
    """
    again = call("run", "--config", config, "--until", LONG_AGO)
    assert again.returncode == 0, again.stdout + again.stderr
    said = StringIO()
    with _one_at_a_time, redirect_stdout(said), redirect_stderr(said):  # they are those of the whole process
        verified = verify_journal(config)  # what ``engine journal verify`` does
    assert verified == 0, said.getvalue()
    entries = entries_of(config)
    twice = nothing_twice(entries)
    assert twice == [], f"duplicates: {twice}"
    differences = venue_and_book_differ(config, entries)
    assert differences == [], f"book and venue differ: {differences}"
    return Counter(
        orders=sum(isinstance(entry.record, r.Intended) for entry in entries),
        fills=sum(isinstance(entry.record, r.Filled) for entry in entries),
        resolved=sum(isinstance(entry.record, r.Reported) and bool(entry.record.evidence) for entry in entries),
    )


def nothing_twice(entries: list[r.Entry]) -> list[object]:
    """What is there twice of things that there may be once: order ids, venue trades, openings and outcomes of slots."""
    counted: Counter[object] = Counter()
    for entry in entries:
        match entry.record:
            case r.Intended() as intended if isinstance(intended.envelope.action, Order):
                counted["order", intended.client_order_id] += 1
            case r.Filled() as filled:
                counted["trade", filled.fill.trade_id] += 1
            case r.SlotOpened() as opened:
                counted["opened", entry.trader, opened.slot_ms] += 1
            case r.SlotClosed() as closed:
                counted["closed", entry.trader, closed.slot_ms] += 1
            case _:
                continue
    return [what for what, count in counted.items() if count > 1]


def venue_and_book_differ(config: Path, entries: list[r.Entry]) -> list[str]:
    """Fills and positions that the venue's own log and the journal do not agree about, both read line by line."""
    venue = {fill["trade_id"]: fill for fill in venue_fills(config)}
    ours = {entry.record.fill.trade_id: entry.record.fill for entry in entries if isinstance(entry.record, r.Filled)}
    found = [f"trade {trade} is not in both" for trade in venue.keys() ^ ours.keys()]
    book: Counter[str] = Counter()
    for trade, fill in venue.items():
        book[fill["coin"]] += Decimal(fill["quantity"]) * (1 if fill["side"] == "buy" else -1)  # type: ignore[assignment]
        if trade in ours:
            book[fill["coin"]] -= ours[trade].signed_quantity  # type: ignore[assignment]
    found += [f"{coin} differs by {rest}" for coin, rest in sorted(book.items()) if rest]
    orders = Counter(fill["client_order_id"] for fill in venue.values())
    unknown = {entry.record.client_order_id for entry in entries if isinstance(entry.record, r.Intended)}
    return sorted(found) + [f"order {order} was never intended" for order in orders if order not in unknown]


def grows(held: Decimal, side: str, quantity: Decimal) -> bool:
    """Whether a trade does more than make a position smaller."""
    return quantity > abs(held) or held == 0 or (held > 0) == (side == "buy")


def venue_fills(config: Path) -> list[dict[str, Any]]:
    """Every fill of the simulated venue as it lies on disk (its log is younger than its first compaction here)."""
    folder = settings_of(config).manager.manager.state_storage_path / "venues" / "paper_trading"
    assert not (folder / "account.json").exists(), "the venue compacted its log: not all fills are in it any more"
    lines = (folder / "changes.jsonl").read_text().splitlines()
    return [fill for line in lines for change in json.loads(line) for fill in change.get("fills", [])]
