"""The fold: the same records give the same state, whoever folds them and however often they were written down."""

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.manager.fold import FOLDS, apply
from engine.manager.record import (
    KINDS,
    Entry,
    Filled,
    Intended,
    Record,
    RecordUnreadable,
    SlotClosed,
    decode,
    encode,
    kind_of,
)
from engine.manager.state import State
from engine.model.decision import Decision
from engine.model.ids import AccountId, TraderId
from engine.model.order import Fill
from engine.model.standing import DAY_MS
from tests.arena.scripts import T0, Scripted, buy, close, sell
from tests.arena.small_arena import STOPPED, SmallArena, Trader, refolded


def a_lively_arena(seed: int, minutes: int = 400) -> SmallArena:
    """Three traders that enter, flip, stop out and close at random on a random walk."""
    rng = random.Random(seed)
    prices: list[float] = [100.0]
    while len(prices) < minutes:
        prices.append(round(prices[-1] * (1 + rng.uniform(-0.01, 0.01)), 2))
    bars = [(price, round(price * 1.006, 2), round(price * 0.994, 2), price) for price in prices]

    def script() -> dict[int, Decision]:
        decided = {}
        for minute in rng.sample(range(minutes), minutes // 4):
            price = prices[minute]
            quantity = str(rng.randint(1, 20))
            decided[minute] = rng.choice(
                [
                    buy(quantity=quantity, stop=str(round(price * 0.985, 2))),
                    sell(quantity=quantity, stop=str(round(price * 1.015, 2))),
                    close(),
                ]
            )
        return decided

    traders = {name: Trader(decider=Scripted(script()), limits=STOPPED) for name in ("ann", "bob", "eve")}
    return SmallArena(traders, {"BTC": bars}, seed=seed)


def test_records_read_again_from_a_journal_fold_to_the_same_state(seed: int) -> None:
    arena = a_lively_arena(seed).play(400)

    again = refolded(arena.entries)

    assert len(arena.records(Filled)) > 50
    assert again == arena.state
    assert arena.drifts() == []


def test_every_prefix_folds_and_the_rest_on_top_of_it_gives_the_whole(seed: int) -> None:
    """Scenario 16: a state that was left anywhere goes on as if it had never been left."""
    arena = a_lively_arena(seed, 60).play(60)
    entries = arena.entries

    for cut in range(0, len(entries), 7):
        state = refolded(entries[:cut])
        for entry in entries[cut:]:
            apply(state, entry)
        assert state == arena.state, f"cut at {cut}"


def test_a_thousand_cycles_replay_to_the_same_state_and_the_same_records(seed: int) -> None:
    """Scenario 16."""
    first, second = (a_lively_arena(seed).play(400) for _ in range(2))

    assert len(first.records(SlotClosed)) == 1_200
    assert [encode(entry.record) for entry in first.entries] == [encode(entry.record) for entry in second.entries]
    assert first.state == second.state


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_record_has_a_fold(kind: str) -> None:
    assert KINDS[kind] in FOLDS


def test_a_record_survives_being_written_down() -> None:
    arena = a_lively_arena(7, 60).play(60)

    for entry in arena.entries:
        record: Record = entry.record
        assert decode(kind_of(record), encode(record)) == record


def test_a_line_of_another_version_is_refused_by_name() -> None:
    with pytest.raises(RecordUnreadable, match="'Moved' is unknown"):
        decode("Moved", b"{}")
    with pytest.raises(RecordUnreadable, match="Filled record does not have its shape"):
        decode("Filled", b'{"account": 1}')


def test_money_is_written_as_text_so_that_nothing_is_lost() -> None:
    arena = SmallArena({"ann": {0: buy(quantity="10")}}).observe()
    arena.slot("ann")

    written = msgspec.json.decode(encode(arena.records(Intended, "ann")[0]))

    assert written["envelope"]["action"]["quantity"] == "10.000"


# What single records do


def filled(state: State, trade: str, side: str, quantity: str, price: str, order: str, ts: int) -> None:
    fill = Fill(
        trade_id=trade,
        order_id=1,
        client_order_id=order,
        coin="BTC",
        side=side,  # type: ignore[arg-type]
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee_usd=Decimal(1),
        time_ms=ts,
    )
    apply(state, Entry(seq=0, ts=ts, trader=TraderId("ann"), record=Filled(account=AccountId("paper"), fill=fill)))


def test_an_order_filled_in_parts_is_under_way_until_its_last_part() -> None:
    arena = SmallArena({"ann": Trader(decider=Scripted({0: buy(entry_price="99")}), order_style="limit_gtc")}).observe()
    arena.slot("ann")
    name = arena.orders("ann")[0].client_order_id

    filled(arena.state, "a", "buy", "0.4", "99", name, T0)
    after_one = arena.state.pending("paper")[0].remaining
    filled(arena.state, "b", "buy", "0.6", "99", name, T0)

    assert after_one == Decimal("0.6")
    assert arena.state.pending("paper") == ()
    assert arena.held("ann") == 1


def test_the_sums_of_a_day_start_anew_with_the_utc_day() -> None:
    arena = SmallArena({"ann": {0: buy(quantity="10")}}).observe()
    arena.slot("ann")
    name = arena.orders("ann")[0].client_order_id
    standing: Any = arena.state.traders[arena.desks["ann"].trader].standing
    today = (standing.day_turnover_usd, standing.day_fees_usd, standing.day_opens)

    filled(arena.state, "z", "sell", "1", "100", name, T0 + DAY_MS)

    assert today == (1_000, 1, 1)
    assert (standing.day_turnover_usd, standing.day_fees_usd, standing.day_opens) == (100, 1, 0)


def test_adding_without_a_new_plan_keeps_the_plan_and_turning_around_drops_it() -> None:
    script = Scripted({0: buy(quantity="2", stop="95"), 1: close(quantity="1"), 2: sell(quantity="3", stop="104")})
    arena = SmallArena({"ann": Trader(decider=script, limits=STOPPED)}).observe()
    plans = arena.state.traders[arena.desks["ann"].trader].plans
    stops = []
    for minute in range(3):
        arena.at(minute).slot("ann")
        stops.append(plans["BTC"].stop_loss)

    assert stops == [95, 95, 104]
    assert arena.held("ann") == -3
