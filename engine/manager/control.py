"""Control: what an operator may tell a trader, and what it then does."""

from typing import Literal, get_args

from msgspec import Struct

from engine.manager.arena import Arena
from engine.manager.desk import Desk
from engine.manager.exits import close_everything
from engine.manager.record import Control
from engine.manager.recorder import Recorder
from engine.manager.resolve import Ending, settle
from engine.manager.watch import watch_desk
from engine.model.ids import TraderId

Verb = Literal["start", "pause", "resume", "stop", "flatten", "settle"]
VERBS: tuple[str, ...] = get_args(Verb)


class Command(Struct, frozen=True, kw_only=True):
    """One operator's request; it is void after ``expires_ms``. ``order`` and ``outcome`` are for ``settle``."""

    request: str
    verb: Verb
    trader: str
    by: str
    reason: str = ""
    order: str = ""
    outcome: Ending | None = None
    expires_ms: int


class Answer(Struct, frozen=True, kw_only=True):
    """What became of a request."""

    request: str
    ok: bool
    detail: str


async def obey(arena: Arena, command: Command) -> Answer:
    """Check, journal and carry out a command. ``stop`` closes the trader's own positions, then halts it.

    ``flatten`` closes them and lets it go on; ``pause`` keeps them, and their stops stay watched. ``settle`` ends an
    order of unknown outcome on the operator's word.
    """
    recorder = arena.recorder
    desk = arena.desks.get(TraderId(command.trader))
    if desk is None:
        known = ", ".join(arena.desks)
        return _answer(command, False, f"there is no trader {command.trader!r}; known: {known}")
    if recorder.clock.now_ms() > command.expires_ms:
        return _answer(command, False, f"the request expired at {command.expires_ms}; nothing was done")
    status = arena.state.traders[desk.trader].standing.status
    if command.verb == "pause" and status != "running":
        return _answer(command, False, f"{command.trader} is {status}; only a running trader can be paused")
    if command.verb == "settle":
        return _settle(desk, recorder, command)
    recorder.say(
        Control(command=command.verb, reason=command.reason, by=command.by, request=command.request), desk.trader
    )
    match command.verb:
        case "stop":
            await watch_desk(arena, desk)
            await watch_desk(arena, desk)
        case "flatten":
            await close_everything(desk, recorder, arena.deployment, "operator")
        case _:
            pass
    left = len(arena.state.ledger(command.trader).positions)
    after = arena.state.traders[desk.trader].standing.status
    return _answer(command, True, f"{command.trader} is {after} and holds {left} positions")


def _settle(desk: Desk, recorder: Recorder, command: Command) -> Answer:
    if command.outcome is None or not command.reason:
        return _answer(command, False, "say what became of the order (never or ended), and how that is known")
    intents = recorder.state.accounts[desk.account].intents
    intent = intents.get(command.order)
    if intent is None or intent.trader != desk.trader or not intent.unresolved:
        unknown = [name for name, known in intents.items() if known.trader == desk.trader and known.unresolved]
        detail = f"of {command.trader} no order {command.order!r} has an unknown outcome; those are: "
        return _answer(command, False, detail + (", ".join(unknown) or "none"))
    evidence = f"operator {command.by} ({command.request}): {command.reason}"
    fault = settle(desk.gateway, recorder, intent, command.outcome, evidence)
    return _answer(command, not fault, fault or f"{command.order} is settled: {command.outcome}")


def _answer(command: Command, ok: bool, detail: str) -> Answer:
    return Answer(request=command.request, ok=ok, detail=detail)
