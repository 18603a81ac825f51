"""Stand-ins: who is asked when a model cannot be had, what that costs, and that it is always said."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.llm.breaker import FAILURES_IN_A_ROW, FIRST_PAUSE_MS, Breaker
from engine.llm.fallback import Candidate, Fallback
from engine.llm.models import Models, stand_ins
from tests.standin.asking import ask, standing_in, terms
from tests.standin.faults import FAULTS, HOLD, changed, good, hang_up, status
from tests.standin.server import Asked, Behaviour, Choice


def by_model(**behaviours: Behaviour) -> Choice:
    """Each model in its own way; the others well."""

    def choose(asked: Asked) -> Behaviour:
        return behaviours.get(str(asked.body["model"]).removeprefix("vendor/"), good)

    return choose


def names(asked: list[Asked]) -> list[str]:
    return [str(request.body["model"]).removeprefix("vendor/") for request in asked]


def test_stand_ins_come_by_priority_then_by_cost_then_by_their_place() -> None:
    order = stand_ins(
        "a",
        {
            "a": (9, "low"),
            "never": (0, "low"),
            "dear": (2, "high"),
            "cheap": (2, "low"),
            "first": (3, "high"),
            "cheaper": (2, "low"),
        },
    )

    assert order == ("first", "cheap", "cheaper", "dear")


async def test_without_a_priority_nobody_stands_in() -> None:
    async with standing_in(status(503), "a", "b", retries=0) as (standin, models):
        with pytest.raises(ModelUnavailable, match="HTTP 503"):
            await ask(models.model("a"))

    assert names(standin.asked) == ["a"]


async def test_a_stand_in_answers_for_one_that_fails_and_the_reply_says_for_whom() -> None:
    async with standing_in(good, "a", "b", priority=1) as (standin, models):
        standin.choose = by_model(a=status(503))
        reply = await ask(models.model("a"))

    assert (reply.raw, reply.model, reply.swapped_from) == (HOLD.encode(), "vendor/b-2025-01-01", "a")
    assert names(standin.asked) == ["a", "a", "b"]  # one retry where somebody can stand in
    assert reply.attempts == 3


async def test_a_stand_in_whose_endpoint_does_not_say_who_it_is_goes_by_its_own_name() -> None:
    async with standing_in(changed(model=None), "a", "b", priority=1) as (standin, models):
        own = await ask(models.model("a"))
        standin.choose = by_model(a=status(503), b=changed(model=None))
        reply = await ask(models.model("a"))

    assert (own.model, reply.model, reply.swapped_from) == ("", "b", "a")


class Broken:
    """A model in which something breaks that nobody foresaw."""

    name = "broken"
    worst_case_cost_usd = Decimal(0)

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        raise ZeroDivisionError


async def test_a_trial_that_breaks_lets_the_next_one_try() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_IN_A_ROW):
        breaker.failed(-FIRST_PAUSE_MS, "no")
    model = Fallback([Candidate(model=Broken(), breaker=breaker)])

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await ask(model)


async def test_a_model_that_answers_is_not_swapped() -> None:
    async with standing_in(good, "a", "b", priority=1) as (standin, models):
        reply = await ask(models.model("a"))

    assert (reply.model, reply.swapped_from, names(standin.asked)) == ("vendor/a-2025-01-01", "", ["a"])


@pytest.mark.parametrize("fault", ["L-05 hangs up", "L-05 no first byte"])
async def test_what_may_have_been_paid_for_is_not_asked_again_of_another(fault: str) -> None:
    async with standing_in(good, "a", "b", priority=1) as (standin, models):
        standin.choose = by_model(a=FAULTS[fault])
        with pytest.raises(ModelUnavailable) as caught:
            await ask(models.model("a"), timeout_ms=500)

    assert names(standin.asked) == ["a"]
    assert caught.value.cost_usd == Decimal("0.010302")


async def test_a_model_that_keeps_failing_is_asked_no_more_and_its_stand_in_at_once() -> None:
    async with standing_in(good, "a", "b", priority=1, retries=0) as (standin, models):
        standin.choose = by_model(a=hang_up)
        model = models.model("a")
        for _ in range(FAILURES_IN_A_ROW):
            with pytest.raises(ModelUnavailable):
                await ask(model)
        standin.asked.clear()
        reply = await ask(models.model("a"))  # another trader: the breaker is the model's

    assert (names(standin.asked), reply.swapped_from, reply.attempts) == (["b"], "a", 1)


async def test_something_else_than_completions_counts_against_a_model() -> None:
    async with standing_in(FAULTS["L-01 html"]) as (standin, models):
        for _ in range(FAILURES_IN_A_ROW):
            await ask(models.model("m"))
        with pytest.raises(ModelUnavailable, match="left alone since it failed") as caught:
            await ask(models.model("m"))

    assert (caught.value.kind, len(standin.asked)) == ("open", FAILURES_IN_A_ROW)


async def test_when_nobody_can_be_had_every_reason_is_told_and_the_kind_is_the_firsts() -> None:
    async with standing_in(good, "a", "b", priority=1, retries=0) as (standin, models):
        standin.choose = by_model(a=status(401, "bad key"), b=status(500, "broken"))
        with pytest.raises(ModelUnavailable) as caught:
            await ask(models.model("a"))

    assert str(caught.value) == "a: HTTP 401 error: bad key; b: HTTP 500 error: broken"
    assert (caught.value.kind, caught.value.cost_usd) == ("auth", Decimal(0))


async def test_a_model_that_the_budget_has_no_room_for_gives_way_to_a_cheaper_one() -> None:
    async with standing_in() as (standin, _):
        cheap = terms(standin, "cheap", priority=1, max_completion_tokens=10)
        dear = terms(standin, "dear", max_completion_tokens=1_000_000)
        models = Models({"dear": dear, "cheap": cheap}, affordable=lambda trader, usd: usd < 1)
        reply = await ask(models.model("dear"))
        poor = Models({"dear": dear}, affordable=lambda trader, usd: usd < 1)
        with pytest.raises(ModelUnavailable, match="no room in the budget") as caught:
            await ask(poor.model("dear"))
        await models.aclose()

    assert (names(standin.asked), reply.swapped_from, caught.value.kind) == (["cheap"], "dear", "budget")


@pytest.mark.parametrize(("room_usd", "kind"), [(1, ""), (0, "budget")])
async def test_it_is_for_want_of_money_only_where_nobody_was_asked(room_usd: int, kind: str) -> None:
    async with standing_in(status(500), retries=0) as (standin, _):
        cheap = terms(standin, "cheap", priority=1, max_completion_tokens=10, retries=0)
        dear = terms(standin, "dear", max_completion_tokens=1_000_000)
        models = Models({"dear": dear, "cheap": cheap}, affordable=lambda trader, usd: usd < room_usd)
        with pytest.raises(ModelUnavailable, match="dear: no room in the budget; cheap: ") as caught:
            await ask(models.model("dear"))
        await models.aclose()

    assert (caught.value.kind, len(standin.asked)) == (kind, room_usd)


async def test_the_worst_case_is_that_of_the_dearest_who_may_be_asked() -> None:
    async with standing_in() as (standin, _):
        small, large = terms(standin, "s", max_completion_tokens=10), terms(standin, "l", priority=1)
        models = Models({"s": small, "l": large})
        together, alone = models.model("s").worst_case_cost_usd, models.alone("l").worst_case_cost_usd
        await models.aclose()

    assert together == alone == Decimal("0.21")  # 100,000 tokens at 2 USD and 1,000 at 10 USD per million
