"""What surrounds a chat model while time is real: a deadline, so many at a time, and a transcript if asked for."""

import asyncio
import io
import logging
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace

from engine import logs
from engine.app import in_real_time
from engine.config import Settings, load
from engine.executor.ports import ChatModel, Message, ModelUnavailable, Reply

ETC = Path(__file__).parents[2] / "etc"
PROMPT = (Message(role="user", content="what about bitcoin?"),)


class Slow:
    """Answers when it is let go; knows how many ask it at this moment."""

    worst_case_cost_usd = Decimal("0.25")

    def __init__(self, name: str = "slow") -> None:
        self.name = name
        self.asked = 0
        self.let_go = asyncio.Event()

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        self.asked += 1
        await self.let_go.wait()
        return Reply(raw=b"hold on", model="slow-1")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged; nothing is masked on the way."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure("info", json=True, verbose_llm=True, stream=stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def settings(*, at_a_time: int = 8, verbose: bool = False) -> Settings:
    shipped = load(ETC / "nof0.yaml", {})
    root = replace(shipped.root, logging=replace(shipped.root.logging, verbose_llm=verbose))
    return replace(shipped, root=root, executor=replace(shipped.executor, max_concurrent_decisions=at_a_time))


async def ask(model: ChatModel, trader: str = "ann", timeout_ms: int = 10_000) -> Reply:
    return await model.complete(PROMPT, trader=trader, slot_ms=60_000, timeout_ms=timeout_ms)


