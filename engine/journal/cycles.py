"""The readable side of the journal: one JSON file for every slot that closed, for traders who want that."""

import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import UNSET, Struct, UnsetType

from engine.executor.grounding import Grounding
from engine.journal.aside import Aside
from engine.journal.errors import JournalError
from engine.manager import record as r
from engine.manager.state import State
from engine.model.account import Account, equity_usd
from engine.model.decision import Decision, Verdict
from engine.model.ids import TraderId
from engine.model.order import Fill
from engine.model.position import Position
from engine.model.selection import Selection

_log = logging.getLogger(__name__)

WAITING_MAX = 1024  # cycles on their way to the disk
SNAPSHOTS_KEPT = 256  # instants whose snapshot a plan may still name


class MarketSeen(Struct, frozen=True, kw_only=True):
    """The instants of the two looks, ms UTC, and the bodies in the journal that hold what was seen; empty for none."""

    first_look: int
    first_snapshot: str
    second_look: int
    second_snapshot: str


class Standing(Struct, frozen=True, kw_only=True):
    """The trader's own account when the slot closed. ``equity_usd`` values it at the last ``Priced`` record.

    It is ``None`` as long as a coin that is held has no price there.
    """

    equity_usd: Decimal | None
    cash_usd: Decimal
    positions: tuple[Position, ...]


class Cycle(Struct, frozen=True, kw_only=True):
    """One slot as its file tells it. ``record`` is the ``SlotClosed`` in the journal; ``prompt`` names its messages.

    Fills and reports are those that were known when the slot closed: what came later is in the journal alone. Weights
    and sleeves of a selector stand there when they changed in this slot.
    """

    timestamp: str
    trader: str
    slot: str
    slot_ms: int
    until_ms: int | None
    cycle: int
    record: int
    config_version: int
    outcome: r.Outcome
    why: str
    latency_ms: int
    prompt_version: str
    prompt_digest: str
    prompt_templates: str
    prompt: str
    chain_of_thought: str
    summary: str
    grounding: Grounding | None
    answers: tuple[r.Answered, ...]
    decisions: tuple[Decision, ...]
    verdicts: tuple[Verdict, ...]
    market: MarketSeen | None
    intents: tuple[r.Intended, ...]
    reports: tuple[r.Reported, ...]
    fills: tuple[Fill, ...]
    account: Standing
    selection: Selection | UnsetType = UNSET


class _Gathered:
    """What has been said so far about a slot that is open."""

    def __init__(self, slot_ms: int) -> None:
        self.slot_ms = slot_ms
        self.answers: list[r.Answered] = []
        self.planned: r.Planned | None = None
        self.market: MarketSeen | None = None
        self.selection: Selection | UnsetType = UNSET
        self.intents: dict[str, r.Intended] = {}
        self.reports: list[r.Reported] = []
        self.fills: list[Fill] = []


