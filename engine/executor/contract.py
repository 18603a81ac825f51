"""Decision contract v2: the names a model writes, those of older contracts that are read too, and the JSON schema."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

from engine.model.decision import Signal

Contract = Literal["v2", "single", "by_coin"]
ConfidenceScale = Literal["fraction", "percent", "auto"]  # 0 to 1, 0 to 100, or told by the number itself

SIGNALS: tuple[Signal, ...] = get_args(Signal)

# What is read where a field is expected: nof0's single object and nof1's map by coin have words of their own.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "symbol": ("symbol", "coin"),
    "signal": ("signal",),
    "quantity": ("quantity",),
    "position_size_usd": ("position_size_usd",),
    "leverage": ("leverage",),
    "entry_price": ("entry_price",),
    "stop_loss": ("stop_loss",),
    "profit_target": ("profit_target", "take_profit"),
    "risk_usd": ("risk_usd",),
    "confidence": ("confidence",),
    "invalidation_condition": ("invalidation_condition",),
    "justification": ("justification", "reasoning"),
}
FIELDS = tuple(SYNONYMS)
KNOWN_NAMES = frozenset(name for names in SYNONYMS.values() for name in names)
SIGNAL_SYNONYMS: dict[str, Signal] = {**{signal: signal for signal in SIGNALS}, "close_position": "close"}  # nof1


def decision_schema(coins: Sequence[str]) -> dict[str, Any]:
    """The contract as a JSON schema that endpoints with strict structured output take.

    Such endpoints want every property required and nothing beside them; what does not apply is ``null``.
    """
    number = {"type": ["number", "null"]}
    text = {"type": ["string", "null"]}
    decision = {
        "symbol": {"type": "string", "enum": list(coins)},
        "signal": {"type": "string", "enum": list(SIGNALS)},
        "leverage": {"type": ["integer", "null"]},
        "invalidation_condition": text,
        "justification": text,
    }
    return closed_object(
        {
            "decisions": {
                "type": "array",
                "items": closed_object({name: decision.get(name, number) for name in FIELDS}),
            },
            "summary": {"type": "string"},
            "chain_of_thought": {"type": "string"},
        }
    )


def closed_object(properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that has these properties, all of them, and nothing beside them."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
