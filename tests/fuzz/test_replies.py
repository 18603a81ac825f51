"""Whatever bytes a model returns: the orders that reach the venue keep the envelope, or there are none."""

from decimal import Decimal
from random import Random

import pytest
from msgspec.structs import replace

from engine.backtest.driver import step
from engine.manager import record as r
from engine.manager.cycle import run_cycle
from engine.manager.record import Cause
from engine.model.order import Side
from tests.arena.chat import Speaker, model_decider
from tests.fuzz.campaign import REPLIES_A_CASE, OpenDoor, Tally, approving_everything, play
from tests.fuzz.corpus import CORPUS
from tests.fuzz.envelope import breaches, breaches_of_opening, insane
from tests.fuzz.replies import a_reply
from tests.fuzz.sight import Sent, Sight
from tests.fuzz.world import ME, World

REPLIES = 10_000
CAUSES: tuple[Cause, ...] = ("stop", "target", "liquidation", "operator")


def told(tally: Tally, capsys: pytest.CaptureFixture[str], what: str) -> None:
    """Print the counts, whatever comes of them."""
    with capsys.disabled():
        print(f"\n{what}\n" + "\n".join(tally.lines()))


def test_ten_thousand_replies_send_nothing_that_is_outside_the_envelope(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = play(seed, 0, REPLIES // REPLIES_A_CASE)

    told(tally, capsys, f"seed {seed}")
    assert tally.faults == []
    assert tally.acted >= 0.1 * tally.replies  # else the replies were too foolish to test anything
    assert len(tally.denied) >= 25
    assert tally.reports["Unresolved"] > 0


def test_the_gateway_alone_keeps_the_hard_envelope(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    with approving_everything():
        tally = play(seed, 0, 40, judge=hard)

    told(tally, capsys, f"seed {seed}, nobody judges but the gateway")
    assert tally.faults == []
    assert tally.reports["rejected:gateway"] > 0
    assert tally.orders.total() > 100


def test_risk_alone_keeps_the_envelope_of_all_that_opens(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    tally = play(seed, 0, 40, judge=breaches_of_opening, gateway=OpenDoor)

    told(tally, capsys, f"seed {seed}, the gateway refuses nothing")
    assert tally.faults == []
    assert tally.orders.total() > 50


def hard(sight: Sight, sent: list[Sent]) -> list[str]:
    """What the gateway refuses by itself; each order against what was held before the cycle."""
    own = sight.held[sight.trader]
    found: list[str] = []
    for order in sent:
        held = own.get(order.order.coin)
        found += insane(sight, order, Decimal(0) if held is None else held.quantity)
    return found


@pytest.mark.parametrize("door", ["0.5", "0.9", "1.1", "2", "NaN", "0", "-1"])
def test_a_price_that_jumps_between_the_verdict_and_the_door_is_judged_anew(seed: int, door: str) -> None:
    refused = sent = 0
    for case in range(12):
        rng = Random(f"{seed}:door:{case}")
        world = World(rng)
        for _ in range(10):
            trader = world.turn()
            sight = world.sight(trader)
            _, raw, finish = a_reply(rng, sight, world.readers[trader].scale == "percent")
            world.market.door = Decimal(door)
            records = world.decide(trader, raw, finish)
            world.market.door = None
            for order in world.sent(records):
                shown = sight.seen[order.order.coin].mark
                assert abs(order.order.limit_price / (shown * Decimal(door)) - 1) <= Decimal("0.2"), f"case {case}"
                sent += 1
            refused += sum(isinstance(record, r.Incident) and record.what == "gateway_refused" for record in records)

    assert sent + refused > 0, f"seed {seed}: nothing came as far as the door"
    assert door in ("0.9", "1.1") or sent == 0


def test_an_exit_only_reduces_whatever_it_is_told_to_do(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    sent = refused = 0
    for case in range(300):
        if case >= 30 and sent > 5 and refused > 50:
            break
        rng = Random(f"{seed}:exit:{case}")
        world = World(rng)
        for place in range(20):
            trader = world.turn()
            sight = world.sight(trader)
            _, raw, finish = a_reply(rng, sight, world.readers[trader].scale == "percent")
            world.decide(trader, raw, finish)
            held = world.sight(trader).held[trader]
            if not held:
                continue
            coin = rng.choice([*held, *held, rng.choice(list(sight.instruments))])
            own = held[coin].quantity if coin in held else Decimal(0)
            quantity = (abs(own) or Decimal(1)) * Decimal(
                rng.choice(["1", "1", "0.5", "1.5", "2", "0", "-1", "NaN", "1E20"])
            )
            limit = world.market.prices[coin] * Decimal(rng.choice(["1", "1", "1", "0.95", "1.05", "0", "3", "NaN"]))
            side: Side = rng.choice(["buy", "sell", "sell" if own > 0 else "buy"])
            world.venue.sent.clear()
            world.planted(trader, coin, side, quantity, limit, rng.choice(CAUSES), str(place))
            for order in world.venue.sent:
                wrong = insane(sight, Sent(order=order, cause="stop", leverage=1, mode="cross"), own)
                assert wrong == [], f"seed {seed} case {case} exit {place}"
            sent += len(world.venue.sent)
            refused += not world.venue.sent

    with capsys.disabled():
        print(f"\nseed {seed}: {sent} exits left, {refused} were refused")
    assert sent > 5
    assert refused > 50


def test_the_same_seed_gives_the_same_counts() -> None:
    first, second = play(7, 0, 3), play(7, 0, 3)

    assert list(first.lines()) == list(second.lines())


def test_the_checker_sees_a_rule_that_is_missing(seed: int) -> None:
    with approving_everything():
        tally = play(seed, 0, 20, judge=breaches)

    words = " ".join(tally.faults)
    assert all(what in words for what in ("the stop", "confidence", "beyond the mark", "reward to risk")), (
        f"seed {seed}"
    )


def test_every_awkward_reply_through_prompt_and_repair_ends_as_an_outcome_with_a_reason(seed: int) -> None:
    rng = Random(seed)
    world = World(rng)
    desk = world.desks[ME]
    ends: list[r.SlotClosed] = []
    for raw in CORPUS:
        while world.turn() != ME or world.market.nonsense:
            continue
        world.feed.observed = world.sim.snapshot()
        sight = world.sight(ME)
        desk.decider = model_decider(Speaker(raw))
        world.records.new.clear()
        world.venue.sent.clear()
        ends.append(step(run_cycle(desk, world.clock.now_ms(), world.recorder, "fuzz")))
        decided = {
            decision.symbol: decision
            for record in world.records.new
            if isinstance(record, r.Planned)
            for decision in record.decisions
        }
        assert breaches(replace(sight, decisions=decided), world.sent(world.records.new)) == [], raw[:200]

    assert len(ends) == len(CORPUS)
    assert {end.outcome for end in ends} <= {"acted", "denied", "held", "failed"}
    assert sum(end.outcome == "failed" for end in ends) > 100
    assert all(end.why for end in ends if end.outcome == "failed")
