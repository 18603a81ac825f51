"""Selectors in the cycle: weighed when it is time, scaled into one position, and the same after a restart."""

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.executor.ports import ModelUnavailable
from engine.executor.selector.blend import net_quantities
from engine.executor.selector.library import Candidate, Library
from engine.executor.selector.selector import Selector
from engine.executor.strategies import build
from engine.manager.record import Answered, Filled, Intended, Planned, Reported, Selected, SlotClosed, SlotOpened
from engine.model.decision import Decision
from engine.model.selection import Selection
from tests.arena.chat import Speaker, model_decider
from tests.arena.scripts import MINUTE_MS, T0
from tests.arena.small_arena import LOOSE, STOPPED, SmallArena, Trader, refolded
from tests.executor.selector.libraries import Timed, a_library, holding
from tests.executor.strategies.markets import a_walk

START = 60  # minutes of history, so that regimes can be told
WAVES = [100.0, 101.0] * 120  # ranges of one USD and averages that do not move: a range
CALM = {"BTC": [100.0] * 240}


def gives(**weights: float) -> bytes:
    return msgspec.json.encode({"weights": weights, "summary": "", "chain_of_thought": ""})


def timed(script: dict[int, Decision]) -> Timed:
    """A script by minutes since the arena began."""
    return Timed(T0 + START * MINUTE_MS, script)


def a_selector(strategies: dict[str, Timed], scores: Any = None, reweigh_minutes: int = 10) -> Selector:
    return Selector(
        library=a_library(strategies, scores, regime_interval_ms=MINUTE_MS),
        top=3,
        reweigh_ms=reweigh_minutes * MINUTE_MS,
        least_change=Decimal("0.05"),
    )


def an_arena(decider: Any, prices: Any = None, **terms: Any) -> SmallArena:
    """An arena in which ann selects, an hour into its market."""
    traders: dict[str, Any] = {"ann": Trader(decider=decider, **terms), "bob": {}}
    return SmallArena(traders, prices or CALM, from_ms=T0 + START * MINUTE_MS).observe()


def asking(model: Speaker, selector: Selector) -> Any:
    return replace(model_decider(model), selector=selector)


def selection(arena: SmallArena) -> Selection:
    return arena.state.traders["ann"].selection  # type: ignore[index]


def test_a_model_weighs_and_the_strategies_decide() -> None:
    up, down = timed({0: holding("BTC", "10")}), timed({0: holding("BTC", "-10")})
    model = Speaker(gives(up=80, down=20))
    arena = an_arena(asking(model, a_selector({"up": up, "down": down})))

    closed = arena.slot("ann")

    # Four fifths of ten long less a fifth of ten short.
    assert (closed.outcome, arena.held("ann")) == ("acted", 6)
    kinds = [type(entry.record) for entry in arena.entries if entry.trader == "ann"]
    assert kinds == [SlotOpened, Answered, Selected, Planned, Intended, Reported, Filled, SlotClosed]
    assert (selection(arena).by, selection(arena).weights) == ("model", {"up": 0.8, "down": 0.2})


def test_between_weighings_no_model_is_asked_and_the_strategies_go_on() -> None:
    up = timed({0: holding("BTC", "10"), 3: Decision(symbol="BTC", signal="close")})
    model = Speaker(gives(up=1))
    arena = an_arena(asking(model, a_selector({"up": up})))

    arena.play(START + 5)

    assert len(model.asked) == 1
    assert len(up.asked) == 5
    assert [closed.outcome for closed in arena.records(SlotClosed, "ann")] == ["acted", "held", "held", "acted", "held"]
    assert arena.held("ann") == 0


def test_the_weights_are_asked_for_anew_every_period() -> None:
    model = Speaker(gives(up=1), gives(up=0.5, idle=0.5), gives(idle=1))
    arena = an_arena(asking(model, a_selector({"up": timed({0: holding("BTC", "10")}), "idle": timed({})})))

    arena.play(START + 21)

    assert len(model.asked) == 3
    assert [intended.envelope.action.quantity for intended in arena.orders("ann")] == [10, 5, 5]  # type: ignore[union-attr]
    assert arena.held("ann") == 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"all on up", "reply: reply: there is no JSON object with weights"),
        (gives(other=1), "reply: weights.other: no such strategy"),
        (ModelUnavailable("no route"), "model: no route"),
    ],
)
def test_a_weighing_that_fails_changes_no_weight_and_the_strategies_act_all_the_same(answer: Any, why: str) -> None:
    up = timed({0: holding("BTC", "10"), 10: Decision(symbol="BTC", signal="close")})
    arena = an_arena(asking(Speaker(gives(up=1), answer), a_selector({"up": up})))

    arena.play(START + 12)

    closed = arena.records(SlotClosed, "ann")
    assert closed[10].outcome == "acted"
    assert closed[10].why.startswith(f"the weights stay as they were: {why}")
    assert [found.outcome for found in closed[11:]] == ["held"]  # the model is left in peace
    assert (selection(arena).weights, arena.held("ann")) == ({"up": 1.0}, 0)


def test_a_selector_without_a_model_goes_by_scores_in_the_regime_of_its_coins() -> None:
    swing, trend = timed({0: holding("BTC", "8")}), timed({0: holding("BTC", "-8")})
    scores = {"swing": {"range": 3.0}, "trend": {"range": 1.0, "trend_up": 5.0}}
    arena = an_arena(a_selector({"swing": swing, "trend": trend}, scores), {"BTC": WAVES})

    arena.slot("ann")

    # Three quarters of eight long, a quarter of eight short.
    assert (selection(arena).by, selection(arena).regimes) == ("scores", {"BTC": "range"})
    assert arena.held("ann") == 4
    assert arena.records(Answered, "ann") == []


