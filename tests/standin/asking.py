"""Asking the stand-in endpoint as the engine does: models opened on it, and one question."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from engine.executor.ports import ChatModel, Message, Reply
from engine.llm.client import ModelTerms
from engine.llm.fallback import Affordable
from engine.llm.models import Models
from engine.llm.prices import Prices
from tests.standin.faults import HOLD, always, good
from tests.standin.server import Behaviour, StandIn

KEY = "sk-canary-0123456789"
PRICES = Prices(input_usd=Decimal(2), output_usd=Decimal(10), cached_usd=Decimal(1))
QUESTION = (Message(role="system", content="Decide."), Message(role="user", content="x" * 294))  # 3 + 98 tokens


def terms(standin: StandIn, name: str = "m", **changes: Any) -> ModelTerms:
    """A model of the stand-in: replies of at most 1,000 tokens, 2 USD in and 10 USD out per million."""
    settled: dict[str, Any] = {
        "model_id": f"vendor/{name}",
        "base_url": standin.base_url,
        "reveal_key": lambda: KEY,
        "prices": PRICES,
        "max_completion_tokens": 1_000,
        "retries": 2,
    }
    return ModelTerms(name=name, **(settled | changes))


@asynccontextmanager
async def standing_in(
    behaviour: Behaviour = good, *names: str, affordable: Affordable = lambda trader, usd: True, **changes: Any
) -> AsyncIterator[tuple[StandIn, Models]]:
    """A stand-in and models that are asked there; ``changes`` hold for the terms of all of them."""
    async with StandIn(always(behaviour), lambda asked: HOLD) as standin:
        models = Models({name: terms(standin, name, **changes) for name in names or ("m",)}, affordable)
        try:
            yield standin, models
        finally:
            await models.aclose()


async def ask(model: ChatModel, timeout_ms: int = 10_000) -> Reply:
    return await model.complete(QUESTION, trader="ann", slot_ms=60_000, timeout_ms=timeout_ms)
