"""An operator settles an order that the venue never speaks of: on record, and only what is really unknown."""

from typing import Any

import pytest

from engine.backtest.driver import step
from engine.manager.control import Answer, Command, obey
from engine.manager.record import Control, Reported
from engine.manager.resolve import resolve
from engine.model.order import Canceled, Rejected
from tests.arena.scripts import MINUTE_MS, buy
from tests.arena.small_arena import SmallArena
from tests.arena.venues import AnswerLost, Unbounded

FLAT = {"BTC": [100.0] * 10}


def in_doubt(venue: Any = Unbounded) -> tuple[SmallArena, str]:
    """Ann's order of minute 0 has an unknown outcome; its client order id."""
    arena = SmallArena({"ann": {0: buy(), 2: buy()}, "bob": {}}, FLAT, venue=venue).observe()
    line: Any = arena.exchange
    line.losing = True
    arena.slot("ann")
    line.losing = False
    return arena, arena.orders("ann")[0].client_order_id


def told(arena: SmallArena, order: str, trader: str = "ann", **terms: Any) -> Answer:
    """What the engine answers to a ``settle``."""
    known = {"outcome": "never", "reason": "not in the venue's order history", **terms}
    return step(
        obey(
            arena.arena,
            Command(
                request="r1",
                verb="settle",
                trader=trader,
                by="olga",
                order=order,
                expires_ms=arena.clock.now_ms() + MINUTE_MS,
                **known,
            ),
        )
    )


def test_an_order_that_nothing_else_can_end_is_ended_on_the_operators_word_and_frees_its_coin() -> None:
    arena, order = in_doubt()
    assert step(resolve(arena.at(1).gateway, arena.recorder)) == 1

    answer = told(arena, order)

    assert answer.ok
    reported = arena.records(Reported, "ann")[-1]
    assert reported.client_order_id == order
    assert isinstance(reported.report, Rejected)
    assert reported.evidence == "operator olga (r1): not in the venue's order history"
    assert arena.state.accounts[arena.account].intents == {}
    arena.at(2).observe()
    arena.slot("ann")
    assert arena.held("ann") == 1


def test_an_order_that_ended_keeps_the_fills_that_are_booked() -> None:
    arena, order = in_doubt()

    assert told(arena, order, outcome="ended").ok

    report = arena.records(Reported, "ann")[-1].report
    assert isinstance(report, Canceled)
    assert report.filled_quantity == 0


def test_a_fill_that_turns_up_all_the_same_is_the_houses_and_an_incident() -> None:
    arena, order = in_doubt(AnswerLost)  # the venue has executed it, and nobody was told

    assert told(arena, order).ok
    step(arena.gateway.collect())

    assert arena.held("house") == arena.venue_holds() == 1
    assert arena.incidents() == ["foreign_fill"]


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"order": "0x00"}, "no order '0x00' has an unknown outcome; those are: 0x"),
        ({"trader": "bob"}, "of bob no order"),
        ({"outcome": None}, "say what became of the order"),
        ({"reason": ""}, "how that is known"),
    ],
)
def test_a_word_that_does_not_fit_settles_nothing(terms: dict[str, Any], says: str) -> None:
    arena, order = in_doubt()

    answer = told(arena, **{"order": order, **terms})

    assert not answer.ok
    assert says in answer.detail
    assert list(arena.state.accounts[arena.account].intents) == [order]
    assert arena.records(Control) == []


def test_an_order_that_is_partly_filled_was_accepted_whatever_the_operator_says() -> None:
    arena, order = in_doubt()
    arena.state.accounts[arena.account].intents[order].filled += 1

    answer = told(arena, order)

    assert not answer.ok
    assert "was accepted: 1 of it is filled" in answer.detail


def test_an_order_that_is_still_under_way_is_left_to_whoever_sent_it() -> None:
    arena, order = in_doubt()
    arena.gateway.in_flight[order] = None

    answer = told(arena, order)

    assert not answer.ok
    assert "is under way" in answer.detail
