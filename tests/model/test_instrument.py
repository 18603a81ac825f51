"""Price grids, lots and margin tiers, against values that can be checked by head."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange.sim import margin as sim_margin
from engine.model.instrument import (
    Instrument,
    MarginTier,
    PriceRounding,
    hyperliquid_instrument,
    maintenance_lines,
    maintenance_margin_usd,
    on_price_grid,
    round_price,
    round_quantity_down,
    tier_at,
)
from tests.model.fills import exact

DIRECTIONS: tuple[PriceRounding, ...] = ("down", "nearest", "up")

# coin, size decimals, price: rounded down, to the nearest (a tie to the even digit), up
GRID = [
    ("BTC", 5, "101234.56", "101234", "101235", "101235"),  # six figures: whole numbers are always allowed
    ("BTC", 5, "98765.43", "98765", "98765", "98766"),
    ("BTC", 5, "9876.543", "9876.5", "9876.5", "9876.6"),  # one decimal: 6 - 5
    ("BTC", 5, "987.6543", "987.6", "987.7", "987.7"),  # five figures would be two decimals, one is allowed
    ("ETH", 4, "3456.789", "3456.7", "3456.8", "3456.8"),
    ("ETH", 4, "345.6789", "345.67", "345.68", "345.68"),
    ("BNB", 3, "612.3456", "612.34", "612.35", "612.35"),
    ("SOL", 2, "187.654321", "187.65", "187.65", "187.66"),
    ("SOL", 2, "100.125", "100.12", "100.12", "100.13"),
    ("SOL", 2, "100.135", "100.13", "100.14", "100.14"),
    ("HYPE", 2, "41.23456", "41.234", "41.235", "41.235"),
    ("XRP", 0, "2.345678", "2.3456", "2.3457", "2.3457"),
    ("XRP", 0, "9.99996", "9.9999", "10.0000", "10.0000"),  # rounding up may gain a digit
    ("DOGE", 0, "0.123456789", "0.12345", "0.12346", "0.12346"),
    ("kPEPE", 0, "0.0098765432", "0.009876", "0.009877", "0.009877"),  # six decimals at most
    ("tiny", 0, "0.00001234", "0.000012", "0.000012", "0.000013"),
    ("tiny", 0, "0.0000004", "0.000000", "0.000000", "0.000001"),  # below the smallest step there is no price
    ("huge", 0, "1234567.89", "1234567", "1234568", "1234568"),
    ("huge", 5, "98765432109876.5", "98765432109876", "98765432109876", "98765432109877"),
]


@pytest.mark.parametrize(("coin", "size_decimals", "price", "down", "nearest", "up"), GRID)
def test_a_price_is_rounded_to_the_grid_in_the_direction_named(
    coin: str, size_decimals: int, price: str, down: str, nearest: str, up: str
) -> None:
    instrument = hyperliquid_instrument(coin, size_decimals, 10)

    rounded = [str(round_price(Decimal(price), instrument, direction)) for direction in DIRECTIONS]

    assert rounded == [down, nearest, up]


@pytest.mark.parametrize(
    ("price", "taken"),
    [
        ("1234.5", True),
        ("1234.56", False),  # six figures
        ("0.001234", True),
        ("0.0012345", False),  # seven decimals
        ("123456", True),  # whole
        ("123456.0", True),  # the same number
        ("123456.7", False),
        ("0", False),
        ("-1", False),
        ("NaN", False),
        ("Infinity", False),
    ],
)
def test_the_venue_takes_what_is_on_the_grid_and_nothing_else(price: str, taken: bool) -> None:
    assert on_price_grid(Decimal(price), hyperliquid_instrument("DOGE", 0, 10)) is taken


@given(
    price=st.decimals(Decimal("0.000001"), Decimal(10) ** 9, places=9, allow_nan=False),
    size_decimals=st.integers(0, 6),
)
def test_rounding_stays_on_its_side_and_within_one_step(price: Decimal, size_decimals: int) -> None:
    instrument = hyperliquid_instrument("ANY", size_decimals, 10)

    down, nearest, up = (round_price(price, instrument, direction) for direction in DIRECTIONS)

    assert down <= price <= up
    assert nearest in (down, up)
    assert abs(nearest - price) == min(price - down, up - price)
    assert [round_price(up, instrument, direction) for direction in DIRECTIONS] == [up] * 3
    assert on_price_grid(up, instrument)
    assert on_price_grid(price, instrument) is (down == up == price)
    assert up - down <= max(Decimal(1).scaleb(size_decimals - 6), price / 10_000)


@pytest.mark.parametrize(
    ("size_decimals", "quantity", "rounded"),
    [
        (5, "0.123459", "0.12345"),
        (5, "-0.123459", "-0.12345"),  # towards zero: a sale does not grow either
        (0, "1999.99", "1999"),
        (0, "0.99", "0"),
        (2, "1.5", "1.50"),
    ],
)
def test_a_quantity_never_grows_by_rounding(size_decimals: int, quantity: str, rounded: str) -> None:
    instrument = hyperliquid_instrument("ANY", size_decimals, 10)

    found = round_quantity_down(Decimal(quantity), instrument)

    assert str(found) == rounded or (found == 0 and rounded == "0")
    assert found % instrument.lot == 0


def test_an_instrument_by_hyperliquids_rules_has_one_tier_from_zero() -> None:
    sol = hyperliquid_instrument("SOL", 2, 20)

    assert (sol.lot, sol.max_price_decimals, sol.significant_figures, sol.max_leverage) == (Decimal("0.01"), 4, 5, 20)
    assert sol.tiers == (MarginTier(notional_usd=Decimal(0), max_leverage=20),)


def tiers(*steps: tuple[int, int]) -> tuple[MarginTier, ...]:
    return tuple(MarginTier(notional_usd=Decimal(start), max_leverage=leverage) for start, leverage in steps)


THREE = tiers((0, 20), (1_000, 10), (5_000, 5))


@pytest.mark.parametrize(
    ("notional", "leverage"), [(0, 20), ("999.99", 20), (1_000, 10), (4_999, 10), (5_000, 5), (10**9, 5)]
)
def test_a_tier_begins_at_its_own_notional(notional: object, leverage: int) -> None:
    assert tier_at(Decimal(str(notional)), THREE).max_leverage == leverage


@pytest.mark.parametrize(
    ("notional", "margin"),
    [
        (0, 0),
        (400, 10),  # a fortieth
        (1_000, 25),
        (2_000, 75),  # 1,000 at a fortieth, 1,000 at a twentieth
        (5_000, 225),
        (6_000, 325),  # and 1,000 at a tenth
    ],
)
def test_maintenance_is_half_the_initial_margin_of_each_slice(notional: int, margin: int) -> None:
    assert maintenance_margin_usd(Decimal(notional), THREE) == margin


def test_maintenance_of_a_single_tier_is_half_the_initial_margin_at_the_highest_leverage() -> None:
    assert maintenance_margin_usd(Decimal(8_000), hyperliquid_instrument("BTC", 5, 40).tiers) == 100


def test_the_deduction_is_what_makes_maintenance_continuous() -> None:
    lines = maintenance_lines(THREE)

    assert lines == [exact("0.025", 0), exact("0.05", 25), exact("0.1", 275)]
    for tier, (below, above) in zip(THREE[1:], pairwise(lines), strict=True):
        assert tier.notional_usd * below[0] - below[1] == tier.notional_usd * above[0] - above[1]


falling_tiers = st.lists(
    st.tuples(st.integers(1, 10**8), st.integers(1, 50)), max_size=4, unique_by=lambda step: step[0]
).map(
    lambda steps: tiers(
        (0, 50),
        *zip(
            sorted(start for start, _ in steps),
            sorted((leverage for _, leverage in steps), reverse=True),
            strict=True,
        ),
    )
)


@given(of=falling_tiers, notional=st.decimals(0, 10**9, places=4, allow_nan=False))
def test_maintenance_equals_that_of_the_simulated_venue_which_adds_up_slices(
    of: tuple[MarginTier, ...], notional: Decimal
) -> None:
    ours = maintenance_margin_usd(notional, of)

    assert abs(ours - sim_margin.maintenance_usd(notional, of)) < Decimal("1E-15")


@given(of=falling_tiers)
def test_maintenance_does_not_jump_where_tiers_meet(of: tuple[MarginTier, ...]) -> None:
    hair = Decimal("1E-9")
    for tier in of[1:]:
        before = maintenance_margin_usd(tier.notional_usd - hair, of)
        after = maintenance_margin_usd(tier.notional_usd + hair, of)

        assert 0 < after - before <= hair


def test_instruments_of_other_venues_have_their_own_grid() -> None:
    dated = Instrument(
        venue="okx",
        coin="BTC",
        venue_symbol="BTC-USDT-SWAP",
        size_decimals=4,
        max_price_decimals=1,
        significant_figures=12,
        tiers=tiers((0, 100)),
    )

    assert round_price(Decimal("101234.56"), dated, "down") == Decimal("101234.5")
