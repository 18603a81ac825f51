"""Metering: the part of the fold that keeps count of what language models use up, per trader and of all together."""

from typing import Final

from engine.manager import record as r
from engine.manager.state import State, TraderState
from engine.model.spending import NOTHING, Usage, lesser, minus, plus

ALERT: Final = "budget_alert"
EXHAUSTED: Final = "budget_exhausted"
BUDGET_INCIDENTS: Final = (ALERT, EXHAUSTED)


def reserve(state: State, trader: TraderState, record: r.SlotOpened) -> None:
    """Set aside what the calls of a slot may use, the slot's ``asks`` times as much as one."""
    reserved = Usage(tokens=record.reserved_tokens, usd=record.reserved_usd)
    asks = max(record.asks, 1)
    trader.ask = Usage(tokens=record.reserved_tokens // asks, usd=record.reserved_usd / asks)
    trader.spending.reserved = plus(trader.spending.reserved, reserved)
    state.spending.reserved = plus(state.spending.reserved, reserved)


def spend(state: State, trader: TraderState, record: r.Answered, ts: int) -> None:
    """Count what a call used; the worst case that stood for it until now counts no longer."""
    _turn(state, trader, ts)
    used = Usage(tokens=record.prompt_tokens + record.completion_tokens, usd=record.cost_usd)
    unsettled = trader.unsettled.pop(record.slot_ms, NOTHING)
    reserved = NOTHING
    if not unsettled and trader.ask is not None and trader.open_slot_ms == record.slot_ms:
        reserved = lesser(trader.spending.reserved, trader.ask)
    for spending in (trader.spending, state.spending):
        spending.used = plus(spending.used, used)
        spending.unsettled = minus(spending.unsettled, unsettled)
        spending.reserved = minus(spending.reserved, reserved)


def cut_off(trader: TraderState) -> Usage:
    """The most that a call of the open slot may have used of which nobody will hear; nothing when all were answered."""
    return NOTHING if trader.ask is None else lesser(trader.ask, trader.spending.reserved)


def release(state: State, trader: TraderState, slot_ms: int, unsettled: Usage, ts: int) -> None:
    """Give back what a slot had set aside, but for what a call of it may have cost whose answer did not come."""
    _turn(state, trader, ts)
    reserved = trader.spending.reserved
    trader.ask = None
    if unsettled:
        trader.unsettled[slot_ms] = unsettled
    for spending in (trader.spending, state.spending):
        spending.reserved = minus(spending.reserved, reserved)
        spending.unsettled = plus(spending.unsettled, unsettled)


def note(state: State, trader: TraderState | None, what: str, ts: int) -> None:
    """Remember for the rest of the day that an incident of a budget was said: of a trader's, or of everybody's."""
    if trader is None:
        spending = state.spending
        spending.turn_to(ts)
    else:
        spending = trader.spending
        _turn(state, trader, ts)
    if what == ALERT:
        spending.alerted = True
    else:
        spending.exhausted = True


def _turn(state: State, trader: TraderState, ts: int) -> None:
    state.spending.turn_to(ts)
    if trader.spending.turn_to(ts):
        trader.unsettled.clear()
