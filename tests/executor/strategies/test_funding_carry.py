"""Funding carry: on the side that is paid, for as long as it pays."""

from decimal import Decimal

import pytest

from engine.executor.strategies import build
from engine.model.market import MarketSnapshot, snapshot_of
from tests.executor.risk.cases import NOW_MS, a_snapshot
from tests.executor.strategies.markets import at

CARRY = build("funding_carry", {"enter_rate": 0.0001, "leave_rate": 0.00002}, seed=0)


def funding(rate: str | None) -> MarketSnapshot:
    return snapshot_of(NOW_MS, [a_snapshot("BTC", funding_rate=None if rate is None else Decimal(rate))])


@pytest.mark.parametrize(
    ("rate", "held", "signals"),
    [
        ("0.0001", 0, ["sell_to_enter"]),
        ("-0.0001", 0, ["buy_to_enter"]),
        ("0.00009", 0, []),
        ("0.0002", -5, []),
        ("-0.0002", -5, ["buy_to_enter"]),
        ("0.00002", -5, []),
        ("0.00001", -5, ["close"]),
        ("-0.00005", -5, ["close"]),
        ("-0.00001", 5, ["close"]),
        ("NaN", -5, []),
        (None, 5, []),
    ],
)
def test_the_rate_decides_the_side(rate: str | None, held: int, signals: list[str]) -> None:
    decisions = CARRY.decide(at(funding(rate), {"BTC": Decimal(held)}))

    assert [decision.signal for decision in decisions] == signals


def test_an_entry_has_stop_and_target_in_percent_of_the_mark() -> None:
    (decision,) = CARRY.decide(at(funding("0.001")))

    assert (decision.target_quantity, decision.stop_loss, decision.profit_target) == (
        Decimal(-10),
        Decimal(102),
        Decimal(93),
    )


def test_it_answers_to_the_name_of_an_arbitrage_too() -> None:
    assert build("funding_arbitrage", {}, seed=0).name == "funding_arbitrage"
    assert CARRY.name == "funding_carry"
    assert CARRY.points("BTC", {}) is None
