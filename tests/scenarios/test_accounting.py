"""Scenarios 12, 13 and 15: what is displayed, what trading costs, and what funding comes to over eight hours."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.executor.briefing import brief
from engine.executor.prompt import prompt_columns
from engine.manager.desk import context_of
from engine.manager.record import Funded
from tests.arena.scripts import MINUTE_MS, T0, buy, close, sell
from tests.arena.small_arena import TEN_BPS, SmallArena


def test_a_short_that_went_five_percent_against_its_trader_is_shown_as_minus_five_percent() -> None:
    """Scenario 12."""
    arena = SmallArena({"ann": {0: sell(quantity="10")}}, {"BTC": [100.0, 105.0, 105.0]}).observe()
    arena.slot("ann")

    now_ms = arena.at(1).clock.now_ms()
    arena.market.declare(prompt_columns(MINUTE_MS, 4 * MINUTE_MS))
    shown = brief(context_of(arena.desks["ann"], arena.state, now_ms, now_ms), MINUTE_MS, 4 * MINUTE_MS)

    (position,) = shown.positions
    assert (position.move_pct, position.unrealized_usd) == ("-5.00 %", "-50.00")
    assert arena.equity("ann") == 10_000 - 50 - 1


@pytest.mark.parametrize("enter", [buy, sell])
def test_in_and_out_of_a_flat_market_costs_fees_and_spread(enter: object) -> None:
    """Scenario 13: ten coins at 100, twice 10 basis points of fees and half of a spread of 20 basis points."""
    spread = replace(TEN_BPS, spread_bps=Decimal(20))
    arena = SmallArena({"ann": {0: enter(quantity="10"), 3: close()}}, costs=spread)  # type: ignore[operator]

    arena.play(5)

    fees = arena.ledger("ann").fees_usd
    assert fees == Decimal("2")
    assert arena.ledger("ann").cash_usd == 10_000 - 2 - fees
    assert arena.equity("ann") == arena.sim.snapshot().equity_usd - 90_000


def test_in_and_out_at_mid_costs_fees_alone() -> None:
    """Scenario 13."""
    arena = SmallArena({"ann": {0: buy(quantity="10"), 3: close()}})

    arena.play(5)

    assert arena.ledger("ann").cash_usd == 9_998


def test_funding_over_eight_hours_is_the_sum_of_eight_payments_at_the_marks_of_the_hours() -> None:
    """Scenario 15: ten coins long, one basis point an hour, the mark 100 + hour: 0.1 USD x (101 + ... + 108) / 100."""
    prices = [100.0 + minute // 60 for minute in range(9 * 60)]
    arena = SmallArena(
        {"ann": {0: buy(quantity="10")}},
        {"BTC": prices},
        costs=replace(TEN_BPS, funding=True),
        funding={"BTC": "0.0001"},
    )

    arena.play(8 * 60 + 1)

    stamps = [(funded.time_ms - T0) // (60 * MINUTE_MS) for funded in arena.records(Funded)]
    assert stamps == list(range(1, 9))
    assert arena.ledger("ann").funding_usd == -Decimal("0.836")
    assert arena.ledger("ann").cash_usd == 10_000 - 1 - Decimal("0.836")
    assert arena.drifts() == []


def test_funding_between_opposite_traders_nets_to_zero_at_the_venue_and_is_paid_all_the_same() -> None:
    """Scenario 15: the venue holds nothing and books nothing; the long owes the short."""
    arena = SmallArena(
        {"ann": {0: buy(quantity="10")}, "bob": {0: sell(quantity="10")}},
        costs=replace(TEN_BPS, funding=True),
        funding={"BTC": "0.0001"},
    )

    arena.play(61)

    assert arena.venue_holds() == 0
    assert (arena.ledger("ann").funding_usd, arena.ledger("bob").funding_usd) == (-Decimal("0.1"), Decimal("0.1"))
    assert arena.ledger("house").funding_usd == 0
    assert arena.drifts() == []


def test_funding_of_a_net_position_is_split_by_what_each_holds() -> None:
    """Scenario 15: long 10, short 4, the venue pays on 6; the parts add up to it."""
    arena = SmallArena(
        {"ann": {0: buy(quantity="10")}, "bob": {0: sell(quantity="4")}},
        costs=replace(TEN_BPS, funding=True),
        funding={"BTC": "0.0001"},
    )

    arena.play(61)

    (funded,) = arena.records(Funded)
    assert funded.total_usd == -Decimal("0.06")
    assert funded.shares == {"ann": -Decimal("0.1"), "bob": Decimal("0.04")}
    assert funded.house_usd == 0
    assert arena.drifts() == []
