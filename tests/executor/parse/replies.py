"""Replies to parse: one good entry, and the wrappings it may come in."""

import json
from typing import Any

import pytest

from engine.executor.contract import ConfidenceScale
from engine.executor.parse import Parsed, ReplyMalformed, parse


def entry(**changes: Any) -> dict[str, Any]:
    """A long of 1,000 USD in BTC; ``None`` in ``changes`` stays null."""
    return {
        "symbol": "BTC",
        "signal": "buy_to_enter",
        "position_size_usd": 1000,
        "leverage": 5,
        "entry_price": 100.5,
        "stop_loss": 98,
        "profit_target": 108,
        "risk_usd": 25,
        "confidence": 0.8,
        "invalidation_condition": "below 97",
        "justification": "it rises",
        **changes,
    }


def v2(*entries: dict[str, Any], **fields: Any) -> str:
    """The entries as contract v2."""
    return json.dumps({"decisions": list(entries), **fields})


def read(text: str | bytes, scale: ConfidenceScale = "fraction", finish_reason: str = "stop") -> Parsed:
    """The parsed reply; BTC, ETH and kPEPE can be traded."""
    raw = text.encode() if isinstance(text, str) else text
    return parse(raw, finish_reason=finish_reason, coins=("BTC", "ETH", "kPEPE"), confidence_scale=scale)


def refused(text: str | bytes, scale: ConfidenceScale = "fraction", finish_reason: str = "stop") -> ReplyMalformed:
    """Why the reply is refused; fails when it is not."""
    with pytest.raises(ReplyMalformed) as caught:
        read(text, scale, finish_reason)
    return caught.value
