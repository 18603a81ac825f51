"""The core gives the same output under any PYTHONHASHSEED: nothing in it depends on the order of a set."""

import ast

import pytest

from tests.architecture.set_iteration import set_iterations
from tests.architecture.source_tree import modules, parsed, relative

CORE = (
    "engine/model",
    "engine/indicators.py",
    "engine/executor",
    "engine/manager",
    "engine/market/synthetic.py",
    "engine/market/history.py",
    "engine/exchange/sim",
    "engine/journal",
    "engine/export",
    "engine/backtest",
    "engine/simulation",
    "api/handoff",
)


def test_the_core_iterates_over_no_set() -> None:
    found = [f"{relative(path)}:{line}" for path in modules(*CORE) for line in set_iterations(parsed(path))]

    assert found == [], "iterate over sorted(...), or keep the members in a dict or a tuple"


@pytest.mark.parametrize(
    "code",
    [
        "for coin in {'BTC', 'ETH'}: print(coin)",
        "coins = [coin for coin in set(held)]",
        "coins = list(frozenset(held))",
        "def f(held: frozenset[str]):\n    return ','.join(held)",
        "held = set(a)\nfor coin in held: print(coin)",
        "total = sum({1.5, 2.5})",
        "for coin in book.keys() - other.keys(): print(coin)",
        "class Held:\n    coins: set[str]\n    def f(self):\n        return [c for c in self.coins]",
        "def f(a):\n    seen: set[str] = {*a}\n    return {coin: 1 for coin in seen}",
        "print(*{1, 2})",
    ],
)
def test_an_order_taken_from_a_set_is_found(code: str) -> None:
    assert set_iterations(ast.parse(code)) != []


@pytest.mark.parametrize(
    "code",
    [
        "for coin in sorted({'BTC', 'ETH'}): print(coin)",
        "known = any(coin in held for coin in set(held))",
        "both = {coin for coin in set(a)} | set(b)",
        "for coin in dict.fromkeys(held): print(coin)",
        "for coin in book.keys(): print(coin)",
        "def f(held):\n    for coin in held: print(coin)",
        "count = len(set(held))",
        "left = price - cost\nprint(left)",
    ],
)
def test_an_order_that_cannot_be_seen_is_allowed(code: str) -> None:
    assert set_iterations(ast.parse(code)) == []
