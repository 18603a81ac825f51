"""Lessons in an arena: said when a trade closes, kept over restarts, and shown to whoever decides next."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from engine.backtest.driver import step
from engine.manager.control import Command, obey
from engine.manager.desk import context_of
from engine.manager.fold import RECENT_TRADES
from engine.manager.record import Filled, Learned
from tests.arena.chat import Speaker, a_buy, model_decider, says
from tests.arena.scripts import Scripted, buy, close, sell
from tests.arena.small_arena import BRACKETED, LOOSE, SmallArena, Trader
from tests.executor.prompt.scene import prompt_set

ENTRY = replace(buy(quantity="10", stop="95", target="110", confidence=0.7), justification="it looked good")
FALLS: list[Any] = [100.0, 100.0, (100.0, 100.0, 94.0, 97.0), 97.0, 97.0]


def lessons(arena: SmallArena) -> list[Any]:
    return [learned.lesson for learned in arena.records(Learned, "ann")]


def stopped_out() -> SmallArena:
    """Ten coins from 100 USD, stopped at 95: 50 USD and the fees of 1 and 0.95 USD are gone."""
    trader = Trader(decider=Scripted({0: ENTRY}), limits=BRACKETED)
    return SmallArena({"ann": trader}, {"BTC": FALLS}).play(4)


def test_a_trade_that_closed_is_followed_at_once_by_its_lesson() -> None:
    arena = stopped_out()

    kinds = [type(entry.record) for entry in arena.entries if isinstance(entry.record, Filled | Learned)]
    assert kinds == [Filled, Filled, Learned]
    [lesson] = lessons(arena)
    assert (lesson.coin, lesson.quantity, lesson.entry_price, lesson.exit_price) == ("BTC", 10, 100, 95)
    assert (lesson.ending, lesson.net_usd) == ("stop", Decimal("-51.95"))
    assert (lesson.planned_risk_usd, lesson.planned_reward_usd, lesson.multiple) == (50, 100, Decimal("-1.04"))
    assert lesson.plan is not None
    assert (lesson.plan.justification, lesson.plan.confidence) == ("it looked good", 0.7)


def test_the_numbers_of_a_lesson_are_those_of_the_ledger() -> None:
    arena = stopped_out()
    [lesson] = lessons(arena)

    assert lesson.net_usd == arena.ledger("ann").realized_usd - arena.ledger("ann").fees_usd
    assert lesson.trade_id == arena.state.traders[arena.desks["ann"].trader].recent_trades[-1].trade_id


def test_a_flip_teaches_about_the_side_that_closed_and_a_partial_close_about_nothing() -> None:
    script = {0: buy(quantity="2"), 1: close(quantity="1"), 2: sell(quantity="3")}
    arena = SmallArena({"ann": Trader(decider=Scripted(script), limits=LOOSE)}).play(5)

    [lesson] = lessons(arena)

    assert (lesson.quantity, lesson.ending, lesson.plan) == (2, "ahead_of_stop", None)
    assert arena.held("ann") == -3


def test_a_stop_that_takes_the_rest_has_missed_nothing_by_what_was_closed_before() -> None:
    """Half is closed at 97 by decision, half stopped at 95: on average at 96, and the stop was not missed."""
    prices = {"BTC": [100.0, 100.0, 97.0, 97.0, (97.0, 97.0, 94.0, 94.0), 94.0]}
    trader = Trader(decider=Scripted({0: ENTRY, 2: close(quantity="5")}), limits=BRACKETED)
    arena = SmallArena({"ann": trader}, prices).play(5)

    [lesson] = lessons(arena)

    assert (lesson.ending, lesson.exit_price, lesson.slip_usd) == ("stop", 96, None)


def test_a_position_closed_by_the_operator_says_so() -> None:
    arena = SmallArena({"ann": {0: buy()}}).play(2)
    ask = Command(request="1", verb="flatten", trader="ann", by="op", reason="", expires_ms=arena.clock.now_ms() + 1)

    step(obey(arena.arena, ask))

    assert [lesson.ending for lesson in lessons(arena)] == ["operator"]


def test_each_trader_learns_from_its_own_trades_alone() -> None:
    arena = SmallArena({"ann": {0: buy(), 1: close()}, "bob": {0: buy()}}).play(3)

    assert len(lessons(arena)) == 1
    assert arena.records(Learned, "bob") == []


def test_the_next_look_holds_the_last_lessons() -> None:
    rounds = {minute: buy() if minute % 2 == 0 else close() for minute in range(2 * RECENT_TRADES + 6)}
    arena = SmallArena({"ann": rounds}).play(2 * RECENT_TRADES + 6).observe()

    context = context_of(arena.desks["ann"], arena.state, arena.clock.now_ms(), arena.clock.now_ms())

    assert len(lessons(arena)) == RECENT_TRADES + 3
    assert list(context.lessons) == lessons(arena)[-RECENT_TRADES:]
    assert [lesson.trade_id for lesson in context.lessons] == [trade.trade_id for trade in context.recent_trades]


def test_a_trade_that_closed_right_before_a_crash_is_learned_from_at_the_next_start() -> None:
    arena = stopped_out()
    place = next(place for place, entry in enumerate(arena.entries) if isinstance(entry.record, Learned))
    learned = lessons(arena)
    del arena.entries[place:]

    restarted = SmallArena({"ann": {}}, {"BTC": FALLS}, after=arena)
    again = SmallArena({"ann": {}}, {"BTC": FALLS}, after=restarted)

    assert lessons(restarted) == learned
    assert lessons(again) == learned  # once is enough
    assert again.state.traders[again.desks["ann"].trader].unlearned == ()


def test_a_model_is_shown_what_its_closed_trade_taught() -> None:
    speaker = Speaker(
        says(a_buy(quantity=10.0, stop_loss=95, profit_target=110, justification="it looked good")), says()
    )
    decider = replace(model_decider(speaker), prompts=prompt_set(), series_interval_ms=60_000)
    arena = SmallArena({"ann": Trader(decider=decider, limits=BRACKETED)}, {"BTC": FALLS}).play(4)

    last = speaker.asked[-1][1].content

    assert "  plan: stop 95, target 110, risking 50.00 USD for 100.00 USD, confidence 90 %\n" in last
    assert "  outcome: the stop was hit; -1.04 times the planned risk, after fees\n" in last
    assert '  reason at entry (your own note): "it looked good"\n' in last
    assert len(lessons(arena)) == 1


@pytest.mark.parametrize("kind", ["strategy", "model"])
def test_whoever_decides_lessons_are_taken(kind: str) -> None:
    speaker = Speaker(says(a_buy()), says({"symbol": "BTC", "signal": "close", "confidence": 0.9}), says())
    decider: Any = Scripted({0: buy(), 1: close()}) if kind == "strategy" else model_decider(speaker)

    arena = SmallArena({"ann": Trader(decider=decider)}).play(4)

    assert len(lessons(arena)) == 1
