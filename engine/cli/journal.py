"""``engine journal``: verify that what is on disk adds up, or show it."""

import sys
from collections import deque
from pathlib import Path

import msgspec

from engine.app import instruments_of
from engine.cli.configuration import Refused, load_or_refuse
from engine.cli.entries import entries
from engine.config import Settings
from engine.exchange.sim.log import SimLogFault
from engine.exchange.sim.statement import read_statement
from engine.export.projection import Projection
from engine.export.published import Published, read_published
from engine.journal.checkpoints import Proof
from engine.journal.errors import JournalError
from engine.journal.reader import read, verify
from engine.manager.audit import Audit, against_venue
from engine.manager.fold import apply
from engine.manager.record import RecordUnreadable
from engine.manager.state import State


def verify_journal(config: Path) -> int:
    """Chain, fold, venue and published files; 0 when everything agrees, 1 when it does not."""
    try:
        settings = load_or_refuse(config)
        return _verify(settings)
    except Refused as refused:
        return refused.code
    except (JournalError, RecordUnreadable) as error:
        print(f"journal: {error}", file=sys.stderr)
        return 1


def _verify(settings: Settings) -> int:
    folder = settings.root.journal.folder
    published = read_published(settings.root.data_path)
    found = verify(folder, anchors=[] if published is None else [published.head])
    state, audit = State(), Audit()
    proof = Proof(folder, state, refuse=False)
    projection = Projection(state, instruments=instruments_of(settings))
    faults: list[str] = []
    compared = False
    for entry in entries(proof.following(read(folder)), projection.prompts.keep):
        if published is not None and not compared and entry.seq > published.head[0]:
            faults += _against_published(projection, published)
            compared = True
        apply(state, entry)
        audit.entry(entry)
        projection.entry(entry)
    if published is not None and not compared:
        faults += _against_published(projection, published)
    print(f"journal    {found.last_seq or 0} records in {found.segments} segments, {found.bytes} bytes, chain intact")
    for kind, count in sorted(found.counts.items()):
        print(f"           {count:>9} {kind}")
    print(f"slots      {audit.slots_opened} opened, {audit.slots_closed} outcomes, {len(audit.left_open())} left open")
    print(f"orders     {audit.orders} intended, {audit.fills} fills")
    print(f"state      folded anew, {len(proof.agreed)} checkpoints agree")
    for why in proof.ignored:
        print(f"           not compared: {why}")
    faults += proof.differences
    faults += audit.faults()
    faults += _against_venues(settings, state)
    if published is None:
        print("published  nothing yet")
    else:
        print(f"published  {len(published.documents)} documents of record {published.head[0]}, recomputed and compared")
    for fault in faults:
        print(f"fault: {fault}", file=sys.stderr)
    print("clean" if not faults else f"{len(faults)} faults")
    return 0 if not faults else 1


def _against_published(projection: Projection, published: Published) -> list[str]:
    ours = projection.documents()
    return [
        f"published {name}.json differs from what the journal gives at record {published.head[0]}"
        for name in sorted(ours.keys() | published.documents.keys())
        if ours.get(name) != published.documents.get(name)
    ]


def _against_venues(settings: Settings, state: State) -> list[str]:
    faults: list[str] = []
    for account in settings.accounts:
        folder = settings.manager.manager.state_storage_path / "venues" / account.id
        if not folder.exists():
            faults.append(f"{account.id}: the simulated venue has no account in {folder}")
            continue
        try:
            statement = read_statement(folder)
        except SimLogFault as error:
            print(f"venue      {account.id}: not compared: {error}")
            continue
        found = against_venue(state, account.id, statement.quantities, statement.settled_usd)
        print(f"venue      {account.id}: {len(statement.quantities)} coins compared, {len(found)} differences")
        faults += found
    return faults


def show_journal(config: Path, *, kind: str | None, trader: str | None, from_seq: int, last: int | None) -> int:
    """Print records as they stand in the journal, one JSON object a line."""
    try:
        settings = load_or_refuse(config)
        frames = (
            frame
            for frame in read(settings.root.journal.folder, from_seq=from_seq)
            if (kind is None or frame.kind == kind) and (trader is None or frame.trader == trader)
        )
        for frame in frames if last is None else deque(frames, maxlen=last):
            line = {"seq": frame.seq, "ts": frame.ts, "kind": frame.kind, "trader": frame.trader}
            sys.stdout.buffer.write(msgspec.json.encode({**line, "data": msgspec.Raw(frame.data)}) + b"\n")
    except Refused as refused:
        return refused.code
    except JournalError as error:
        print(f"journal: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
    return 0
