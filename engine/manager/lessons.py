"""Lessons in the journal: each trade that closed is followed by a record of what was planned for it and what came."""

from engine.manager.record import Learned
from engine.manager.recorder import Recorder
from engine.model.ids import TraderId
from engine.model.lesson import lesson_of


def learn(recorder: Recorder, trader: TraderId) -> None:
    """Say the lessons of the trader's trades that have none yet; nothing when there is no such trade.

    The state keeps what is still to be learned, so that a trade that closed right before a crash is learned from at
    the next start.
    """
    for trade, plan in recorder.state.traders[trader].unlearned:
        recorder.say(Learned(lesson=lesson_of(trade, plan)), trader)
