"""What the stand-in endpoint answers: decisions that fit the prompt, by the rules of the scripted models."""

import json

from engine.llm.scripted import STYLES, ScriptedModel, read
from tests.standin.server import Asked


def scripted(asked: Asked) -> str:
    """A reply by rules; the model's name tells in which style, where it names one."""
    style = next((style for style in STYLES if style in str(asked.body.get("model"))), "momentum")
    return ScriptedModel("stand-in", style=style).answer(asked.text)


def restless(asked: Asked) -> str:
    """A reply that opens a small position in the first coin of the prompt, or closes the one that is there."""
    seen = read(asked.text)
    coin = seen.coins[0]
    decision: dict[str, object] = {"symbol": coin.name, "signal": "close", "confidence": 0.9 * seen.scale}
    if coin.name not in seen.positions:
        decision |= {"signal": "buy_to_enter", "position_size_usd": 200, "leverage": 2}
        decision |= {"stop_loss": round(0.98 * coin.mark), "profit_target": round(1.1 * coin.mark)}
    return json.dumps({"decisions": [decision], "summary": "in and out", "chain_of_thought": "to and fro"})
