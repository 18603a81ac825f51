"""Allocation: what traders start with, when capital moves afterwards, and that nothing but free cash ever does."""

from decimal import Decimal
from typing import Any

import pytest

from engine.manager.allocation import Allocation, CapitalShort, free_cash_usd, fund, rebalance, targets
from engine.manager.rebalancing import rebalance_all
from engine.manager.record import Transferred
from engine.model.account import Account, net_asset_value
from engine.model.ids import TraderId
from engine.model.standing import Standing
from tests.arena.scripts import Scripted, buy, close
from tests.arena.small_arena import HOUR_MS, SmallArena, Trader

ANN, BOB = TraderId("ann"), TraderId("bob")
BY_PERFORMANCE = Allocation(strategy="performance_based", min_trades=None)
RISING = [1.0, 1.01, 1.03, 1.04]
FALLING = [1.0, 0.99, 0.97, 0.96]
FLAT = [1.0, 1.0, 1.0, 1.0]


def standing(nav: list[float], trades: int = 10) -> Standing:
    return Standing(nav_hourly=nav, trades=trades)


def test_traders_get_their_capital_out_of_what_the_venue_holds_and_the_rest_is_reserve() -> None:
    arena = SmallArena({"ann": Trader(decider=Scripted({}), capital_usd=Decimal(30_000)), "bob": {}})

    moves: Any = [(moved.source, moved.target, moved.usd, moved.why) for moved in arena.records(Transferred)]
    book: Any = arena.state.accounts[arena.account].book
    assert moves == [
        ("venue", "reserve", 100_000, "deposit"),
        ("reserve", "ann", 30_000, "inception"),
        ("reserve", "bob", 10_000, "inception"),
    ]
    assert (book.reserve_usd, book.deposits_usd) == (60_000, 100_000)
    assert [net_asset_value(arena.ledger(name), arena.equity(name)) for name in ("ann", "bob")] == [1, 1]


def test_a_venue_account_that_is_too_small_refuses_to_start_and_moves_nothing() -> None:
    arena = SmallArena({"ann": Trader(decider=Scripted({}), capital_usd=Decimal(90_001)), "bob": {}}, start=False)

    with pytest.raises(CapitalShort, match="has 100000 USD free, its new traders ann, bob are to get 100001 USD"):
        arena.start()

    assert arena.records(Transferred) == []


def test_a_trader_is_funded_once_and_a_new_one_out_of_the_reserve() -> None:
    arena = SmallArena({"ann": {}})

    again = SmallArena({"ann": {}, "bob": {}}, after=arena)

    assert [moved.target for moved in again.records(Transferred)] == ["reserve", "ann", "bob"]
    assert again.ledger("ann").capital_usd == again.ledger("bob").capital_usd == 10_000


def test_a_later_deposit_becomes_reserve_at_the_next_start() -> None:
    arena = SmallArena({"ann": {}})
    arena.sim.deposit(Decimal(500))

    fund(arena.account, {}, arena.sim.snapshot().deposits_usd, arena.recorder)

    assert arena.state.accounts[arena.account].book.reserve_usd == 90_500
    assert arena.drifts() == []


@pytest.mark.parametrize("strategy", ["equal", "fixed"])
def test_other_strategies_leave_capital_where_it_is(strategy: str) -> None:
    allocation = Allocation(strategy=strategy, min_trades=None)  # type: ignore[arg-type]

    assert (
        targets(allocation, {ANN: Decimal(1), BOB: Decimal(1)}, {ANN: standing(RISING), BOB: standing(FALLING)}) == {}
    )


def test_the_better_sharpe_ratio_gets_more_up_to_the_cap_and_the_worse_keeps_the_floor() -> None:
    """Ann's ratio is far above 10, bob's far below -1: weights 11 and 0.01. Half is the cap, 2 % the floor."""
    equities = {ANN: Decimal(10_000), BOB: Decimal(10_000)}
    standings = {ANN: standing(RISING), BOB: standing(FALLING)}

    wanted = targets(BY_PERFORMANCE, equities, standings)

    assert wanted == {ANN: 10_000, BOB: 400}


def test_equals_share_equally() -> None:
    equities = {ANN: Decimal(12_000), BOB: Decimal(8_000)}

    wanted = targets(BY_PERFORMANCE, equities, {ANN: standing(FLAT), BOB: standing(FLAT)})

    assert wanted == {ANN: 10_000, BOB: 10_000}


def test_shares_never_add_up_to_more_than_there_is() -> None:
    """Floors of 80 % for two traders would be 160 %."""
    allocation = Allocation(strategy="performance_based", min_trades=None, floor_pct=Decimal(80), cap_pct=Decimal(90))
    equities = {ANN: Decimal(100), BOB: Decimal(100)}

    wanted = targets(allocation, equities, {ANN: standing(RISING), BOB: standing(FALLING)})

    assert sum(wanted.values()) <= 200


