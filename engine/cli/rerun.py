"""``engine journal rerun``: decide every slot of the journal that asked a model again, and compare."""

import sys
from collections.abc import Sequence
from pathlib import Path

from engine.app import assemble
from engine.cli.configuration import Refused, load_or_refuse
from engine.cli.entries import entries
from engine.clock import SimClock
from engine.config import Settings, redacted_text
from engine.executor.ports import Message, Reply
from engine.executor.prompt import PromptError
from engine.journal.errors import JournalError
from engine.journal.reader import read
from engine.llm.recorded import RecordedModel, RecordingUnreadable
from engine.manager.fold import apply
from engine.manager.record import RecordUnreadable
from engine.manager.recorder import Recorder
from engine.manager.rerun import Recorded, Rerun
from engine.manager.state import State
from engine.market.candle_files import HistoryFault


def rerun_journal(config: Path, recordings: Path | None) -> int:
    """Rerun and report; 0 when everything came out the same, 1 when something did not or nothing could be rerun."""
    try:
        return _rerun(load_or_refuse(config), recordings)
    except Refused as refused:
        return refused.code
    except (JournalError, RecordUnreadable, RecordingUnreadable, PromptError, HistoryFault) as error:
        print(f"journal: {error}", file=sys.stderr)
        return 1


def _rerun(settings: Settings, recordings: Path | None) -> int:
    state = State()
    clock = SimClock(0)
    arena = assemble(settings, Recorder(State(), clock, None), clock=clock).arena
    recorded: Recorded | None = None
    if recordings is not None:
        model = RecordedModel.load("recordings", recordings)

        def recorded(messages: Sequence[Message], trader: str, slot_ms: int) -> Reply:
            return model.find(messages, trader, slot_ms).reply()

    rerun = Rerun(
        state,
        arena.desks,
        config=redacted_text(settings),
        deployment=settings.root.arena.deployment,
        recorded=recorded,
    )
    for entry in entries(read(settings.root.journal.folder), _unneeded):
        rerun.entry(entry)
        apply(state, entry)
    print(f"slots      {rerun.slots} decided again, from {rerun.replies} replies")
    for reason, count in sorted(rerun.passed_over.items()):
        print(f"           {count} passed over: {reason}")
    print(f"decisions  {rerun.decisions}, orders {rerun.orders}")
    for trader in arena.desks:
        if trader in state.traders:
            ledger = state.ledger(trader)
            print(f"ledger     {trader}: cash {ledger.cash_usd} USD, model cost {ledger.model_cost_usd} USD")
    for fault in rerun.found():
        print(f"fault: {fault}", file=sys.stderr)
    if not rerun.slots:
        print("nothing could be decided again", file=sys.stderr)
    print("the same" if not rerun.faults else f"{rerun.faults} faults")
    return 0 if rerun.slots and not rerun.faults else 1


def _unneeded(reference: str, body: bytes) -> None:
    """Bodies are made anew."""
