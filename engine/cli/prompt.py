"""``engine prompt``: the messages that a trader's model would be sent now, or was sent last."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from engine import __version__
from engine.app import assemble, capital_of, terms_of
from engine.backtest.driver import step
from engine.cli.configuration import Refused, load_or_refuse
from engine.cli.entries import entries
from engine.cli.instant import instant_ms, instant_text
from engine.clock import SimClock
from engine.config import Settings, redacted_text
from engine.executor.executor import ask
from engine.executor.ports import Message
from engine.executor.prompt import PromptError
from engine.executor.tokens import tokens_in
from engine.journal.errors import JournalError, JournalMissing
from engine.journal.reader import read, resolve
from engine.manager.desk import ModelDecider, Unlookable, context_of
from engine.manager.feed import MarkMissing
from engine.manager.record import Answered, Entry, Planned, RecordUnreadable
from engine.manager.recorder import Recorder, replay
from engine.manager.startup import announce, recover
from engine.manager.state import State
from engine.market.candle_files import HistoryFault
from engine.model.ids import TraderId


class Unshowable(Exception):
    """There is no such prompt; the message says why."""


class Shown(Struct, frozen=True, kw_only=True):
    """A prompt with what names it; ``counted`` are the tokens that the model's endpoint counted, where it was asked."""

    messages: Sequence[Message]
    version: str
    templates: str
    digest: str
    time_ms: int
    counted: int | None = None


def show_prompt(config: Path, *, trader: str, at: str | None, recorded: bool) -> int:
    """Print the prompt and what names it; 0, or 1 when there is none, 2 for a trader or instant that cannot be."""
    try:
        settings = load_or_refuse(config)
        at_ms = None if at is None else instant_ms(at)
        _check(settings, trader)
        shown = _recorded(settings, trader) if recorded else _rendered(settings, trader, at_ms)
    except Refused as refused:
        return refused.code
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except (Unshowable, PromptError, Unlookable, MarkMissing, JournalError, RecordUnreadable, HistoryFault) as error:
        print(f"{trader}: {error}", file=sys.stderr)
        return 1
    try:
        sys.stdout.write(_text(trader, shown))
    except BrokenPipeError:
        return 0
    return 0


def _check(settings: Settings, name: str) -> None:
    """Raises ``ValueError`` for a trader that there is not, ``Unshowable`` for one that reads no prompt."""
    known = {trader.id: trader for trader in settings.traders}
    trader = known.get(TraderId(name))
    if trader is None:
        raise ValueError(f"there is no trader {name!r}; known: {', '.join(known)}")
    if trader.system_template is None:
        raise Unshowable("it decides without a model and reads no prompt")


def _rendered(settings: Settings, name: str, at_ms: int | None) -> Shown:
    """The prompt of a slot at this instant, now where none is given, with the account as the journal leaves it.

    Nothing is written: the journal is only read, and the venue account is an empty one in memory.
    """
    state = State()
    try:
        replay(entries(read(settings.root.journal.folder), _unneeded), state)
    except JournalMissing:
        state = State()
    now_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    clock = SimClock(now_ms)
    assembly = assemble(settings, Recorder(state, clock, None), clock=clock)
    arena = assembly.arena
    fresh = state.epoch == 0
    announce(arena, __version__, redacted_text(settings), terms_of(settings))
    if fresh:
        step(recover(arena, capital_of(settings)))
    desk = arena.desks[TraderId(name)]
    decider = desk.decider
    assert isinstance(decider, ModelDecider), f"{name} has a template and no model"
    desk.feed.observed = step(arena.gateways[desk.account].statement())
    context = context_of(desk, state, now_ms, now_ms)
    rendered = ask(
        context, decider.prompts.current(), decider.series_interval_ms, decider.long_interval_ms, decider.selector
    )
    return Shown(
        messages=rendered.messages,
        version=rendered.version,
        templates=rendered.templates,
        digest=rendered.digest,
        time_ms=now_ms,
    )


def _recorded(settings: Settings, name: str) -> Shown:
    """The newest prompt of the trader in the journal."""
    folder = settings.root.journal.folder
    planned: Entry | None = None
    counted: dict[int, int] = {}
    for entry in entries(read(folder), _unneeded):
        if entry.trader == name:
            match entry.record:
                case Planned(prompt=prompt) if prompt:
                    planned = entry
                case Answered(slot_ms=slot_ms, prompt_tokens=tokens):
                    counted.setdefault(slot_ms, tokens)  # a second answer of a slot was to a longer question
    if planned is None:
        raise Unshowable("the journal holds no prompt of it")
    record = planned.record
    assert isinstance(record, Planned)
    return Shown(
        messages=[msgspec.json.decode(resolve(folder, part), type=Message) for part in record.prompt.split(",")],
        version=record.prompt_version,
        templates=record.prompt_templates,
        digest=record.prompt_digest,
        time_ms=record.first_look,
        counted=counted.get(record.slot_ms),
    )


def _text(trader: str, shown: Shown) -> str:
    sizes = [(message.role, tokens_in(message.content)) for message in shown.messages]
    parts = ", ".join(f"{role} {tokens}" for role, tokens in sizes)
    counted = "" if shown.counted is None else f"; its model counted {shown.counted}"
    head = [
        f"trader     {trader}",
        f"instant    {instant_text(shown.time_ms)}",
        f"templates  {shown.version}",
        f"digest     {shown.templates} (templates), {shown.digest} (prompt)",
        f"tokens     about {sum(tokens for _, tokens in sizes)} ({parts}){counted}",
    ]
    body = "".join(f"\n=== {message.role} ===\n{message.content}" for message in shown.messages)
    return "\n".join(head) + "\n" + body


def _unneeded(reference: str, body: bytes) -> None:
    """What a fold does not need is looked up when it is needed."""
