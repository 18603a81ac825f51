"""Scenarios 8 and 9: several traders on one venue account, and somebody who trades there by hand."""

from decimal import Decimal

from engine.backtest.driver import step
from engine.manager.record import Filled
from tests.arena.scripts import Scripted, buy, close, sell
from tests.arena.small_arena import BRACKETED, SmallArena, Trader

WAVES = [100.0, 101.0, 102.0, 101.0, 100.0, 99.0, 98.0, 99.0, 100.0, 100.0]


def test_two_traders_hold_opposite_sides_of_one_coin_each_with_its_own_result() -> None:
    """Scenario 8: ann earns what the price does to 10 coins, bob what it does to -4; the venue holds the difference."""
    arena = SmallArena(
        {"ann": {0: buy(quantity="10"), 2: close()}, "bob": {1: sell(quantity="4"), 6: close()}}, {"BTC": WAVES}
    )

    arena.play(2)
    both = (arena.held("ann"), arena.held("bob"), arena.venue_holds())
    arena.play(9)

    assert both == (10, -4, 6)
    assert arena.ledger("ann").realized_usd == 20  # 100 to 102
    assert arena.ledger("bob").realized_usd == 12  # 101 to 98
    assert arena.ledger("ann").fees_usd == Decimal("2.02")
    assert arena.venue_holds() == 0
    assert arena.driver is not None
    assert (arena.driver.checks, arena.driver.drifts) == (7 + 1, 0)
    assert arena.incidents() == []


def test_a_trader_closes_what_it_holds_itself_and_not_what_the_account_holds() -> None:
    """Scenario 8, R-11."""
    arena = SmallArena({"ann": {0: buy(quantity="10"), 2: close()}, "bob": {0: buy(quantity="4")}}, {"BTC": WAVES})

    arena.play(4)

    assert (arena.held("ann"), arena.held("bob"), arena.venue_holds()) == (0, 4, 4)


def test_a_stop_of_one_trader_leaves_the_opposite_position_of_another_alone() -> None:
    """Scenario 8: the venue is flat all along after the stop, and still both books are right."""
    bracketed = Trader(decider=Scripted({0: buy(quantity="10", stop="97.5", target="120")}), limits=BRACKETED)
    prices = [100.0, 100.0, (100.0, 100.0, 97.0, 97.0), 97.0]
    arena = SmallArena({"ann": bracketed, "bob": {0: sell(quantity="10")}}, {"BTC": prices})

    arena.play(4)

    assert (arena.held("ann"), arena.held("bob"), arena.venue_holds()) == (0, -10, -10)
    assert arena.ledger("ann").realized_usd == -25
    assert arena.equity("bob") == 10_000 + 30 - 1
    assert arena.drifts() == []


def test_a_manual_trade_is_quarantined_in_the_house() -> None:
    """Scenario 9: nobody adopts it, nobody's stop closes it, and an incident says why the house is not empty."""
    arena = SmallArena({"ann": {0: buy(quantity="10"), 3: close()}}, {"BTC": WAVES}).observe()
    arena.slot("ann")
    arena.sim.manual_trade("BTC", "buy", Decimal(3))

    step(arena.gateway.collect())

    assert (arena.held("ann"), arena.held("house"), arena.venue_holds()) == (10, 3, 13)
    assert arena.incidents() == ["foreign_fill"]
    assert [entry.trader for entry in arena.entries if isinstance(entry.record, Filled)] == ["ann", None]

    arena.at(1).play(5)

    assert (arena.held("ann"), arena.held("house"), arena.venue_holds()) == (0, 3, 3)
    assert arena.ledger("ann").realized_usd == 10
    assert arena.incidents() == ["foreign_fill"]
    assert arena.drifts() == []


def test_a_position_closed_by_hand_stays_its_trader_s_and_the_house_carries_the_opposite() -> None:
    """Scenario 9."""
    arena = SmallArena({"ann": {0: buy(quantity="10")}}, {"BTC": WAVES}).observe()
    arena.slot("ann")
    arena.sim.manual_trade("BTC", "sell", Decimal(10))

    arena.tick()

    assert (arena.held("ann"), arena.held("house"), arena.venue_holds()) == (10, -10, 0)
    assert arena.incidents() == ["foreign_fill"]
    assert arena.drifts() == []