async def test_no_more_traders_than_configured_wait_for_models_at_the_same_time() -> None:
    around = in_real_time(settings(at_a_time=2), lambda: True)
    first, second = Slow(), Slow()

    async with asyncio.TaskGroup() as group:
        for model in (first, first, second, second, second):
            group.create_task(ask(around(model)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asked_at_once = first.asked + second.asked
        first.let_go.set()
        second.let_go.set()

    assert asked_at_once == 2
    assert (first.asked, second.asked) == (2, 3)


async def test_waiting_for_a_place_counts_against_the_deadline() -> None:
    around = in_real_time(settings(at_a_time=1), lambda: True)
    slow, quick = Slow(), Slow()
    quick.let_go.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(ask(around(slow)))
        await asyncio.sleep(0)
        with pytest.raises(ModelUnavailable, match="no answer within 20 ms"):
            await ask(around(quick), timeout_ms=20)
        slow.let_go.set()

    assert quick.asked == 0
    assert (await ask(around(quick))).raw == b"hold on"


async def test_a_model_whose_places_are_all_taken_keeps_nobody_from_another() -> None:
    around = in_real_time(settings(at_a_time=1), lambda: True)
    hanging, sound = Slow("hanging"), Slow("sound")
    sound.let_go.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(ask(around(hanging)))
        await asyncio.sleep(0)
        reply = await ask(around(sound), timeout_ms=100)
        hanging.let_go.set()

    assert reply.raw == b"hold on"


async def test_while_history_is_played_nobody_waits_for_a_place() -> None:
    around = in_real_time(settings(at_a_time=1), lambda: False)
    slow, quick = Slow(), Slow()
    quick.let_go.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(ask(around(slow)))
        await asyncio.sleep(0)
        reply = await ask(around(quick))
        slow.let_go.set()

    assert reply.raw == b"hold on"


async def test_prompts_and_replies_are_in_the_log_under_verbose_llm(log: io.StringIO) -> None:
    model = Slow()
    model.let_go.set()

    await ask(in_real_time(settings(verbose=True), lambda: True)(model))

    asked, answered = log.getvalue().splitlines()
    assert '"model asked"' in asked
    assert "what about bitcoin?" in asked
    assert '"model answered"' in answered
    assert "hold on" in answered


@pytest.mark.parametrize(("verbose", "real"), [(False, True), (True, False)])
async def test_without_it_and_while_history_is_played_they_are_not(log: io.StringIO, verbose: bool, real: bool) -> None:
    model = Slow()
    model.let_go.set()

    await ask(in_real_time(settings(verbose=verbose), lambda: real)(model))

    assert log.getvalue() == ""


async def test_what_surrounds_a_model_changes_neither_its_name_nor_its_cost() -> None:
    model = in_real_time(settings(verbose=True), lambda: True)(Slow())

    assert (model.name, model.worst_case_cost_usd) == ("slow", Decimal("0.25"))


class Deaf:
    """Answers after a while, or not at all, and knows whether it was cancelled."""

    name = "deaf"
    worst_case_cost_usd = Decimal(0)

    def __init__(self, takes_s: float, failure: Exception | None = None) -> None:
        self._takes_s = takes_s
        self._failure = failure
        self.cancelled = 0

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        try:
            await asyncio.sleep(self._takes_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self._failure is not None:
            raise self._failure
        return Reply(raw=b"at last", model="deaf-1", cost_usd=Decimal("0.4"))


Heard = list[tuple[Reply | ModelUnavailable, str, int]]


def listening(model: ChatModel, heard: Heard, *, late_wait_ms: int = 2_000, at_a_time: int = 8) -> ChatModel:
    """The model as the engine surrounds it; what comes late goes into ``heard``."""
    terms = settings(at_a_time=at_a_time)
    terms = replace(terms, llm=replace(terms.llm, late_wait_ms=late_wait_ms))
    return in_real_time(terms, lambda: True, lambda *came: heard.append(came))(model)


async def test_an_answer_after_the_deadline_is_told_to_whoever_keeps_it() -> None:
    heard: Heard = []
    model = Deaf(0.05)

    with pytest.raises(ModelUnavailable, match="no answer within 10 ms") as caught:
        await ask(listening(model, heard), timeout_ms=10)
    await asyncio.sleep(0.15)

    assert caught.value.kind == "timeout"
    [(reply, trader, slot_ms)] = heard
    assert isinstance(reply, Reply)
    assert (reply.raw, reply.cost_usd, trader, slot_ms) == (b"at last", Decimal("0.4"), "ann", 60_000)


async def test_a_failure_after_the_deadline_is_told_as_well_for_it_may_have_been_paid() -> None:
    heard: Heard = []
    failure = ModelUnavailable("it broke", cost_usd=Decimal("0.1"))

    with pytest.raises(ModelUnavailable, match="no answer within"):
        await ask(listening(Deaf(0.03, failure), heard), timeout_ms=10)
    await asyncio.sleep(0.1)

    assert heard == [(failure, "ann", 60_000)]


async def test_a_call_that_never_ends_is_cancelled_in_the_end() -> None:
    heard: Heard = []
    model = Deaf(3_600)

    with pytest.raises(ModelUnavailable):
        await ask(listening(model, heard, late_wait_ms=30), timeout_ms=10)
    await asyncio.sleep(0.15)

    assert (model.cancelled, heard) == (1, [])


async def test_where_nobody_keeps_late_answers_a_call_ends_with_its_deadline() -> None:
    model = Deaf(3_600)

    with pytest.raises(ModelUnavailable):
        await ask(in_real_time(settings(), lambda: True)(model), timeout_ms=10)
    await asyncio.sleep(0.02)

    assert model.cancelled == 1


async def test_who_gives_up_waiting_takes_its_call_along() -> None:
    heard: Heard = []
    model = Deaf(3_600)
    waiting = asyncio.create_task(ask(listening(model, heard)))
    await asyncio.sleep(0.02)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0.02)

    assert model.cancelled == 1


async def test_a_call_that_lingers_holds_no_place() -> None:
    """One place: ann's call hangs beyond its deadline; bob is asked all the same."""
    heard: Heard = []
    terms = settings(at_a_time=1)
    around = in_real_time(terms, lambda: True, lambda *came: heard.append(came))
    quick = Slow()
    quick.let_go.set()

    with pytest.raises(ModelUnavailable):
        await ask(around(Deaf(0.3)), timeout_ms=10)
    reply = await ask(around(quick), trader="bob", timeout_ms=100)
    await asyncio.sleep(0.4)

    assert reply.raw == b"hold on"
    assert [trader for _, trader, _ in heard] == ["ann"]
