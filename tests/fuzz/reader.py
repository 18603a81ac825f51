"""A decider that decides what a reply says: the way of a model's reply without the prompt before it."""

from collections.abc import Sequence

from engine.executor.context import Context
from engine.executor.contract import ConfidenceScale
from engine.executor.executor import understand
from engine.executor.parse import ReplyMalformed
from engine.executor.ports import Columns, Reply
from engine.model.decision import Decision
from engine.model.market import Column


class Reader:
    """Decides what ``raw`` says; ``status`` tells afterwards how it was understood."""

    name = "reader"
    columns: tuple[Column, ...] = ()

    def __init__(self, scale: ConfidenceScale) -> None:
        self.scale = scale
        self.raw = b""
        self.finish_reason = "stop"
        self.status = ""

    def decide(self, context: Context) -> Sequence[Decision]:
        reply = Reply(raw=self.raw, model="fuzz", finish_reason=self.finish_reason)
        try:
            decisions = understand(reply, context, self.scale).decisions
        except ReplyMalformed as malformed:
            self.status = malformed.status
            return ()
        self.status = "understood"
        return decisions

    def points(self, coin: str, columns: Columns) -> None:
        return None
