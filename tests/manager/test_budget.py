"""Budgets: what is used up, set aside and in doubt; where asking stops; who is told; what a restart remembers."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.manager import record as r
from engine.manager.asking import LateAnswers
from engine.manager.budget import Allowance, Ceiling, set_aside
from engine.manager.fold import apply
from engine.manager.state import State
from engine.model.ids import TraderId
from engine.model.spending import Spending, Usage
from engine.model.standing import DAY_MS
from tests.arena.chat import Speaker, model_decider, says
from tests.arena.scripts import T0
from tests.arena.small_arena import SmallArena, Trader, refolded
from tests.arena.virtual_time import VirtualClock
from tests.manager.test_scheduler import run, scheduled

ASK = Usage(tokens=100, usd=Decimal("0.10"))  # the most that a call here may use; a slot may make two


def allowance(**terms: Any) -> Allowance:
    return Allowance(worst_cases=lambda size: (ASK,), **terms)


def usd(arena: str | None = None, trader: str | None = None, **terms: Any) -> Allowance:
    """An allowance of so many dollars a day, of all together and of each trader."""
    ceilings = {
        scope: Ceiling(usd=None if limit is None else Decimal(limit))
        for scope, limit in (("arena", arena), ("trader", trader))
    }
    return allowance(**ceilings, **terms)


def asking(model: Any, allowed: Allowance | None, traders: Sequence[str] = ("ann",)) -> SmallArena:
    """An arena in which these traders ask this model."""
    decider = replace(model_decider(model), allowance=allowed)
    return SmallArena({name: Trader(decider=decider) for name in traders}, {"BTC": [100.0] * 120}).observe()


def spent(arena: SmallArena, trader: str = "ann") -> Spending:
    return arena.state.traders[TraderId(trader)].spending


def slots(arena: SmallArena, count: int, trader: str = "ann", first: int = 0) -> list[str]:
    """Why so many slots of a trader closed as they did, a minute apart; nothing for those that went well."""
    return [arena.at(first + minute).slot(trader).why for minute in range(count)]


def test_a_slot_sets_aside_what_its_two_calls_may_use_and_gives_back_what_they_did_not() -> None:
    seen: list[Usage] = []
    model = Speaker(cost_usd="0.03", prompt_tokens=20, completion_tokens=5)
    arena = asking(model, usd("1"))
    model._answers = [lambda: seen.append(arena.state.spending.reserved) or says()]  # type: ignore[func-returns-value]

    arena.slot("ann")

    assert seen == [Usage(tokens=200, usd=Decimal("0.20"))]
    assert arena.state.spending.reserved == spent(arena).reserved == Usage()
    assert arena.state.spending.used == spent(arena).used == Usage(tokens=25, usd=Decimal("0.03"))
    [opened] = arena.records(r.SlotOpened)
    assert (opened.reserved_usd, opened.reserved_tokens, opened.asks) == (Decimal("0.20"), 200, 2)


def test_asking_stops_where_one_more_call_might_not_fit() -> None:
    """A day of 0.45 dollars, calls of 0.10 each: four fit, and a fifth could pass the limit."""
    model = Speaker(says(), cost_usd="0.10")
    arena = asking(model, usd("0.45"))

    whys = slots(arena, 6)

    assert whys[:4] == [""] * 4
    assert whys[4] == whys[5]
    assert whys[4] == "budget: all models together may use 0.45 USD a day, 0.40 are gone and asking may take 0.10"
    assert arena.outcomes("ann")[4:] == ["skipped", "skipped"]
    assert len(model.asked) == 4
    assert spent(arena).used.usd == Decimal("0.40")


def test_where_only_one_call_fits_a_reply_that_cannot_be_read_is_not_repaired() -> None:
    model = Speaker(b"no", cost_usd="0.10")
    arena = asking(model, usd("0.25"))

    slots(arena, 2)

    assert [opened.asks for opened in arena.records(r.SlotOpened)] == [2]
    assert len(model.asked) == 2
    once = Speaker(b"no", cost_usd="0.10")
    slots(asking(once, usd("0.15")), 1)
    assert len(once.asked) == 1


def test_each_trader_has_its_own_limit_and_the_others_go_on() -> None:
    model = Speaker(says(), cost_usd="0.10")
    arena = asking(model, usd(trader="0.25"), ("ann", "bob"))

    mine, other = slots(arena, 3, "ann"), slots(arena, 1, "bob", first=3)

    assert mine == ["", "", "budget: ann may use 0.25 USD a day, 0.20 are gone and asking may take 0.10"]
    assert other == [""]
    assert (spent(arena, "ann").used.usd, spent(arena, "bob").used.usd) == (Decimal("0.20"), Decimal("0.10"))
    assert arena.state.spending.used.usd == Decimal("0.30")


def test_tokens_are_limited_like_dollars() -> None:
    model = Speaker(says(), prompt_tokens=60, completion_tokens=30)
    arena = asking(model, allowance(arena=Ceiling(tokens=250)))

    whys = slots(arena, 3)

    assert whys[:2] == ["", ""]
    assert whys[2] == "budget: all models together may use 250 tokens a day, 180 are gone and asking may take 100"


def test_traders_that_ask_at_the_same_time_do_not_pass_the_limit_together() -> None:
    """Ten ask at once, each 0.08 dollars, worst case 0.10, of a budget of 0.50."""
    model = Speaker(says(), takes_ms=20_000, cost_usd="0.08")
    clock = VirtualClock(T0)
    decider = replace(model_decider(model), allowance=usd("0.50"))
    arena, scheduler, _ = scheduled(clock, {f"trader{place}": Trader(decider=decider) for place in range(10)})

    run(clock, scheduler, 5.5)

    assert arena.state.spending.used.usd <= Decimal("0.50")
    assert arena.state.spending.used.usd > Decimal("0.40")
    assert arena.state.spending.reserved == Usage()
    refused = [slot for slot in arena.records(r.SlotClosed) if slot.why.startswith("budget: ")]
    assert len(refused) == 50 - len(model.asked)


def test_a_new_utc_day_brings_a_new_budget_and_a_clock_that_is_set_back_does_not() -> None:
    model = Speaker(says(), cost_usd="0.10")
    arena = asking(model, usd("0.15"))
    first = slots(arena, 2)
    spending = arena.state.spending

    assert first[0] == ""
    assert first[1].startswith("budget: ")
    assert spending.gone(T0 + DAY_MS) == Usage()
    assert spending.gone(T0 - DAY_MS).usd == Decimal("0.10")
    assert not spending.turn_to(T0 - DAY_MS)
    assert spending.turn_to(T0 + DAY_MS)
    assert spending.used == Usage()


def test_an_alert_and_the_end_are_each_said_once_a_day() -> None:
    model = Speaker(says(), cost_usd="0.10")
    arena = asking(model, usd("0.55", trader="10", alert_pct=Decimal(50)))

    slots(arena, 8)

    budget = [incident for incident in arena.records(r.Incident) if incident.what.startswith("budget_")]
    assert [(incident.what, incident.severity) for incident in budget] == [
        ("budget_alert", "warning"),
        ("budget_exhausted", "critical"),
    ]
    assert budget[0].detail == "0.30 of 0.55 USD (54.5 %) of the daily budget are used up"
    assert budget[1].detail == (
        "0.50 of 0.55 USD (90.9 %) of the daily budget are used up; no further call fits into the rest"
    )
    assert arena.state.accounts[arena.account].alarms == 0  # it stops asking, and trips no switch


def test_a_budget_that_is_not_strict_only_tells() -> None:
    model = Speaker(says(), cost_usd="0.10")
    arena = asking(model, usd("0.15", strict=False))

    assert slots(arena, 4) == [""] * 4
    assert [incident.what for incident in arena.records(r.Incident)] == ["budget_alert", "budget_exhausted"]


def test_a_paid_answer_is_used_even_where_it_passes_the_limit() -> None:
    """The endpoint bills more than anybody could foresee: the answer counts, and nothing more is asked."""
    model = Speaker(says({"symbol": "BTC", "signal": "buy_to_enter", "quantity": 1, "confidence": 0.9}), cost_usd="7")
    arena = asking(model, usd("0.45"))

    whys = slots(arena, 2)

    assert arena.outcomes("ann") == ["acted", "skipped"]
    assert whys[1].startswith("budget: all models together may use 0.45 USD a day, 7 are gone")
    assert arena.ledger("ann").model_cost_usd == 7


def test_what_no_budget_counts_is_not_limited() -> None:
    model = Speaker(says(), cost_usd="0.10", prompt_tokens=9)
    arena = asking(model, None)

    assert slots(arena, 5) == [""] * 5
    assert spent(arena).used == Usage()
    assert arena.ledger("ann").model_cost_usd == Decimal("0.50")  # a ledger line of the trader it is all the same


def test_a_reply_from_the_cache_uses_up_nothing() -> None:
    model = Speaker(says(), from_cache=True)
    arena = asking(model, usd("0.45"))

    slots(arena, 5)

    assert spent(arena).used == spent(arena).reserved == Usage()


def test_a_restart_in_the_middle_of_the_day_goes_on_from_what_was_used() -> None:
    model = Speaker(says(), cost_usd="0.10")
    before = asking(model, usd("0.45"))
    slots(before, 3)

    decider = replace(model_decider(model), allowance=usd("0.45"))
    after = SmallArena({"ann": Trader(decider=decider)}, after=before).observe()
    whys = slots(after, 2, first=3)

    assert whys[0] == ""
    assert whys[1].startswith("budget: all models together may use 0.45 USD a day, 0.40 are gone")
    assert len(model.asked) == 4


class Killed(BaseException):
    """The process ends in the middle of a call."""


def test_a_call_that_a_crash_cut_off_counts_as_the_dearest_it_can_have_been_and_is_not_made_again() -> None:
    def die() -> bytes:
        raise Killed

    model = Speaker(die)
    before = asking(model, usd("0.25"))
    with pytest.raises(Killed):
        before.slot("ann")

    decider = replace(model_decider(model), allowance=usd("0.25"))
    after = SmallArena({"ann": Trader(decider=decider)}, after=before).observe()
    again = Speaker(says(), cost_usd="0.05")
    after.desks["ann"].decider = replace(decider, model=again)
    whys = slots(after, 3, first=1)

    assert after.state.spending.unsettled.usd == Decimal("0.10")
    assert after.outcomes("ann")[0] == "interrupted"
    assert whys[:2] == ["", ""]
    assert whys[2].startswith("budget: all models together may use 0.25 USD a day, 0.20 are gone")
    assert len(model.asked) == 1  # the slot that was cut off is not asked for once more


@pytest.mark.parametrize(("asks", "in_doubt"), [(1, "0"), (2, "0.10")])
def test_a_crash_after_the_only_answer_leaves_nothing_in_doubt(asks: int, in_doubt: str) -> None:
    """Of two calls that were set aside the second may have been under way."""
    arena = asking(Speaker(), usd("1"))
    reserved = Decimal("0.10") * asks
    arena.say(r.SlotOpened(slot_ms=T0, reserved_usd=reserved, reserved_tokens=100 * asks, asks=asks), "ann")
    arena.say(r.Answered(slot_ms=T0, model="m", raw="", cost_usd=Decimal("0.04"), metered=True), "ann")

    arena.say(r.Started(epoch=2, version="", deployment=""))

    assert arena.state.spending.used.usd == Decimal("0.04")
    assert arena.state.spending.unsettled.usd == spent(arena).unsettled.usd == Decimal(in_doubt)
    assert arena.state.spending.reserved == Usage()


def late_answer(arena: SmallArena) -> LateAnswers:
    late = LateAnswers(arena.recorder)
    late.desks = arena.arena.desks
    return late


def test_a_call_without_an_answer_counts_as_the_dearest_until_its_answer_comes_late() -> None:
    model = Speaker(ModelUnavailable("no answer within 60000 ms", kind="timeout"))
    arena = asking(model, usd("1"))
    arena.slot("ann")

    in_doubt = spent(arena).unsettled
    late_answer(arena)(Reply(raw=says(), model="m", cost_usd=Decimal("0.02"), prompt_tokens=7), "ann", T0)

    assert in_doubt == ASK
    assert spent(arena).unsettled == arena.state.spending.unsettled == Usage()
    assert arena.state.spending.used == Usage(tokens=7, usd=Decimal("0.02"))
    assert [answer.late for answer in arena.records(r.Answered)] == [True]
    assert arena.orders("ann") == []
    assert arena.ledger("ann").model_cost_usd == Decimal("0.02")


def test_of_yesterdays_call_only_what_it_cost_counts_today() -> None:
    model = Speaker(ModelUnavailable("no answer", kind="timeout"))
    arena = asking(model, usd("1"))
    arena.slot("ann")

    arena.clock.set(T0 + DAY_MS)
    late_answer(arena)(Reply(raw=b"", model="m", cost_usd=Decimal("0.02")), "ann", T0)

    assert arena.state.spending.used.usd == Decimal("0.02")
    assert arena.state.spending.unsettled == Usage()
    assert arena.state.traders[TraderId("ann")].unsettled == {}


def test_a_day_that_begins_with_an_alarm_forgets_yesterdays_calls_as_well() -> None:
    model = Speaker(ModelUnavailable("no answer", kind="timeout"))
    arena = asking(model, usd("1"))
    arena.slot("ann")

    arena.clock.set(T0 + DAY_MS)
    arena.say(r.Incident(account=arena.account, what="budget_exhausted", detail=""), "ann")

    assert spent(arena).unsettled == arena.state.spending.unsettled == Usage()
    assert arena.state.traders[TraderId("ann")].unsettled == {}
    assert spent(arena).exhausted


def test_a_call_in_which_something_breaks_counts_as_the_dearest_it_can_have_been() -> None:
    def broken() -> bytes:
        raise ZeroDivisionError

    clock = VirtualClock(T0)
    decider = replace(model_decider(Speaker(broken)), allowance=usd("1"))
    arena, scheduler, _ = scheduled(clock, {"ann": Trader(decider=decider)})

    run(clock, scheduler, 1.5)

    assert arena.state.traders[TraderId("ann")].standing.status == "error"
    assert arena.state.spending.unsettled == spent(arena).unsettled == ASK
    assert arena.state.spending.reserved == Usage()


def test_where_the_dear_model_does_not_fit_any_more_a_cheaper_one_may_be_asked() -> None:
    """A dear call may cost 0.10, a cheap one 0.02: of 0.25 dollars, two dear slots leave room for cheap ones."""
    dear, cheap = Usage(tokens=9, usd=Decimal("0.10")), Usage(tokens=9, usd=Decimal("0.02"))
    rooms: list[list[bool]] = []
    model = Speaker(cost_usd="0.10")
    allowed = Allowance(worst_cases=lambda size: (dear, cheap), arena=Ceiling(usd=Decimal("0.25")))
    arena = asking(model, allowed)
    ann = TraderId("ann")

    def answer() -> bytes:
        rooms.append([set_aside(arena.state, ann, usage.usd) for usage in (dear, cheap)])
        return says()

    model._answers = [answer]
    slots(arena, 2)
    model._reply["cost_usd"] = cheap.usd
    whys = slots(arena, 3, first=2)

    assert rooms == [[True, True], [True, True], [False, True], [False, True]]
    assert whys[:2] == ["", ""]
    assert whys[2] == "budget: all models together may use 0.25 USD a day, 0.24 are gone and asking may take 0.02"
    assert set_aside(arena.state, ann, Decimal(1_000))  # outside of a slot nobody counts


class Erratic:
    """Answers, garbles, fails at a price, fails for nothing or says nothing, each at a cost below the worst case."""

    name = "erratic"
    worst_case_cost_usd = Decimal("0.10")

    def __init__(self, random: Random) -> None:
        self._random = random
        self.cost_usd = Decimal(0)

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        await asyncio.sleep(self._random.uniform(0.01, 50))
        cost_usd = Decimal(self._random.randrange(0, 1001)) / 10_000
        ends: list[Callable[[], Reply]] = [
            lambda: Reply(raw=says(), model="m", cost_usd=cost_usd, prompt_tokens=50),
            lambda: Reply(raw=b"?", model="m", cost_usd=cost_usd, prompt_tokens=50),
            lambda: self._fail(ModelUnavailable("broke", cost_usd=cost_usd, prompt_tokens=50)),
            lambda: self._fail(ModelUnavailable("no route")),
            lambda: self._fail(ModelUnavailable("no answer", kind="timeout")),
        ]
        end = self._random.choice(ends)
        if ends.index(end) < 3:
            self.cost_usd += cost_usd
        return end()

    def _fail(self, failure: ModelUnavailable) -> Reply:
        raise failure


@pytest.mark.parametrize("limit", ["0.35", "1.15", "3"])
def test_however_calls_end_the_limit_holds_the_sums_agree_and_the_fold_repeats_them(seed: int, limit: str) -> None:
    model = Erratic(Random(seed))
    clock = VirtualClock(T0)
    decider = replace(model_decider(model), allowance=usd(limit, trader="0.9"))
    arena, scheduler, _ = scheduled(clock, {f"t{place}": Trader(decider=decider) for place in range(6)})

    run(clock, scheduler, 12.5)

    traders = [trader.spending for trader in arena.state.traders.values()]
    total = arena.state.spending
    assert model.cost_usd <= total.gone(clock.now_ms()).usd <= Decimal(limit)
    assert total.used.usd == sum(each.used.usd for each in traders) == model.cost_usd
    assert total.unsettled.usd == sum(each.unsettled.usd for each in traders)
    assert total.reserved.usd == sum(each.reserved.usd for each in traders)  # what the stop cut off
    assert sum(arena.ledger(name).model_cost_usd for name in arena.desks) == model.cost_usd
    assert msgspec.json.encode(refolded(arena.entries).spending) == msgspec.json.encode(total)


def test_the_budget_is_a_fold_whose_every_prefix_agrees() -> None:
    model = Speaker(says(), b"?", cost_usd="0.03")
    arena = asking(model, usd("1"), ("ann", "bob"))
    slots(arena, 2, "ann")
    slots(arena, 2, "bob", first=2)

    state = State()
    for entry in arena.entries:
        apply(state, entry)
        each = [trader.spending for trader in state.traders.values()]
        assert state.spending.used.usd == sum(spending.used.usd for spending in each)
        assert state.spending.reserved.usd == sum(spending.reserved.usd for spending in each)
