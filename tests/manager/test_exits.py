"""Exits: when a plan comes true and at what price, and what happens to positions without anybody deciding."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from engine.backtest.driver import step
from engine.manager.control import Command, obey
from engine.manager.exits import Hit, hit_at, hit_within
from engine.manager.record import Control, Incident, Liquidated, Transferred
from engine.model.decision import ExitPlan
from engine.model.position import Position
from tests.arena.scripts import Scripted, buy, sell
from tests.arena.small_arena import BRACKETED, LOOSE, STOPPED, TEN_BPS, SmallArena, Trader

LONG = Position(coin="BTC", quantity=Decimal(1), cost_usd=Decimal(100), leverage=1)
SHORT = Position(coin="BTC", quantity=Decimal(-1), cost_usd=Decimal(-100), leverage=1)
LONG_PLAN = ExitPlan(stop_loss=Decimal(95), profit_target=Decimal(110))
SHORT_PLAN = ExitPlan(stop_loss=Decimal(105), profit_target=Decimal(90))

# (position, plan, open, low, high) and what it comes to
BARS: dict[str, Any] = {
    "long, nothing": (LONG, LONG_PLAN, 100, "95.1", "109.9", None),
    "long, stop touched exactly": (LONG, LONG_PLAN, 100, "95", "101", ("stop", 95)),
    "long, target touched exactly": (LONG, LONG_PLAN, 100, "99", "110", ("target", 110)),
    "long, both inside: the stop counts": (LONG, LONG_PLAN, 100, "94", "111", ("stop", 95)),
    "long, opened below the stop: at the open": (LONG, LONG_PLAN, 93, "92", "96", ("stop", 93)),
    "long, opened above the target: at the open": (LONG, LONG_PLAN, 112, "111", "113", ("target", 112)),
    "short, nothing": (SHORT, SHORT_PLAN, 100, "90.1", "104.9", None),
    "short, stop touched exactly": (SHORT, SHORT_PLAN, 100, "99", "105", ("stop", 105)),
    "short, target touched exactly": (SHORT, SHORT_PLAN, 100, "90", "101", ("target", 90)),
    "short, both inside: the stop counts": (SHORT, SHORT_PLAN, 100, "89", "106", ("stop", 105)),
    "short, opened above the stop: at the open": (SHORT, SHORT_PLAN, 107, "104", "108", ("stop", 107)),
    "short, opened below the target: at the open": (SHORT, SHORT_PLAN, 88, "87", "89", ("target", 88)),
    "no plan": (LONG, ExitPlan(), 100, "1", "1000", None),
}


@pytest.mark.parametrize("what", BARS)
def test_a_bar_meets_a_plan(what: str) -> None:
    position, plan, opened, low, high, expected = BARS[what]

    hit = hit_within(position, plan, opened=Decimal(opened), low=Decimal(low), high=Decimal(high))

    assert hit == (None if expected is None else Hit(coin="BTC", cause=expected[0], price=Decimal(expected[1])))


@pytest.mark.parametrize(("mark", "cause"), [("95.1", None), ("95", "stop"), ("109.9", None), ("110", "target")])
def test_a_mark_meets_a_plan(mark: str, cause: str | None) -> None:
    hit = hit_at(LONG, LONG_PLAN, Decimal(mark))

    assert (None if hit is None else hit.cause) == cause


def bracketed(quantity: str = "10", **prices: str) -> Trader:
    decision = sell(quantity=quantity, **prices) if Decimal(prices["stop"]) > 100 else buy(quantity=quantity, **prices)
    return Trader(decider=Scripted({0: decision}), limits=BRACKETED)


PLAYED = {
    "a stop inside a bar": ({"stop": "95", "target": "110"}, (100.0, 100.0, 94.0, 97.0), "stop", 95),
    "a target inside a bar": ({"stop": "95", "target": "110"}, (100.0, 111.0, 99.0, 109.0), "target", 110),
    "both inside one bar": ({"stop": "95", "target": "110"}, (100.0, 111.0, 94.0, 100.0), "stop", 95),
    "a gap through the stop": ({"stop": "95", "target": "110"}, (92.0, 93.0, 91.0, 92.0), "stop", 92),
    "a short's stop": ({"stop": "105", "target": "90"}, (100.0, 106.0, 99.0, 101.0), "stop", 105),
    "a short's target": ({"stop": "105", "target": "90"}, (100.0, 101.0, 89.0, 91.0), "target", 90),
}


@pytest.mark.parametrize("what", PLAYED)
def test_a_backtest_executes(what: str) -> None:
    plan, bar, cause, price = PLAYED[what]
    arena = SmallArena({"ann": bracketed(**plan)}, {"BTC": [100.0, 100.0, bar, bar[3]]})

    arena.play(4)

    assert [intended.cause for intended in arena.orders("ann")] == ["decision", cause]
    assert arena.fills()[-1].price == price
    assert arena.held("ann") == arena.venue_holds() == 0
    assert arena.state.traders[arena.desks["ann"].trader].plans == {}


def test_the_watch_closes_at_a_mark_beyond_the_stop_and_at_no_other() -> None:
    arena = SmallArena(
        {"ann": bracketed(stop="95", target="110")}, {"BTC": [(100.0, 120.0, 80.0, 100.0)] * 3}
    ).observe()
    arena.slot("ann")

    arena.at(1.1).touch("BTC", "95.5").tick()
    before = arena.held("ann")
    arena.at(1.2).touch("BTC", "95").tick()
    arena.tick()

    assert (before, arena.held("ann")) == (10, 0)
    assert [intended.cause for intended in arena.orders("ann")] == ["decision", "stop"]


def test_a_stop_closes_its_own_trader_s_position_and_nobody_else_s() -> None:
    arena = SmallArena(
        {"ann": bracketed(stop="95", target="110"), "bob": {0: buy(quantity="7")}, "eve": {0: sell(quantity="3")}},
        {"BTC": [100.0, 100.0, (100.0, 100.0, 94.0, 94.0), 94.0]},
    )

    arena.play(4)

    assert (arena.held("ann"), arena.held("bob"), arena.held("eve"), arena.venue_holds()) == (0, 7, -3, 4)
    assert arena.drifts() == []


def test_a_stop_that_finds_little_liquidity_goes_on_until_the_position_is_gone() -> None:
    """Four coins a bar can be sold: ten take three bars."""
    thin = replace(TEN_BPS, max_participation_pct=Decimal(10))
    script = Scripted({minute: buy(quantity="4", stop="95") for minute in (0, 1)} | {2: buy(quantity="2", stop="95")})
    arena = SmallArena(
        {"ann": Trader(decider=script, limits=STOPPED)},
        {"BTC": [100.0, 100.0, 100.0, (100.0, 100.0, 94.0, 94.0), 94.0, 94.0, 94.0, 94.0]},
        costs=thin,
        volume=40.0,
    )

    arena.play(8)

    assert [filled.quantity for filled in arena.fills()] == [4, 4, 2, 4, 4, 2]
    assert arena.held("ann") == arena.venue_holds() == 0


# Liquidation


def leveraged(quantity: str) -> Trader:
    """A thousand dollars that carry up to 40 times as much."""
    return Trader(
        decider=Scripted({0: buy(quantity=quantity)}),
        limits=replace(LOOSE, major_coin_leverage=40),
        capital_usd=Decimal(1_000),
    )


def test_a_virtual_account_below_maintenance_is_closed_out_and_frozen() -> None:
    """200 BTC at 100 are 20,000 USD; maintenance is an eightieth of that. At 96.1 they lost 780, and 20 of fees."""
    arena = SmallArena(
        {"ann": leveraged("200"), "bob": {0: buy(quantity="5")}}, {"BTC": [(100.0, 100.0, 90.0, 90.0)] * 3}
    )
    arena.observe()
    for name in ("ann", "bob"):
        arena.slot(name)

    arena.at(1).touch("BTC", "96.5").tick()
    alive = arena.held("ann")
    arena.at(1.1).touch("BTC", "96.1").tick()

    assert (alive, arena.held("ann"), arena.held("bob")) == (200, 0, 5)
    assert len(arena.records(Liquidated, "ann")) == 1
    standing = arena.state.traders[arena.desks["ann"].trader].standing
    assert (standing.status, standing.reason) == ("stopped", "liquidated")
    assert standing.trades == 1
    assert arena.state.traders[arena.desks["ann"].trader].recent_trades[0].liquidation
    assert arena.records(Incident) == []  # it could pay for itself


def test_what_a_liquidated_trader_lost_beyond_its_own_money_is_the_house_s_loss() -> None:
    """At 90 the loss is 2,000 USD and the fees are 20 and 18: 1,038 USD are missing."""
    arena = SmallArena({"ann": leveraged("200"), "bob": {}}, {"BTC": [(100.0, 100.0, 90.0, 90.0)] * 3}).observe()
    arena.slot("ann")

    arena.at(1).touch("BTC", "90").tick()

    assert arena.ledger("ann").cash_usd == 0
    assert arena.ledger("house").cash_usd == -1_038
    assert arena.records(Transferred)[-1].usd == 1_038
    assert arena.incidents() == ["shortfall"]
    assert arena.ledger("bob").cash_usd == 10_000
    assert arena.drifts() == []


@pytest.mark.parametrize("command", ["flatten", "stop", "pause"])
def test_a_liquidation_goes_on_whatever_is_said_to_its_trader_meanwhile(command: Any) -> None:
    """The venue refused the orders that were to close it out; then the price came back."""
    arena = being_liquidated()

    arena.say(Control(command=command, reason="drill", by="operator"), "ann")
    arena.touch("BTC", "99").tick()

    assert arena.orders("ann")[-1].cause == "liquidation"
    assert arena.held("ann") == 0


def test_a_trader_that_is_started_again_keeps_what_its_liquidation_left() -> None:
    arena = being_liquidated()

    arena.say(Control(command="start", reason="drill", by="operator"), "ann")
    arena.touch("BTC", "99").tick()

    assert arena.held("ann") == 200


def being_liquidated() -> SmallArena:
    """Ann holds 200 BTC; her liquidation was said, and no order of it went through."""
    arena = SmallArena({"ann": leveraged("200")}, {"BTC": [(100.0, 100.0, 90.0, 100.0)] * 3}).observe()
    arena.slot("ann")
    arena.at(1)
    nothing = Decimal(0)
    arena.say(Liquidated(account="paper", coins=("BTC",), equity_usd=nothing, maintenance_usd=nothing), "ann")
    return arena


def test_what_a_fill_told_late_leaves_with_a_stopped_trader_is_closed() -> None:
    arena = SmallArena({"ann": {0: buy(quantity="5")}}).observe()
    arena.slot("ann")

    arena.say(Control(command="stopped", reason="drill", by="engine"), "ann")
    arena.at(1).tick()

    assert arena.held("ann") == 0
    assert arena.state.traders[arena.desks["ann"].trader].standing.status == "stopped"


def test_a_backtest_liquidates_between_slots() -> None:
    arena = SmallArena(
        {"ann": leveraged("200"), "bob": {0: sell(quantity="5")}},
        {"BTC": [100.0, 100.0, (100.0, 100.0, 90.0, 95.0), 95.0, 95.0]},
    )

    arena.play(5)

    assert [intended.cause for intended in arena.orders("ann")] == ["decision", "liquidation"]
    assert (arena.held("ann"), arena.held("bob")) == (0, -5)
    assert arena.outcomes("ann")[-2:] == ["skipped", "skipped"]
    assert arena.drifts() == []


# What an operator says


def told(arena: SmallArena, verb: str, trader: str = "ann") -> str:
    now_ms = arena.clock.now_ms()
    answer = step(
        obey(arena.arena, Command(request="1", verb=verb, trader=trader, by="test", expires_ms=now_ms))  # type: ignore[arg-type]
    )
    return answer.detail


def trading() -> SmallArena:
    """Ann holds 10 and would buy more at minutes 2 and 4, bob is short 4."""
    script = {0: buy(quantity="10"), 2: buy(quantity="1"), 4: buy(quantity="1")}
    arena = SmallArena({"ann": script, "bob": {0: sell(quantity="4")}}).observe()
    arena.slot("ann")
    arena.slot("bob")
    return arena.at(1)


def test_stop_closes_a_trader_s_own_positions_and_then_halts_it() -> None:
    arena = trading()

    detail = told(arena, "stop")

    assert detail == "ann is stopped and holds 0 positions"
    assert (arena.held("ann"), arena.held("bob"), arena.venue_holds()) == (0, -4, -4)


def test_flatten_closes_and_lets_the_trader_go_on() -> None:
    arena = trading()

    detail = told(arena, "flatten")

    assert detail == "ann is running and holds 0 positions"
    assert (arena.held("ann"), arena.held("bob")) == (0, -4)
    arena.play(3)
    assert arena.held("ann") == 1


def test_pause_keeps_positions_and_skips_slots_until_resume() -> None:
    arena = trading()

    detail = told(arena, "pause")
    arena.play(3)

    assert detail == "ann is paused and holds 1 positions"
    assert arena.outcomes("ann")[-2:] == ["skipped", "skipped"]
    assert arena.held("ann") == 10

    told(arena, "resume")
    arena.play(5)

    assert arena.held("ann") == 11


def test_the_stops_of_a_paused_trader_stay_watched() -> None:
    arena = SmallArena(
        {"ann": bracketed(stop="95", target="110")}, {"BTC": [100.0, 100.0, (100.0, 100.0, 94.0, 94.0), 94.0]}
    ).observe()
    arena.slot("ann")
    told(arena.at(1), "pause")

    arena.play(4)

    assert arena.held("ann") == 0


@pytest.mark.parametrize(
    ("verb", "trader", "late_ms", "answer"),
    [
        ("stop", "eve", 0, "there is no trader 'eve'; known: ann, bob"),
        ("stop", "ann", 1, "the request expired at"),
        ("pause", "ann", 0, "ann is stopped; only a running trader can be paused"),
    ],
)
def test_a_command_that_cannot_be_followed_changes_nothing(verb: str, trader: str, late_ms: int, answer: str) -> None:
    arena = trading()
    if verb == "pause":
        told(arena, "stop")
    before, now_ms = len(arena.entries), arena.clock.now_ms()
    command = Command(request="1", verb=verb, trader=trader, by="test", expires_ms=now_ms - late_ms)  # type: ignore[arg-type]

    found = step(obey(arena.arena, command))

    assert not found.ok
    assert found.detail.startswith(answer)
    assert len(arena.entries) == before


# Prices that are missing

TWO_COINS: dict[str, Any] = {"BTC": [100.0] * 5, "ETH": [(10.0, 10.0, 8.0, 10.0)] * 5}


def holding_two() -> SmallArena:
    """Ann holds BTC and ETH, each with a stop; at minute 2 BTC has no price any more."""
    script = Scripted({0: [buy("BTC", "1", stop="95"), buy("ETH", "10", stop="9")]})
    arena = SmallArena({"ann": Trader(decider=script, limits=STOPPED)}, TWO_COINS).observe()
    arena.slot("ann")
    return arena.at(2).darken("BTC")


def test_a_coin_without_a_price_does_not_keep_the_stop_of_another_from_firing() -> None:
    arena = holding_two()

    arena.touch("ETH", "8.5").tick()

    assert (arena.held("ann", "BTC"), arena.held("ann", "ETH")) == (1, 0)


@pytest.mark.parametrize("verb", ["stop", "flatten"])
def test_a_coin_without_a_price_is_closed_later_and_the_others_now(verb: str) -> None:
    arena = holding_two()

    told(arena, verb)

    assert (arena.held("ann", "BTC"), arena.held("ann", "ETH")) == (1, 0)
