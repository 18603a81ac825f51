"""Liquidation: when a position can no longer be carried, and the price at which that happens."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.sim import margin as sim_margin
from engine.exchange.sim.ledger import Holding, Ledger
from engine.model.account import (
    Account,
    account_liquidation_price,
    cross_backing_usd,
    equity_usd,
    maintenance_total_usd,
)
from engine.model.ids import TraderId
from engine.model.instrument import Instrument, MarginTier, hyperliquid_instrument
from engine.model.order import MarginMode
from engine.model.position import (
    Position,
    is_isolated_position_liquidated,
    liquidation_price,
    maintenance_usd,
    unrealized_usd,
)

BTC = hyperliquid_instrument("BTC", 5, 40)
TEN = hyperliquid_instrument("TEN", 2, 10)  # maintenance is a twentieth
TIERED = Instrument(  # a twentieth up to 1,000 USD, a tenth of what is above
    venue="hyperliquid",
    coin="TIERED",
    venue_symbol="TIERED",
    size_decimals=2,
    max_price_decimals=4,
    tiers=(
        MarginTier(notional_usd=Decimal(0), max_leverage=10),
        MarginTier(notional_usd=Decimal(1_000), max_leverage=5),
    ),
)
INSTRUMENTS = {"BTC": BTC, "TEN": TEN, "TIERED": TIERED}


def a_position(quantity: object, entry: object, leverage: int, mode: MarginMode, coin: str = "TEN") -> Position:
    size, price = Decimal(str(quantity)), Decimal(str(entry))
    return Position(coin=coin, quantity=size, cost_usd=size * price, leverage=leverage, mode=mode)


def an_account(cash: object, *positions: Position) -> Account:
    return Account(
        trader=TraderId("ann"), capital_usd=Decimal(str(cash)), positions={held.coin: held for held in positions}
    )


def test_a_twenty_times_isolated_long_is_liquidated_at_six_percent_against_it() -> None:
    long_at_100 = a_position(1, 100, 20, "isolated", "BTC")

    # margin 5; at 94 the loss of 6 exceeds it; at 97 2 are left and 97 / 80 = 1.21 are needed; at 96 1 is left of 1.2
    dead = [is_isolated_position_liquidated(long_at_100, Decimal(mark), BTC) for mark in (94, 96, 97, 100)]

    assert dead == [True, True, False, False]


def test_a_twenty_times_isolated_short_is_liquidated_at_six_percent_against_it() -> None:
    short_at_100 = a_position(-1, 100, 20, "isolated", "BTC")

    dead = [is_isolated_position_liquidated(short_at_100, Decimal(mark), BTC) for mark in (106, 104, 103, 100, 94)]

    assert dead == [True, True, False, False, False]


@pytest.mark.parametrize("mark", [70, 95, 300])
def test_an_isolated_position_knows_its_liquidation_price_from_its_own_margin(mark: int) -> None:
    long_at_95 = a_position(1, 95, 5, "isolated")  # margin 19: at 80 4 are left, a twentieth of 80
    short_at_105 = a_position(-1, 105, 5, "isolated")  # margin 21: at 120 6 are left, a twentieth of 120

    assert liquidation_price(long_at_95, Decimal(mark), TEN, Decimal(10**6)) == 80
    assert liquidation_price(short_at_105, Decimal(mark), TEN, Decimal(-(10**6))) == 120


def test_a_crossed_long_is_backed_by_the_whole_account() -> None:
    account = an_account(190, a_position(10, 95, 5, "cross"))

    # at 80 the loss is 150, 40 are left, a twentieth of 800
    assert account_liquidation_price(account, "TEN", lambda _: Decimal(95), INSTRUMENTS) == 80


def test_a_crossed_short_is_backed_by_the_whole_account() -> None:
    account = an_account(210, a_position(-10, 105, 5, "cross"))

    # at 120 the loss is 150, 60 are left, a twentieth of 1,200
    assert account_liquidation_price(account, "TEN", lambda _: Decimal(105), INSTRUMENTS) == 120


def test_a_long_without_borrowed_money_is_liquidated_at_no_price() -> None:
    account = an_account(1_000, a_position(10, 95, 1, "cross"))

    assert account_liquidation_price(account, "TEN", lambda _: Decimal(95), INSTRUMENTS) is None


def test_another_crossed_position_takes_its_maintenance_and_gives_its_profit() -> None:
    beside = a_position(1, 100, 5, "cross", "BTC")  # at 160: profit 60, maintenance 160 / 80 = 2
    account = an_account(132, beside, a_position(10, 95, 5, "cross"))
    marks = {"BTC": Decimal(160), "TEN": Decimal(95)}

    assert account_liquidation_price(account, "TEN", marks.__getitem__, INSTRUMENTS) == 80  # 132 + 60 - 2 = 190


def test_an_isolated_position_neither_backs_the_crossed_ones_nor_gives_back_its_margin() -> None:
    apart = a_position(1, 100, 4, "isolated", "BTC")  # 25 set aside
    account = an_account(215, apart, a_position(10, 95, 5, "cross"))
    marks = {"BTC": Decimal(160), "TEN": Decimal(95)}

    assert cross_backing_usd(account, marks.__getitem__, INSTRUMENTS) == Decimal("142.5")  # 215 - 25 - 950 / 20
    assert account_liquidation_price(account, "TEN", marks.__getitem__, INSTRUMENTS) == 80  # as with 190 alone
    # 75 of 100 are borrowed: at p 25 + p - 100 are left, p / 80 is needed
    alone = liquidation_price(apart, Decimal(160), BTC, Decimal(0))
    assert account_liquidation_price(account, "BTC", marks.__getitem__, INSTRUMENTS) == alone == Decimal(6000) / 79


@pytest.mark.parametrize(
    ("quantity", "cash", "price"),
    [
        (20, 870, Decimal(60)),  # 70 are left of 870 at 60: 1,200 at a tenth less 50
        (20, 1_240, Decimal(40)),  # falls into the lower tier: 40 are left at 40: a twentieth of 800
        (20, 1_050, Decimal(50)),  # where the tiers meet: 50 are left at 50, a twentieth of 1,000
        (-8, 470, Decimal(150)),  # rises into the higher tier: 70 are left at 150: 1,200 at a tenth less 50
        (-8, 20, Decimal(820) / Decimal("8.4")),  # 40 are needed at the mark of 100: it is past already
        (8, 800, None),  # bought with its own money
    ],
)
def test_the_tier_that_counts_is_that_of_the_liquidation_price(quantity: int, cash: int, price: Decimal | None) -> None:
    account = an_account(cash, a_position(quantity, 100, 5, "cross", "TIERED"))

    assert account_liquidation_price(account, "TIERED", lambda _: Decimal(100), INSTRUMENTS) == price


amounts = st.decimals(Decimal("0.01"), Decimal(100), places=2, allow_nan=False)
levels = st.decimals(Decimal(1), Decimal(500), places=2, allow_nan=False)


@st.composite
def held_accounts(draw: st.DrawFn) -> tuple[Account, dict[str, Decimal]]:
    positions = [
        a_position(
            draw(amounts) * draw(st.sampled_from((1, -1))),
            draw(levels),
            draw(st.integers(1, 10)),
            draw(st.sampled_from(("cross", "isolated"))),
            coin,
        )
        for coin in ("BTC", "TEN", "TIERED")
        if draw(st.booleans()) or coin == "TIERED"
    ]
    return an_account(draw(st.integers(0, 50_000)), *positions), {coin: draw(levels) for coin in INSTRUMENTS}


@given(held_accounts())
def test_at_the_liquidation_price_there_is_just_the_maintenance_margin(
    case: tuple[Account, dict[str, Decimal]],
) -> None:
    account, marks = case
    for coin, position in account.positions.items():
        price = account_liquidation_price(account, coin, marks.__getitem__, INSTRUMENTS)
        if price is None:
            continue

        there = marks | {coin: price}

        if position.mode == "isolated":
            own = abs(position.cost_usd) / position.leverage + unrealized_usd(position, price)
            excess = own - maintenance_usd(position, price, INSTRUMENTS[coin])
        else:
            excess = cross_backing_usd(account, there.__getitem__, INSTRUMENTS)
        assert abs(excess) < Decimal("1E-15")


@given(held_accounts())
def test_liquidation_agrees_with_the_simulated_venue(case: tuple[Account, dict[str, Decimal]]) -> None:
    account, marks = case
    ledger = as_the_venue_keeps_it(account)

    for pool in sim_margin.pools(ledger):
        excess = sim_margin.excess_usd(pool, marks, INSTRUMENTS)
        (coin, *_) = pool.holdings
        if pool.isolated:
            dead = is_isolated_position_liquidated(account.positions[coin], marks[coin], INSTRUMENTS[coin])
            assert dead == (excess < 0) or abs(excess) < Decimal("1E-15")
        else:
            assert abs(cross_backing_usd(account, marks.__getitem__, INSTRUMENTS) - excess) < Decimal("1E-15")
    for coin in account.positions:
        ours = account_liquidation_price(account, coin, marks.__getitem__, INSTRUMENTS)
        theirs = sim_margin.liquidation_price(ledger, coin, marks, INSTRUMENTS)
        assert (ours is None) == (theirs is None)
        assert ours is None or theirs is None or abs(ours - theirs) < Decimal("1E-15")


def as_the_venue_keeps_it(account: Account) -> Ledger:
    ledger = Ledger(next_order_id=1, next_trade_id=1, raw_usd=account.cash_usd)
    for coin, held in account.positions.items():
        margin = abs(held.cost_usd) / held.leverage if held.mode == "isolated" else Decimal(0)
        own = margin - held.cost_usd if held.mode == "isolated" else Decimal(0)
        ledger.raw_usd -= margin if held.mode == "isolated" else held.cost_usd
        ledger.holdings[coin] = Holding(
            size=held.quantity, entry_price=held.entry_price, leverage=held.leverage, mode=held.mode, raw_usd=own
        )
    return ledger


@given(held_accounts())
def test_without_isolated_positions_the_backing_is_equity_less_maintenance(
    case: tuple[Account, dict[str, Decimal]],
) -> None:
    account, marks = case
    crossed = an_account(
        account.capital_usd,
        *[a_position(held.quantity, held.entry_price, 5, "cross", coin) for coin, held in account.positions.items()],
    )

    backing = cross_backing_usd(crossed, marks.__getitem__, INSTRUMENTS)

    equity = equity_usd(crossed, marks.__getitem__)
    assert abs(backing - equity + maintenance_total_usd(crossed, marks.__getitem__, INSTRUMENTS)) < Decimal("1E-15")
