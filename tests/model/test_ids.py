"""Ids and turns are functions of what they name, slots lie on the grid of their interval."""

from collections import Counter
from itertools import permutations

from hypothesis import assume, given
from hypothesis import strategies as st

from engine.model.ids import client_order_id, next_slot, slot_at, turn

MINUTE_MS = 60_000

parts = st.tuples(*[st.text(alphabet="a:0123", max_size=4)] * 5, st.integers(0, 20))


def test_a_client_order_id_is_the_same_for_ever() -> None:
    found = client_order_id("arena", "sim", "ann", "decision", "1760054400000", 0)

    # frozen: an id that changed with the code would make a restart send the order again
    assert found == GOLDEN


GOLDEN = "0xccf55c88b33d4234827829a31ab17542"


@given(parts, parts)
def test_different_causes_have_different_client_order_ids(
    first: tuple[str, str, str, str, str, int], second: tuple[str, str, str, str, str, int]
) -> None:
    assume(first != second)

    assert client_order_id(*first) != client_order_id(*second)


def test_parts_that_read_the_same_when_joined_have_different_ids() -> None:
    shifted = [("ab", "c", "", "", "", 1), ("a", "bc", "", "", "", 1), ("", "abc", "", "", "", 1)]
    # a part that contains what a separator and the next part's length look like
    posing = [("a1:b", "", "", "", "", 1), ("a", "b", "", "", "", 1), ("a", "1:b", "", "", "", 1)]

    assert len({client_order_id(*each) for each in (*shifted, *posing)}) == 6


@given(parts)
def test_a_client_order_id_is_a_venues_128_bit_hex_number(each: tuple[str, str, str, str, str, int]) -> None:
    found = client_order_id(*each)

    assert len(found) == 34
    assert found == f"0x{int(found, 16):032x}"


def test_every_trader_is_first_about_as_often_as_the_others() -> None:
    traders = ("ann", "bob", "eve")

    orders = Counter(tuple(sorted(traders, key=lambda trader: turn(slot * MINUTE_MS, trader))) for slot in range(6_000))

    assert sorted(orders) == sorted(permutations(traders))
    # of 6,000 slots 1,000 for each of the six orders, and five standard deviations
    assert all(abs(count - 1_000) < 150 for count in orders.values())


def test_the_turn_does_not_depend_on_who_else_is_there() -> None:
    assert turn(0, "ann") == turn(0, "ann")
    assert turn(0, "ann") != turn(MINUTE_MS, "ann")


def test_a_slot_opens_on_the_grid_of_its_interval() -> None:
    three = 3 * MINUTE_MS

    assert [slot_at(now, three) for now in (0, 1, three - 1, three, three + 1)] == [0, 0, 0, three, three]
    assert [next_slot(now, three) for now in (0, 1, three - 1, three)] == [three, three, three, 2 * three]


@given(now_ms=st.integers(0, 2**45), interval_ms=st.integers(1, 7 * 86_400_000))
def test_now_lies_in_its_slot(now_ms: int, interval_ms: int) -> None:
    slot = slot_at(now_ms, interval_ms)

    assert slot <= now_ms < next_slot(now_ms, interval_ms) == slot + interval_ms
    assert slot % interval_ms == 0