def test_until_every_trader_has_enough_trades_nothing_moves() -> None:
    allocation = Allocation(strategy="performance_based", min_trades=10)
    equities = {ANN: Decimal(100), BOB: Decimal(100)}

    assert targets(allocation, equities, {ANN: standing(RISING), BOB: standing(FALLING, trades=9)}) == {}
    assert targets(allocation, equities, {ANN: standing(RISING), BOB: standing(FALLING)}) != {}


def two_traders() -> SmallArena:
    return SmallArena({"ann": {}, "bob": {}})


def moved(arena: SmallArena, wanted: dict[TraderId, int], free: dict[TraderId, int]) -> Any:
    """What a rebalancing moves between two traders of 10,000 USD each."""
    before = len(arena.records(Transferred))
    rebalance(
        arena.account,
        {name: Decimal(usd) for name, usd in wanted.items()},
        {ANN: Decimal(10_000), BOB: Decimal(10_000)},
        {name: Decimal(usd) for name, usd in free.items()},
        BY_PERFORMANCE,
        arena.recorder,
    )
    return [(found.source, found.target, found.usd) for found in arena.records(Transferred)[before:]]


def test_what_one_gives_the_other_gets_by_way_of_the_reserve() -> None:
    arena = two_traders()

    moves = moved(arena, {ANN: 13_000, BOB: 7_000}, {ANN: 10_000, BOB: 10_000})

    assert moves == [("bob", "reserve", 3_000), ("reserve", "ann", 3_000)]
    assert arena.state.accounts[arena.account].book.reserve_usd == 80_000
    assert arena.drifts() == []


def test_only_free_cash_moves() -> None:
    assert moved(two_traders(), {ANN: 13_000, BOB: 7_000}, {ANN: 0, BOB: 1_200}) == [
        ("bob", "reserve", 1_200),
        ("reserve", "ann", 1_200),
    ]
    assert moved(two_traders(), {ANN: 13_000, BOB: 7_000}, {ANN: 0, BOB: 0}) == []


def test_steps_below_the_hysteresis_do_not_happen() -> None:
    """Two percent of 20,000 USD."""
    assert moved(two_traders(), {ANN: 10_399, BOB: 9_601}, {ANN: 10_000, BOB: 10_000}) == []
    assert moved(two_traders(), {ANN: 10_400, BOB: 9_600}, {ANN: 10_000, BOB: 10_000}) != []


def test_a_transfer_does_not_change_a_trader_s_return() -> None:
    arena = SmallArena(
        {"ann": {0: buy(quantity="10"), 2: close()}, "bob": {}}, {"BTC": [100.0, 100.0, 120.0, 120.0]}
    ).play(3)
    before = net_asset_value(arena.ledger("ann"), arena.equity("ann"))
    equity = arena.equity("ann")

    arena.say(
        Transferred(
            account="paper",
            source="ann",
            target="reserve",
            usd=Decimal(5_000),
            source_equity_usd=equity,
            why="rebalance",
        )
    )

    after = net_asset_value(arena.ledger("ann"), arena.equity("ann"))
    assert arena.equity("ann") == equity - 5_000
    assert abs(after - before) < Decimal("1E-20")


@pytest.mark.parametrize(
    ("equity", "cash", "margin", "free"),
    [(100, 100, 0, 100), (150, 100, 20, 80), (70, 100, 20, 50), (10, 100, 20, 0), (-5, -5, 0, 0)],
    ids=["all of it", "no unrealised profit", "losses count", "not the margin", "nothing below zero"],
)
def test_free_cash_is(equity: int, cash: int, margin: int, free: int) -> None:
    account = Account(trader=ANN, capital_usd=Decimal(cash))

    assert free_cash_usd(account, Decimal(equity), Decimal(margin)) == free


def test_rebalancing_waits_for_its_interval() -> None:
    """Hourly at most, however often it is asked."""
    arena = two_traders()
    for name, nav in ((ANN, RISING), (BOB, FALLING)):
        arena.state.traders[name].standing.nav_hourly = list(nav)
    counts = []

    for minute in (1, 2, 61, 62):
        rebalance_all(arena.at(minute).arena, arena.account, BY_PERFORMANCE)
        counts.append(len(arena.records(Transferred)) - 3)

    assert BY_PERFORMANCE.rebalance_ms == HOUR_MS
    assert counts[0] == counts[1] > 0
    assert arena.drifts() == []


def test_nothing_moves_while_a_price_is_missing() -> None:
    arena = SmallArena({"ann": {0: buy(quantity="10")}, "bob": {}}, {"BTC": [100.0] * 4}).observe()
    arena.slot("ann")
    for name, nav in ((ANN, RISING), (BOB, FALLING)):
        arena.state.traders[name].standing.nav_hourly = list(nav)

    rebalance_all(arena.at(2).darken("BTC").arena, arena.account, BY_PERFORMANCE)

    assert len(arena.records(Transferred)) == 3
