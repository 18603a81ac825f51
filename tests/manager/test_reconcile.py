"""Reconciliation: agreement is silent, a difference is reported once, and a planted defect does not go unnoticed."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

import engine.manager.fold
from engine.backtest.driver import step
from engine.exchange.sim.costs import Costs
from engine.exchange.sim.ledger import Change, Ledger
from engine.manager.reconcile import MoneyDrift, QuantityDrift, compare
from engine.manager.record import Incident, Observed
from engine.manager.watch import observe
from engine.model.account import with_fill
from engine.model.order import VenuePosition
from tests.arena.scripts import buy, close, sell
from tests.arena.small_arena import SmallArena
from tests.arena.venues import AnswerLost

SCRIPTS = {"ann": {0: buy(quantity="10"), 4: close()}, "bob": {1: sell(quantity="3"), 6: buy(quantity="1")}}
WAVES = {"BTC": [100.0, 101.5, 99.25, 103.0, 102.0, 98.0, 97.5, 99.0, 100.0, 100.0]}


def test_a_sound_run_agrees_with_the_venue_at_every_slot() -> None:
    arena = SmallArena(SCRIPTS, WAVES).play(9)

    assert arena.driver is not None
    assert (arena.driver.checks, arena.driver.drifts) == (10, 0)
    assert arena.incidents() == []
    assert arena.ledger("house").cash_usd == 0


def test_half_a_cent_is_rounding_and_two_cents_are_not() -> None:
    arena = SmallArena(SCRIPTS, WAVES).play(3)
    book, venue = arena.state.accounts[arena.account].book, arena.sim.snapshot()

    assert compare(book, replace(venue, equity_usd=venue.equity_usd + Decimal("0.005"))) == []
    (drift,) = compare(book, replace(venue, equity_usd=venue.equity_usd + Decimal("0.02")))
    assert isinstance(drift, MoneyDrift)
    assert drift.venue_usd - drift.book_usd == Decimal("0.02")


@pytest.mark.parametrize("equity", ["NaN", "sNaN"])
def test_an_equity_that_is_no_number_is_no_agreement(equity: str) -> None:
    arena = SmallArena(SCRIPTS, WAVES).play(3)
    venue = replace(arena.sim.snapshot(), equity_usd=Decimal(equity))

    try:
        drifts = compare(arena.state.accounts[arena.account].book, venue)
    except ArithmeticError:
        return
    assert drifts != []


def test_a_quantity_differs_by_a_lot_or_by_a_coin_that_only_one_side_knows() -> None:
    arena = SmallArena(SCRIPTS, WAVES).play(3)
    book, venue = arena.state.accounts[arena.account].book, arena.sim.snapshot()
    (held,) = venue.positions
    ghost = VenuePosition(
        coin="ETH",
        quantity=Decimal(1),
        entry_price=Decimal(10),
        unrealized_usd=Decimal(0),
        margin_used_usd=Decimal(0),
        leverage=1,
    )

    one_lot = replace(venue, positions=(replace(held, quantity=held.quantity + Decimal("0.001")),))
    unknown = replace(venue, positions=(held, ghost))
    missing = replace(venue, positions=())

    assert compare(book, one_lot) == [QuantityDrift(coin="BTC", book=Decimal(7), venue=Decimal("7.001"))]
    assert compare(book, unknown) == [QuantityDrift(coin="ETH", book=Decimal(0), venue=Decimal(1))]
    assert compare(book, missing) == [QuantityDrift(coin="BTC", book=Decimal(7), venue=Decimal(0))]


def test_a_difference_is_reported_once_and_adopted_by_nobody() -> None:
    arena = SmallArena(SCRIPTS, WAVES).play(3)
    arena.sim.deposit(Decimal(5))

    first = step(observe(arena.arena, arena.account))
    second = step(observe(arena.arena, arena.account, previous=first))

    assert first == second != ()
    assert arena.incidents() == ["money_drift"]
    assert len(arena.records(Observed)) == 1
    assert arena.records(Incident)[0].detail.startswith("the book has -5.00000000 USD more than the venue")
    assert arena.ledger("house").cash_usd == 0


def test_an_order_whose_outcome_is_open_explains_a_difference_until_it_is_resolved() -> None:
    venues: list[AnswerLost] = []

    def losing(sim: Any) -> AnswerLost:
        venues.append(AnswerLost(sim))
        return venues[0]

    arena = SmallArena({"ann": {0: buy(quantity="10")}}, WAVES, venue=losing).observe()
    venues[0].losing = True
    arena.slot("ann")

    found = step(observe(arena.arena, arena.account))

    assert (arena.held("ann"), arena.venue_holds()) == (10, 10)  # the fill tells, though the answer was lost
    assert found == ()
    assert arena.incidents() == []


# Planted defects: the identity has to fail when either side gets something wrong.


def twice_the_fee(account: Any, fill: Any, *terms: Any, **more: Any) -> Any:
    return with_fill(account, replace(fill, fee_usd=2 * fill.fee_usd), *terms, **more)


def a_lot_less(account: Any, fill: Any, *terms: Any, **more: Any) -> Any:
    return with_fill(account, replace(fill, quantity=fill.quantity - Decimal("0.001")), *terms, **more)


def the_wrong_side(account: Any, fill: Any, *terms: Any, **more: Any) -> Any:
    side = "sell" if fill.side == "buy" else "buy"
    return with_fill(account, replace(fill, side=side), *terms, **more)


def a_price_a_step_better(account: Any, fill: Any, *terms: Any, **more: Any) -> Any:
    return with_fill(account, replace(fill, price=fill.price - Decimal("0.01")), *terms, **more)


@pytest.mark.parametrize("defect", [twice_the_fee, a_lot_less, the_wrong_side, a_price_a_step_better])
def test_a_defect_planted_in_the_book_is_found(defect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.manager.fold, "with_fill", defect)

    arena = SmallArena({"ann": {0: buy(quantity="10")}}, WAVES).play(3)

    assert arena.driver is not None
    assert arena.driver.drifts == arena.driver.checks - 1  # all but the one before the first order
    assert arena.incidents()[0] in ("money_drift", "quantity_drift")


def test_a_defect_planted_in_the_venue_s_fees_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue tells of one fee and takes another."""
    apply = Ledger.apply

    def a_fee_untold(ledger: Ledger, change: Change) -> None:
        apply(ledger, change)
        ledger.raw_usd -= sum((fill.fee_usd for fill in change.fills), Decimal(0))

    monkeypatch.setattr(Ledger, "apply", a_fee_untold)

    arena = SmallArena({"ann": {0: buy(quantity="10")}}, WAVES).play(3)

    assert arena.driver is not None
    assert arena.driver.drifts == arena.driver.checks - 1
    assert arena.incidents() == ["money_drift"]


def test_a_defect_planted_in_the_venue_s_costs_alone_changes_both_sides_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the venue tells the book believes: only what is told differently from what is done can be found here."""
    monkeypatch.setattr(Costs, "fee_usd", lambda self, quantity, price, liquidity: Decimal(7))

    arena = SmallArena({"ann": {0: buy(quantity="10")}}, WAVES).play(3)

    assert arena.ledger("ann").fees_usd == 7
    assert arena.drifts() == []
