"""Prices as decimals: exactly those that the floats were written as, whatever the grid they lie on."""

from decimal import Decimal

import numpy as np
import pytest

from engine.market.bars import price_of
from engine.market.prices import Prices

RANDOM = np.random.default_rng(7)
COLUMNS = {
    "a tenth": np.round(RANDOM.lognormal(10, 1, 3000), 1),
    "a millionth": np.round(RANDOM.lognormal(-3, 1, 3000), 6),
    "whole numbers": np.round(RANDOM.lognormal(5, 1, 3000)),
    "no grid at all": RANDOM.lognormal(0, 3, 3000),
    "odd ones": np.array([np.nan, 1.0, 2.5, 100.0, 0.1, 1e16, 1e300, 5e-324, 123456.78901, 4503599627370497.5]),
    "nothing": np.array([np.nan]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_price_is_the_shortest_decimal_of_its_float(name: str) -> None:
    column = COLUMNS[name]
    prices = Prices({"BTC": column})

    found = [prices.row(row)["BTC"] for row in range(len(column))]

    assert [str(price) for price in found] == [
        "None" if value != value else str(price_of(float(value))) for value in column
    ]


def test_coins_on_different_grids_stand_in_one_row() -> None:
    prices = Prices({"BTC": np.array([60000.5, 60001.0]), "DOGE": np.array([np.nan, 0.12345])})

    assert prices.row(0) == {"BTC": Decimal("60000.5"), "DOGE": None}
    assert prices.row(1) == {"BTC": Decimal(60001), "DOGE": Decimal("0.12345")}