class CycleFiles(Aside[Cycle]):
    """A reader of records that leaves ``cycle_<yyyymmddThhmmss>.json`` (UTC, when the slot opened) in each folder.

    Files are written by a thread of their own once the journal has the slot on disk (``durable``), whole or not at
    all, and none is ever overwritten: a name that another slot has taken gets a number behind it. A failure is logged
    and costs nothing but the file; records up to ``known_seq`` are those of earlier runs, fed again at the start, and
    write what is missing. ``state`` is the state that the records have been folded into.
    """

    def __init__(
        self,
        folders: Mapping[TraderId, Path],
        state: State,
        *,
        known_seq: int,
        durable: Callable[[int], None],
    ) -> None:
        super().__init__("journal-cycles", self._written, WAITING_MAX)
        self._folders = dict(folders)
        self._state = state
        self._known_seq = known_seq
        self._durable = durable
        self._live = False
        self._open: dict[TraderId, _Gathered] = {}
        self._snapshots: dict[int, str] = {}
        self._names = {trader: _names_in(folder) for trader, folder in self._folders.items()}

    def entry(self, entry: r.Entry) -> None:
        """Take one entry, in order."""
        record = entry.record
        if type(record) is r.Snapshot:
            self._snapshots[record.time_ms] = record.body
            if len(self._snapshots) > SNAPSHOTS_KEPT:
                del self._snapshots[next(iter(self._snapshots))]
            return
        trader = TraderId(entry.trader or "")
        if trader not in self._folders:
            return
        gathered = self._open.get(trader)
        match record:
            case r.SlotOpened(slot_ms=slot_ms):
                self._open[trader] = _Gathered(slot_ms)
            case r.SlotClosed():
                if gathered is not None and gathered.slot_ms == record.slot_ms:
                    del self._open[trader]
                else:
                    gathered = None  # passed over, maybe while an earlier slot is still being decided
                self._closed(entry, record, trader, gathered or _Gathered(record.slot_ms))
            case _ if gathered is not None:
                self._gather(gathered, record)
            case _:
                return

    def _gather(self, gathered: _Gathered, record: r.Record) -> None:
        match record:
            case r.Answered():
                gathered.answers.append(record)
            case r.Planned():
                gathered.planned = record
                gathered.market = MarketSeen(
                    first_look=record.first_look,
                    first_snapshot=self._snapshots.get(record.first_look, ""),
                    second_look=record.second_look,
                    second_snapshot=self._snapshots.get(record.second_look, ""),
                )
            case r.Selected(selection=selection):
                gathered.selection = selection
            case r.Intended(cause="decision", client_order_id=name):
                gathered.intents[name] = record
            case r.Reported(client_order_id=name) if name in gathered.intents:
                gathered.reports.append(record)
            case r.Filled(fill=fill) if fill.client_order_id in gathered.intents:
                gathered.fills.append(fill)
            case _:
                return

    def _closed(self, entry: r.Entry, record: r.SlotClosed, trader: TraderId, gathered: _Gathered) -> None:
        if entry.seq <= self._known_seq and _name(record.slot_ms) in self._names[trader]:
            return
        planned = gathered.planned
        cycle = Cycle(
            timestamp=_instant(entry.ts),
            trader=trader,
            slot=_instant(record.slot_ms),
            slot_ms=record.slot_ms,
            until_ms=record.until_ms,
            cycle=self._state.traders[trader].standing.slots,
            record=entry.seq,
            config_version=self._state.config_version,
            outcome=record.outcome,
            why=record.why,
            latency_ms=record.latency_ms,
            prompt_version="" if planned is None else planned.prompt_version,
            prompt_digest="" if planned is None else planned.prompt_digest,
            prompt_templates="" if planned is None else planned.prompt_templates,
            prompt="" if planned is None else planned.prompt,
            chain_of_thought="" if planned is None else planned.thoughts,
            summary="" if planned is None else planned.summary,
            grounding=None if planned is None else planned.grounding,
            answers=tuple(gathered.answers),
            decisions=() if planned is None else planned.decisions,
            verdicts=() if planned is None else planned.verdicts,
            market=gathered.market,
            intents=tuple(gathered.intents.values()),
            reports=tuple(gathered.reports),
            fills=tuple(gathered.fills),
            account=_standing(self._state.ledger(trader), self._state.prices),
            selection=gathered.selection,
        )
        if not self.hand_over(cycle, wait=not self._live):
            _log.error("cycle file left for the next start", extra={"trader": trader, "slot_ms": record.slot_ms})

    def go_live(self) -> None:
        """From now on nobody waits for the disk: what it does not take in time is written at the next start."""
        self._live = True

    def _written(self, cycle: Cycle) -> None:
        try:
            self._durable(cycle.record)
            self._write(cycle)
        except (OSError, JournalError) as error:
            _log.error(
                "cycle file not written",
                extra={"trader": cycle.trader, "slot_ms": cycle.slot_ms, "error": str(error)},
            )

    def _write(self, cycle: Cycle) -> None:
        trader = TraderId(cycle.trader)
        folder, taken = self._folders[trader], self._names[trader]
        name, others = _name(cycle.slot_ms), 1
        while name in taken:
            others += 1
            name = _name(cycle.slot_ms, others)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = folder / f".{name}.tmp"
        with temporary.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(cycle), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(folder / name)
        taken[name] = None


def _names_in(folder: Path) -> dict[str, None]:
    """The cycle files that are there already."""
    return dict.fromkeys(sorted(path.name for path in folder.glob("cycle_*.json"))) if folder.is_dir() else {}


def _name(slot_ms: int, others: int = 1) -> str:
    stamp = datetime.fromtimestamp(slot_ms // 1000, UTC).strftime("%Y%m%dT%H%M%S")
    return f"cycle_{stamp}.json" if others == 1 else f"cycle_{stamp}_{others}.json"


def _instant(at_ms: int) -> str:
    seconds, rest = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def _standing(account: Account, prices: Mapping[str, Decimal]) -> Standing:
    valued = all(coin in prices for coin in account.positions)
    return Standing(
        equity_usd=equity_usd(account, prices.__getitem__) if valued else None,
        cash_usd=account.cash_usd,
        positions=tuple(account.positions.values()),
    )
