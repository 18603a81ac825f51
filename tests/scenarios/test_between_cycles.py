"""Scenarios 6 and 14: what happens to positions while nobody decides."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from engine.manager.record import Liquidated
from tests.arena.scripts import MINUTE_MS, T0, Scripted, buy, sell
from tests.arena.small_arena import HOUR_MS, STOPPED, TEN_BPS, SmallArena, Trader

FALLING = [100.0, 100.0, (100.0, 100.0, 94.0, 94.0), 94.0, 94.0]


def test_a_stop_between_cycles_leaves_a_trade_net_of_fees_and_a_coin_that_rests() -> None:
    """Scenario 6: slots every 15 minutes, a stop in minute 2: bought at 100, sold at 95, ten basis points each."""
    script = Scripted({0: buy(quantity="10", stop="95"), 15: buy(quantity="10", stop="90")})
    limits = replace(STOPPED, cooldown_ms=HOUR_MS)
    arena = SmallArena({"ann": Trader(decider=script, limits=limits, minutes=15)}, {"BTC": [*FALLING, *[94.0] * 20]})

    arena.play(16)

    standing = arena.state.traders[arena.desks["ann"].trader].standing
    trade: Any
    (trade,) = arena.state.traders[arena.desks["ann"].trader].recent_trades
    assert (trade.quantity, trade.entry_price, trade.exit_price, trade.reason) == (10, 100, 95, "stop_loss")
    assert T0 + 2 * MINUTE_MS <= trade.exit_ms < T0 + 3 * MINUTE_MS
    assert (trade.gross_usd, trade.entry_fee_usd, trade.exit_fee_usd) == (-50, 1, Decimal("0.95"))
    assert trade.net_usd == Decimal("-51.95") == arena.ledger("ann").cash_usd - 10_000
    assert (standing.trades, standing.wins, standing.loss_streak) == (1, 0, 1)
    assert arena.denials("ann") == ["cooldown"]
    assert arena.held("ann") == arena.venue_holds() == 0


def test_an_isolated_long_at_twenty_times_is_liquidated_six_percent_lower() -> None:
    """Scenario 14: 10,000 USD on 500 of margin; the trader loses these and its fee, and nothing beyond them."""
    isolated = replace(TEN_BPS, margin_mode="isolated")
    arena = SmallArena(
        {"ann": Trader(decider=Scripted({0: buy(quantity="100", leverage=20)}), isolated=True), "bob": {}},
        {"BTC": FALLING},
        costs=isolated,
    )

    arena.play(5)

    assert arena.held("ann") == arena.held("house") == arena.venue_holds() == 0
    assert len(arena.records(Liquidated, "ann")) == 1
    (trade,) = arena.state.traders[arena.desks["ann"].trader].recent_trades
    assert (trade.liquidation, trade.reason) == (True, "liquidation")
    assert -511 <= arena.ledger("ann").cash_usd - 10_000 <= -500
    assert arena.ledger("bob").cash_usd == 10_000
    assert arena.drifts() == []


def test_when_the_venue_liquidates_a_position_its_owner_does_not_sell_it_again() -> None:
    """Scenario 14, on cross margin: one trader has all the money of the venue account, so both go under together."""
    alone = replace(TEN_BPS, initial_balance_usd=Decimal(600))
    arena = SmallArena(
        {"ann": Trader(decider=Scripted({0: buy(quantity="100")}), capital_usd=Decimal(600))},
        {"BTC": FALLING},
        costs=alone,
    )

    arena.play(5)

    assert arena.held("ann") == arena.held("house") == arena.venue_holds() == 0
    assert arena.incidents() == ["venue_liquidation"]
    assert [intended.cause for intended in arena.orders()] == ["decision"]
    assert arena.drifts() == []


def test_when_the_venue_liquidates_what_several_hold_the_house_takes_it_with_an_incident() -> None:
    """Ann is long 100, bob short 20: of the 80 that the venue held nobody can say whose they were."""
    alone = replace(TEN_BPS, initial_balance_usd=Decimal(1_200))
    arena = SmallArena(
        {
            "ann": Trader(decider=Scripted({0: buy(quantity="100")}), capital_usd=Decimal(1_000)),
            "bob": Trader(decider=Scripted({0: sell(quantity="20")}), capital_usd=Decimal(200)),
        },
        {"BTC": [(100.0, 100.0, 80.0, 80.0)] * 3},
        costs=alone,
    ).observe()
    arena.slot("ann")
    arena.slot("bob")

    arena.at(0.5).touch("BTC", "84").at(0.6)
    arena.tick()

    assert (arena.held("ann"), arena.held("bob"), arena.held("house"), arena.venue_holds()) == (100, -20, -80, 0)
    assert arena.incidents() == ["venue_liquidation"]
    assert arena.drifts() == []
