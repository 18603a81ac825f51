"""What fills make of a position: averaging, closing in part and in full, flipping; its cost stays exact."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.position import (
    CENT_OF_A_MICRO,
    Position,
    apply_fill,
    initial_margin_usd,
    notional_usd,
    unrealized_usd,
)
from tests.model.fills import exact, leverages, prices, quantities


def filled(
    position: Position | None, signed: object, price: object, *, time_ms: int = 0, leverage: int = 1
) -> tuple[Position | None, Decimal]:
    return apply_fill(
        position,
        coin="BTC",
        signed_quantity=Decimal(str(signed)),
        price=Decimal(str(price)),
        time_ms=time_ms,
        leverage=leverage,
    )


def opened(signed: object, price: object, *, time_ms: int = 0, leverage: int = 1) -> Position:
    position, _ = filled(None, signed, price, time_ms=time_ms, leverage=leverage)
    assert position is not None
    return position


def figures(position: Position | None) -> tuple[Decimal, ...] | None:
    return None if position is None else (position.quantity, position.entry_price)


@pytest.mark.parametrize("signed", [3, -3])
def test_the_first_fill_opens_at_its_price_and_realises_nothing(signed: int) -> None:
    position, realized = filled(None, signed, 105, time_ms=7, leverage=5)

    assert position is not None
    assert (position.quantity, position.cost_usd, position.entry_price) == exact(signed, signed * 105, 105)
    assert (position.opened_ms, position.leverage, position.is_long) == (7, 5, signed > 0)
    assert realized == 0


@pytest.mark.parametrize("direction", [1, -1])
def test_a_fill_in_the_direction_of_the_position_averages_the_entry(direction: int) -> None:
    at_100 = opened(1 * direction, 100, time_ms=7, leverage=5)

    position, realized = filled(at_100, 3 * direction, 108, time_ms=9, leverage=2)

    assert figures(position) == exact(4 * direction, 106)  # (100 + 324) / 4
    assert position is not None
    assert (position.opened_ms, position.leverage) == (7, 2)
    assert realized == 0


@pytest.mark.parametrize(("direction", "profit"), [(1, -15), (-1, 15)])
def test_a_part_that_closes_realises_its_share_and_leaves_the_entry(direction: int, profit: int) -> None:
    at_105 = opened(5 * direction, 105, time_ms=7, leverage=5)

    position, realized = filled(at_105, -3 * direction, 100, time_ms=9, leverage=2)

    assert figures(position) == exact(2 * direction, 105)
    assert position is not None
    assert (position.opened_ms, position.leverage) == (7, 5)
    assert realized == profit


@pytest.mark.parametrize(("direction", "profit"), [(1, 50), (-1, -50)])
def test_a_fill_as_large_as_the_position_closes_it(direction: int, profit: int) -> None:
    assert filled(opened(5 * direction, 105), -5 * direction, 115) == (None, Decimal(profit))


@pytest.mark.parametrize(("direction", "profit"), [(1, -30), (-1, 30)])
def test_a_fill_larger_than_the_position_flips_it_at_the_fill_price(direction: int, profit: int) -> None:
    three_at_105 = opened(3 * direction, 105, time_ms=7, leverage=5)

    position, realized = filled(three_at_105, -5 * direction, 95, time_ms=9, leverage=2)

    assert figures(position) == exact(-2 * direction, 95)
    assert position is not None
    assert (position.opened_ms, position.leverage) == (9, 2)  # a lifetime of its own
    assert realized == profit


def test_what_a_share_of_the_cost_cannot_say_exactly_stays_in_the_position() -> None:
    seven, _ = filled(opened(3, "33.33333333"), 4, "10.00000001")  # cost 99.99999999 + 40.00000004 = 140.00000003

    six, realized = filled(seven, -1, 20)

    assert realized == 0  # a seventh of the cost is 20.0000000042857...
    assert six is not None
    assert (six.quantity, six.cost_usd) == exact(6, "120.00000003")


def test_a_fill_of_nothing_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="a fill of no BTC"):
        filled(None, 0, 100)
    with pytest.raises(AssertionError, match="a fill of no BTC"):
        filled(opened(-3, 100), 0, 100)


def test_a_short_at_five_percent_adverse_shows_five_percent_lost() -> None:
    short_at_100 = opened(-2, 100)

    lost = unrealized_usd(short_at_100, Decimal(105))

    assert lost == -10
    assert lost / notional_usd(short_at_100, short_at_100.entry_price) == Decimal("-0.05")


@pytest.mark.parametrize(("signed", "unrealized"), [(2, 16), (-2, -16)])
def test_unrealised_profit_has_the_sign_of_the_side(signed: int, unrealized: int) -> None:
    assert unrealized_usd(opened(signed, 100), Decimal(108)) == unrealized


@pytest.mark.parametrize("signed", [2, -2])
def test_margin_is_taken_at_the_mark_when_crossed_and_at_the_entry_when_isolated(signed: int) -> None:
    crossed = opened(signed, 100, leverage=5)
    isolated = Position(coin="BTC", quantity=crossed.quantity, cost_usd=crossed.cost_usd, leverage=5, mode="isolated")

    assert notional_usd(crossed, Decimal(110)) == 220
    assert initial_margin_usd(crossed, Decimal(110)) == 44
    assert initial_margin_usd(isolated, Decimal(110)) == 40


sides = st.sampled_from((1, -1))


@given(direction=sides, entries=st.lists(st.tuples(quantities, prices), min_size=1, max_size=6))
def test_the_cost_is_the_exact_sum_of_what_was_paid(direction: int, entries: list[tuple[Decimal, Decimal]]) -> None:
    position: Position | None = None
    for quantity, price in entries:
        position, _ = filled(position, direction * quantity, price)

    assert position is not None
    paid = sum(Fraction(direction * quantity) * Fraction(price) for quantity, price in entries)
    assert Fraction(position.cost_usd) == paid


@given(
    direction=sides,
    entries=st.lists(st.tuples(quantities, prices), min_size=1, max_size=4),
    price=prices,
    cuts=st.lists(st.integers(1, 99), max_size=8),
)
def test_closing_bit_by_bit_realises_exactly_what_closing_at_once_does(
    direction: int, entries: list[tuple[Decimal, Decimal]], price: Decimal, cuts: list[int]
) -> None:
    whole: Position | None = None
    for quantity, entry in entries:
        whole, _ = filled(whole, direction * quantity, entry)
    assert whole is not None

    left: Position | None = whole
    in_parts = Decimal(0)
    for percent in cuts:
        assert left is not None
        part = (abs(left.quantity) * percent / 100).quantize(Decimal("0.000001"))
        if 0 < part < abs(left.quantity):
            left, realized = filled(left, -direction * part, price)
            in_parts += realized
    assert left is not None
    left, realized = filled(left, -left.quantity, price)

    assert left is None
    assert in_parts + realized == filled(whole, -whole.quantity, price)[1]


@given(direction=sides, held=quantities, beyond=quantities, entry=prices, price=prices, leverage=leverages)
def test_flipping_is_closing_and_then_opening(
    direction: int, held: Decimal, beyond: Decimal, entry: Decimal, price: Decimal, leverage: int
) -> None:
    position = opened(direction * held, entry, time_ms=7)

    at_once = filled(position, -direction * (held + beyond), price, time_ms=9, leverage=leverage)
    flat, realized = filled(position, -direction * held, price, time_ms=9)
    in_two = filled(flat, -direction * beyond, price, time_ms=9, leverage=leverage)

    assert flat is None
    assert at_once == (in_two[0], realized)


@given(direction=sides, quantity=quantities, entry=prices, price=prices, percent=st.integers(1, 99))
def test_the_cost_that_leaves_is_within_half_a_quantum_of_its_share(
    direction: int, quantity: Decimal, entry: Decimal, price: Decimal, percent: int
) -> None:
    position = opened(direction * quantity, entry)
    part = (quantity * percent / 100).quantize(Decimal("0.000001"))
    if not 0 < part < quantity:
        return

    after, realized = filled(position, -direction * part, price)

    assert after is not None
    exact = Fraction(direction * part) * (Fraction(price) - Fraction(entry))
    assert abs(Fraction(realized) - exact) <= Fraction(CENT_OF_A_MICRO) / 2
    left = Fraction(direction * (quantity - part)) * Fraction(entry)
    assert abs(Fraction(after.cost_usd) - left) <= Fraction(CENT_OF_A_MICRO) / 2


@given(direction=sides, quantity=quantities, entry=prices, price=prices)
def test_closing_at_the_mark_realises_what_was_unrealised(
    direction: int, quantity: Decimal, entry: Decimal, price: Decimal
) -> None:
    position = opened(direction * quantity, entry)

    assert filled(position, -direction * quantity, price)[1] == unrealized_usd(position, price)
