"""Chat models that a test plays: replies in order, each of them bytes, an error, or something done before answering."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.executor.prompt import PromptSet, Template
from engine.manager.desk import ModelDecider

Answer = bytes | Exception | Callable[[], bytes]

PROMPTS = PromptSet(
    system=Template.of("{# Version: 1.0.0 #}\nTrade.\n", path="system.j2", name="tests/system"),
    user=Template.of("{# Version: 1.0.0 #}\nWhat do you do?\n", path="user.j2", name="tests/user"),
)


class Speaker:
    """Gives its answers in order, the last one for ever; keeps what it was asked. ``takes_ms`` passes before each."""

    name = "speaker"

    def __init__(self, *answers: Answer, takes_ms: int = 0, cost_usd: str = "0", **reply: Any) -> None:
        self._answers = list(answers)
        self._takes_ms = takes_ms
        self._reply = {"model": "speaker-1", "cost_usd": Decimal(cost_usd), **reply}
        self.asked: list[tuple[Message, ...]] = []
        self.worst_case_cost_usd = Decimal("0.5")

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        self.asked.append(tuple(messages))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if self._takes_ms:
            if self._takes_ms > timeout_ms:
                await asyncio.sleep(timeout_ms / 1000)
                raise ModelUnavailable(f"no answer within {timeout_ms} ms")
            await asyncio.sleep(self._takes_ms / 1000)
        if isinstance(answer, Exception):
            raise answer
        return Reply(raw=answer if isinstance(answer, bytes) else answer(), **self._reply)


def model_decider(model: Any, timeout_ms: int = 60_000) -> ModelDecider:
    """A decider that asks this model with the shortest of prompts."""
    return ModelDecider(
        model=model, prompts=PROMPTS, timeout_ms=timeout_ms, series_interval_ms=60_000, long_interval_ms=240_000
    )


def says(*decisions: dict[str, Any]) -> bytes:
    """A reply in decision contract v2."""
    return msgspec.json.encode({"decisions": list(decisions), "summary": "", "chain_of_thought": ""})


def a_buy(coin: str = "BTC", quantity: float = 1.0, **terms: Any) -> dict[str, Any]:
    """A purchase as a model writes it."""
    return {"symbol": coin, "signal": "buy_to_enter", "quantity": quantity, "confidence": 0.9, **terms}
