"""Choosing: strategies decide as if they were alone, and the account holds what they hold, scaled by their weights."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from engine.executor.context import Context
from engine.executor.selector.selector import Choice, Selector, choose, due
from engine.model.decision import Decision
from engine.model.market import snapshot_of
from engine.model.selection import UNWEIGHED, Selection, Sleeve
from tests.executor.risk.cases import NOW_MS, a_pending_order, a_snapshot
from tests.executor.selector.libraries import HOUR_MS, Told, a_library, a_selector, holding
from tests.executor.strategies.markets import at


def prices(btc: str = "100", eth: str = "10") -> Any:
    marks = {"BTC": Decimal(btc), "ETH": Decimal(eth)}
    return snapshot_of(
        NOW_MS, [replace(a_snapshot(coin), mark=mark, mid=mark, oracle=mark) for coin, mark in marks.items()]
    )


def a_sleeve(strategy: str, quantity: str, coin: str = "BTC", **terms: str) -> Sleeve:
    known: dict[str, Any] = {"entry": "100" if coin == "BTC" else "10"} | terms
    return Sleeve(
        strategy=strategy,
        coin=coin,
        quantity=Decimal(quantity),
        confidence=0.8,
        **{name: Decimal(value) for name, value in known.items()},  # type: ignore[arg-type]
    )


def chosen(
    selector: Selector,
    weights: dict[str, float],
    sleeves: tuple[Sleeve, ...] = (),
    held: dict[str, Decimal] | None = None,
    market: Any = None,
    before: dict[str, float] | None = None,
    **changes: Any,
) -> Choice:
    """One slot with these weights, after others (``before``) or the same ones, on these sleeves and positions."""
    old = Selection(weighed_ms=0, weights=weights if before is None else before, sleeves=sleeves)
    context: Context = at(market or prices(), held, selection=old, **changes)
    return choose(selector, context, replace(old, weights=weights))


def brief(decision: Decision) -> tuple[str, str, Decimal | None]:
    return decision.symbol, decision.signal, decision.target_quantity


LONG, SHORT = Told(holding("BTC", "10", stop="90", target="130")), Told(holding("BTC", "-4", stop="105", target="80"))


def test_what_a_strategy_wants_is_scaled_by_its_weight() -> None:
    choice = chosen(a_selector(a_library({"up": LONG, "idle": Told()})), {"up": 0.25, "idle": 0.75})

    assert [brief(decision) for decision in choice.decisions] == [("BTC", "buy_to_enter", Decimal("2.5"))]
    expected = replace(a_sleeve("up", "10", stop_loss="90", profit_target="130"), why="told")
    assert choice.selection.sleeves == (expected,)
    (decision,) = choice.decisions
    assert (decision.stop_loss, decision.profit_target, decision.confidence) == (Decimal(90), Decimal(130), 0.8)


def test_opposite_strategies_are_netted() -> None:
    choice = chosen(a_selector(a_library({"up": LONG, "down": SHORT})), {"up": 0.25, "down": 0.75})

    # A quarter of ten long, three quarters of four short: the stop is that of the side that is left.
    (decision,) = choice.decisions
    assert brief(decision) == ("BTC", "sell_to_enter", Decimal("-0.5"))
    assert (decision.stop_loss, decision.profit_target) == (Decimal(105), Decimal(80))


def test_stops_of_strategies_on_one_side_are_averaged_by_what_each_contributes() -> None:
    near = Told(holding("BTC", "10", stop="98", target="110"))
    choice = chosen(a_selector(a_library({"far": LONG, "near": near})), {"far": 0.25, "near": 0.75})

    # Ten away for a quarter and two away for three quarters: four; thirty and ten: fifteen.
    (decision,) = choice.decisions
    assert brief(decision) == ("BTC", "buy_to_enter", Decimal(10))
    assert (decision.stop_loss, decision.profit_target) == (Decimal(96), Decimal(115))


def test_a_strategy_without_a_weight_is_not_asked_and_out_of_its_sleeves() -> None:
    up, down = Told(), Told(holding("BTC", "-4"))
    held = {"BTC": Decimal(10)}

    choice = chosen(
        a_selector(a_library({"up": up, "down": down})),
        {"down": 1.0},
        (a_sleeve("up", "10"),),
        held,
        before={"up": 1.0},
    )

    assert up.asked == []
    assert [brief(decision) for decision in choice.decisions] == [("BTC", "sell_to_enter", Decimal(-4))]
    assert [sleeve.strategy for sleeve in choice.selection.sleeves] == ["down"]


def test_a_strategy_that_the_library_no_longer_has_is_out_whatever_its_weight() -> None:
    """Nobody would ever take it out otherwise: only its own rules know when."""
    choice = chosen(
        a_selector(a_library({"up": Told()})),
        {"gone": 0.5, "up": 0.5},
        (a_sleeve("gone", "10"), a_sleeve("up", "4")),
        {"BTC": Decimal(7)},
    )

    assert [sleeve.strategy for sleeve in choice.selection.sleeves] == ["up"]
    assert [brief(decision) for decision in choice.decisions] == [("BTC", "close", Decimal(2))]


def test_without_any_weight_everything_is_closed() -> None:
    choice = chosen(
        a_selector(a_library({"up": LONG})), {}, (a_sleeve("up", "10"),), {"BTC": Decimal(10)}, before={"up": 1}
    )

    assert [brief(decision) for decision in choice.decisions] == [("BTC", "close", None)]
    assert choice.selection.sleeves == ()


def test_a_strategy_sees_its_own_sleeves_and_all_of_the_equity() -> None:
    up = Told()
    sleeves = (a_sleeve("up", "10", stop_loss="90"), a_sleeve("down", "-4"))

    chosen(a_selector(a_library({"up": up, "down": Told()})), {"up": 0.5, "down": 0.5}, sleeves, {"BTC": Decimal(3)})

    (seen,) = up.asked
    assert {coin: position.quantity for coin, position in seen.account.positions.items()} == {"BTC": Decimal(10)}
    assert seen.plans["BTC"].stop_loss == 90
    assert seen.equity_usd == 10_000


def test_nothing_is_done_while_nothing_changes() -> None:
    choice = chosen(a_selector(a_library({"up": Told()})), {"up": 0.5}, (a_sleeve("up", "10"),), {"BTC": Decimal(5)})

    assert choice.decisions == ()
    assert choice.selection.sleeves == (a_sleeve("up", "10"),)


@pytest.mark.parametrize(("weight", "target"), [(0.51, None), (0.6, Decimal(6)), (0.49, None), (0.4, Decimal(4))])
def test_small_differences_are_not_traded(weight: float, target: Decimal | None) -> None:
    selector = a_selector(a_library({"up": Told(), "cash": Told()}))
    weights = {"up": weight, "cash": 1 - weight}

    choice = chosen(
        selector, weights, (a_sleeve("up", "10", stop_loss="90"),), {"BTC": Decimal(5)}, before={"up": 0.5, "cash": 0.5}
    )

    assert [decision.target_quantity for decision in choice.decisions] == ([] if target is None else [target])
    assert [decision.signal for decision in choice.decisions] == (
        [] if target is None else ["buy_to_enter" if target > 5 else "close"]
    )


@pytest.mark.parametrize(("mark", "left"), [("95", 1), ("90", 0), ("89", 0), ("129", 1), ("130", 0)])
def test_a_sleeve_ends_at_its_own_stop_and_target(mark: str, left: int) -> None:
    sleeves = (a_sleeve("up", "10", stop_loss="90", profit_target="130"),)

    choice = chosen(a_selector(a_library({"up": Told()})), {"up": 1.0}, sleeves, {"BTC": Decimal(10)}, prices(mark))

    assert len(choice.selection.sleeves) == left
    assert [decision.signal for decision in choice.decisions] == ([] if left else ["close"])


def test_a_position_that_is_gone_ends_the_sleeves_on_its_side() -> None:
    """Seven long are wanted and nothing is held: a stop, an operator or a denial was quicker."""
    sleeves = (a_sleeve("up", "10"), a_sleeve("down", "-1"))

    choice = chosen(a_selector(a_library({"up": Told(), "down": Told()})), {"up": 0.8, "down": 0.2}, sleeves)

    assert [sleeve.strategy for sleeve in choice.selection.sleeves] == ["down"]
    assert [brief(decision) for decision in choice.decisions] == [("BTC", "sell_to_enter", Decimal("-0.2"))]


def test_sleeves_that_cancel_out_are_kept_though_nothing_is_held() -> None:
    sleeves = (a_sleeve("up", "10"), a_sleeve("down", "-10"))

    choice = chosen(a_selector(a_library({"up": Told(), "down": Told()})), {"up": 0.5, "down": 0.5}, sleeves)

    assert choice.selection.sleeves == sleeves
    assert choice.decisions == ()


def test_a_coin_with_an_order_under_way_is_left_alone() -> None:
    pending = (a_pending_order("BTC", "buy", "5"),)

    choice = chosen(a_selector(a_library({"up": Told()})), {"up": 1.0}, (a_sleeve("up", "10"),), pending=pending)

    assert choice.decisions == ()
    assert choice.selection.sleeves == (a_sleeve("up", "10"),)


def test_what_no_venue_takes_is_not_asked_for() -> None:
    """A hundredth of half a coin of ten USD is less than the least order of ten USD."""
    small = Told(holding("ETH", "0.5"))

    choice = chosen(a_selector(a_library({"small": small, "idle": Told()})), {"small": 0.01, "idle": 0.99})

    assert choice.decisions == ()


@pytest.mark.parametrize(
    ("quantity", "held", "target"),
    [
        ("0.4019", "0", Decimal("0.401")),  # lots of a thousandth
        ("0.4019", "0.401", None),  # what is over can never be bought
        ("0.4999", "0.401", None),  # nine dollars more, and the least order is ten
        ("0.6", "0.401", Decimal("0.6")),
        ("0.0999", "0", None),
        ("0.0999", "0.401", Decimal(0)),  # what is left would be too little to hold
    ],
)
def test_quantities_are_what_a_venue_takes(quantity: str, held: str, target: Decimal | None) -> None:
    selector = a_selector(a_library({"up": Told()}), least_change="0")

    choice = chosen(selector, {"up": 1.0}, (a_sleeve("up", quantity),), {"BTC": Decimal(held)}, before={})

    found = [decision.target_quantity or Decimal(0) for decision in choice.decisions]
    assert found == ([] if target is None else [target])


def test_a_part_that_is_given_back_keeps_the_plan() -> None:
    less = Told(Decision(symbol="BTC", signal="close", target_quantity=Decimal(6), justification="less"))
    sleeves = (a_sleeve("grid", "10", stop_loss="90"),)

    choice = chosen(a_selector(a_library({"grid": less})), {"grid": 0.5}, sleeves, {"BTC": Decimal(5)})

    (sleeve,) = choice.selection.sleeves
    assert (sleeve.quantity, sleeve.stop_loss) == (Decimal(6), Decimal(90))
    assert [brief(decision) for decision in choice.decisions] == [("BTC", "close", Decimal(3))]


@pytest.mark.parametrize(
    ("weighed_ms", "slot_ms", "expected"),
    [
        (-1, HOUR_MS + 600_000, True),  # never weighed
        (HOUR_MS, HOUR_MS + 600_000, False),
        (HOUR_MS, 2 * HOUR_MS, True),
        (HOUR_MS, 2 * HOUR_MS + 180_000, False),  # a failed weighing is not tried again at once
        (HOUR_MS, 3 * HOUR_MS + 180_000, False),  # weights that old are asked for in every other slot,
        (HOUR_MS, 3 * HOUR_MS + 360_000, True),  # and in those between the strategies act
    ],
)
def test_weights_are_given_anew_in_the_first_slot_of_each_period(weighed_ms: int, slot_ms: int, expected: bool) -> None:
    selector = a_selector(a_library({"up": Told()}))

    assert due(selector, replace(UNWEIGHED, weighed_ms=weighed_ms), slot_ms, 180_000) is expected