def test_a_regime_that_cannot_be_told_gives_nobody_a_weight() -> None:
    arena = an_arena(a_selector({"swing": timed({0: holding("BTC", "8")})}, {"swing": {"range": 3.0}}))

    closed = arena.slot("ann")

    assert (closed.outcome, selection(arena).weights) == ("held", {})
    assert arena.orders("ann") == []


def test_limits_bind_whatever_the_weights_are() -> None:
    model = Speaker(gives(up=1))
    limits = replace(STOPPED, max_position_size_usd=Decimal(500), stop_loss_enabled=False)
    arena = an_arena(asking(model, a_selector({"up": timed({0: holding("BTC", "10")})})), limits=limits)

    closed = arena.slot("ann")

    assert (closed.outcome, arena.denials("ann")) == ("denied", ["position_size"])
    assert arena.held("ann") == 0


def test_a_denied_entry_leaves_no_sleeve_and_is_not_recorded_in_every_slot() -> None:
    limits = replace(LOOSE, max_position_size_usd=Decimal(500))
    up = timed({minute: holding("BTC", "10") for minute in range(8)})
    arena = an_arena(asking(Speaker(gives(up=1)), a_selector({"up": up})), limits=limits)

    arena.play(START + 8)

    assert [closed.outcome for closed in arena.records(SlotClosed, "ann")] == ["denied"] * 8
    assert len(arena.records(Selected, "ann")) == 1
    assert selection(arena).sleeves == ()


def test_an_increase_that_is_denied_leaves_the_sleeves_that_hold_something() -> None:
    limits = replace(LOOSE, max_position_size_usd=Decimal(500))
    up = timed({0: holding("BTC", "5"), 2: holding("BTC", "10")})
    arena = an_arena(asking(Speaker(gives(up=1)), a_selector({"up": up})), limits=limits)

    arena.play(START + 4)

    assert [sleeve.quantity for sleeve in selection(arena).sleeves] == [Decimal(10)]
    assert arena.held("ann") == 5
    assert arena.denials("ann") == ["position_size"] * 2  # and is asked for again in every slot


def test_after_a_stop_the_strategies_are_out_and_may_enter_anew() -> None:
    script = {0: holding("BTC", "10", stop="95"), 5: holding("BTC", "10", stop="80")}
    prices = {"BTC": [100.0] * (START + 2) + [(100.0, 100.0, 94.0, 94.0)] + [94.0] * 60}
    up = timed(script)
    arena = an_arena(asking(Speaker(gives(up=1)), a_selector({"up": up})), prices, limits=STOPPED)

    arena.play(START + 7)

    assert [intended.cause for intended in arena.orders("ann")] == ["decision", "stop", "decision"]
    assert {} in [dict(seen.account.positions) for seen in up.asked[3:5]]  # it knows that it is out
    assert arena.held("ann") == 10


def test_a_restart_goes_on_with_the_same_weights_and_sleeves() -> None:
    up = timed({0: holding("BTC", "10"), 3: Decision(symbol="BTC", signal="close", target_quantity=Decimal(4))})
    model = Speaker(gives(up=1))
    arena = an_arena(asking(model, a_selector({"up": up}))).play(START + 2)

    again = refolded(arena.entries)

    assert again.traders["ann"].selection == selection(arena)  # type: ignore[index]
    assert [sleeve.quantity for sleeve in selection(arena).sleeves] == [Decimal(10)]
    arena.play(START + 5)
    assert arena.held("ann") == 4


def test_what_changes_nothing_is_not_said_again() -> None:
    arena = an_arena(asking(Speaker(gives(up=1)), a_selector({"up": timed({0: holding("BTC", "10")})})))

    arena.play(START + 8)

    assert len(arena.records(Selected, "ann")) == 1


def test_over_any_market_the_account_holds_the_weighted_sum_of_the_sleeves(seed: int) -> None:
    """Real strategies on a wandering price: after each slot the position is what the sleeves add up to, or nearly."""
    names = ("ema_trend", "bollinger_range", "momentum", "mean_reversion", "volatility", "grid")
    library = Library(
        name="test 1 (0)",
        regime_interval_ms=MINUTE_MS,
        candidates=tuple(
            Candidate(label=name, strategy=build(name, {"position_pct": 50}, seed=0), about=name) for name in names
        ),
    )
    rng = random.Random(seed)
    replies = [gives(**{name: rng.choice([0, 1, 2, 5]) for name in names}) for _ in range(40)]
    selector = Selector(library=library, top=3, reweigh_ms=15 * MINUTE_MS, least_change=Decimal("0.05"))
    prices = {"BTC": a_walk(seed, 400).round(1).tolist(), "ETH": a_walk(seed + 1, 400, start=10.0).round(2).tolist()}
    arena = an_arena(asking(Speaker(*replies), selector), prices, limits=LOOSE)

    for minute in range(START, 390):
        arena.observe().at(minute)
        closed = arena.slot("ann")
        now = selection(arena)
        net = net_quantities(now.sleeves, now.weights)
        assert closed.outcome in ("acted", "held"), closed
        assert sum(now.weights.values()) == pytest.approx(1.0 if now.weights else 0.0)
        assert len(now.weights) <= 3
        for coin in ("BTC", "ETH"):
            wanted, held = net.get(coin, Decimal(0)), Decimal(arena.held("ann", coin))
            mark = Decimal(str(prices[coin][minute]))
            allowed = max(Decimal("0.05") * max(abs(wanted), abs(held)), 11 / mark)
            assert abs(wanted - held) <= allowed, (minute, coin, wanted, held)

    assert len(arena.orders("ann")) > 5
    assert refolded(arena.entries).traders["ann"].selection == selection(arena)  # type: ignore[index]
