"""Grid: a step a level, given back a level nearer to the middle, and out where the grid ends."""

from decimal import Decimal
from typing import Any

import pytest

from engine.executor.strategies import build
from engine.model.decision import Decision
from engine.model.market import Column, MarketSnapshot
from tests.executor.strategies.markets import at, windows_of

CLOSE, MIDDLE, ATR = Column("close"), Column("ema", 100), Column("atr", 50)
# Four levels, 2 USD apart, and out two further; 40 % of 10,000 USD are 4,000 USD: a step is 1,000 USD, ten coins.
SETTINGS: dict[str, Any] = {"position_pct": 40, "spacing_atr": 2.0, "levels": 4, "stop_levels": 2.0}
GRID = build("grid", SETTINGS, seed=0)


def a_price(depth: float) -> MarketSnapshot:
    """A close and a mark of 100 USD, so many levels of 2 USD below the middle."""
    return windows_of({CLOSE: [100.0], MIDDLE: [100.0 + 2 * depth], ATR: [1.0]})


def decided(depth: float, held: int, **changes: Any) -> Decision | None:
    """What a grid that holds so many coins does at a depth."""
    grid = build("grid", SETTINGS | changes, seed=0) if changes else GRID
    found = grid.decide(at(a_price(depth), {"BTC": Decimal(held)}))
    return found[0] if found else None


@pytest.mark.parametrize(
    ("depth", "held", "target"),
    [
        (0.0, 0, None),
        (0.9, 0, None),
        (1.0, 0, 10),
        (2.5, 0, 20),
        (9.0, 0, None),  # beyond the end of the grid
        (5.9, 30, 40),  # no more than four steps
        (4.0, 0, 40),
        (4.1, 0, None),  # given up, and not taken up again so near to its end
        (-5.9, 0, None),
        (-1.0, 0, -10),
        (-2.5, -10, -20),
        (0.5, 10, None),  # a step that was taken at 1 is kept until the middle
        (1.5, 20, None),
        (1.0, 20, 10),
        (0.5, 20, 10),
        (-1.5, 20, -10),
    ],
)
def test_the_depth_of_the_price_decides_how_many_steps_are_held(depth: float, held: int, target: int | None) -> None:
    decision = decided(depth, held)

    assert (None if decision is None else decision.target_quantity) == target


@pytest.mark.parametrize(("depth", "held"), [(0.0, 10), (-0.5, 10), (6.0, 40), (-6.0, -40), (6.0, -10)])
def test_at_the_middle_and_beyond_the_end_everything_is_left(depth: float, held: int) -> None:
    decision = decided(depth, held)

    assert decision is not None
    assert (decision.signal, decision.target_quantity) == ("close", None)


def test_a_step_has_its_stop_at_the_end_of_the_grid_and_its_target_at_the_middle() -> None:
    decision = decided(2.0, 0)

    # Four of the six levels to the end are left, two are behind.
    assert decision is not None
    assert (decision.stop_loss, decision.profit_target) == (Decimal(92), Decimal(104))


def test_fewer_steps_are_a_partial_close() -> None:
    decision = decided(1.0, 30)

    assert decision is not None
    assert (decision.signal, decision.target_quantity, decision.stop_loss) == ("close", Decimal(10), None)


@pytest.mark.parametrize(("sides", "depth", "target"), [("long", -3.0, None), ("short", 3.0, None), ("long", 3.0, 30)])
def test_a_side_that_is_not_taken_stays_empty(sides: str, depth: float, target: int | None) -> None:
    decision = decided(depth, 0, sides=sides)

    assert (None if decision is None else decision.target_quantity) == target


@pytest.mark.parametrize("atr", [float("nan"), 0.0])
def test_without_a_spacing_there_is_no_grid(atr: float) -> None:
    market = windows_of({CLOSE: [100.0], MIDDLE: [110.0], ATR: [atr]})

    assert list(GRID.decide(at(market, {"BTC": Decimal(10)}))) == []


def test_without_equity_nothing_is_bought() -> None:
    assert list(GRID.decide(at(a_price(3.0), known_equity_usd=Decimal("NaN")))) == []


def test_a_price_that_swings_earns_a_level_a_swing() -> None:
    """Ten coins bought at each level on the way down and sold one level higher on the way up."""
    held, cash = Decimal(0), Decimal(0)
    prices = [100.0 - 2 * step for step in (0, 1, 2, 3, 2, 1, 0, 1, 0)]
    for price in prices:
        market = windows_of({CLOSE: [price], MIDDLE: [100.0], ATR: [1.0]}, mark=str(price))
        for decision in GRID.decide(at(market, {"BTC": held}, known_equity_usd=Decimal(10_000))):
            wanted = decision.target_quantity or Decimal(0)
            cash -= (wanted - held) * Decimal(str(price))
            held = wanted

    # Steps of 1,000 USD at 98, 96 and 94, each sold 2 USD higher: 20.4 + 20.8 + 21.3, and once more 20.4 USD.
    assert held == 0
    assert 80 < cash < 86
