"""Strategies as the configuration names them: by name, settings and seed, each checked by the catalogue itself."""

from collections.abc import Mapping
from typing import Any


def strategy_refusal(name: str, settings: Mapping[str, Any], seed: int) -> str:
    """Why the catalogue has no such strategy or refuses its settings; empty when it takes them."""
    from engine.executor.strategies import build  # numpy and TA-Lib: only when a strategy is named

    try:
        build(name, settings, seed=seed)
    except ValueError as e:
        return f"was {name!r}; {e}"
    return ""
