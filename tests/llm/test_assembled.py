"""Models as the engine puts them together from the configuration: cached, recorded, replayed, bounded."""

import asyncio
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from engine.app import assemble, in_real_time
from engine.clock import SimClock
from engine.config import Settings, load
from engine.executor.ports import ChatModel, Message, Reply
from engine.llm.recorded import RecordedModel, exchange_of, read_exchanges
from engine.manager.desk import ModelDecider
from engine.manager.recorder import Recorder
from engine.manager.state import State

ETC = Path(__file__).parents[2] / "etc"
PROMPT = (Message(role="user", content="what about bitcoin?"),)


def shipped(**llm: Any) -> Settings:
    settings = load(ETC / "nof0.yaml", {})
    return replace(settings, llm=replace(settings.llm, **llm))


def first_model(settings: Settings, clock: SimClock | None = None, recordings: Path | None = None) -> ChatModel:
    """The model of the first shipped trader that asks one."""
    clock = clock or SimClock(0)
    arena = assemble(settings, Recorder(State(), clock, None), clock=clock, recordings=recordings).arena
    return next(desk.decider.model for desk in arena.desks.values() if isinstance(desk.decider, ModelDecider))


async def ask(model: ChatModel, slot_ms: int = 0) -> Reply:
    return await model.complete(PROMPT, trader="ann", slot_ms=slot_ms, timeout_ms=1_000)


async def test_the_cache_is_off_until_it_has_a_time_to_live() -> None:
    model = first_model(shipped())

    await ask(model)

    assert not (await ask(model)).from_cache


async def test_with_one_replies_are_given_again_until_they_are_too_old() -> None:
    clock = SimClock(0)
    settings = shipped()
    settings = replace(settings, llm=replace(settings.llm, cache=replace(settings.llm.cache, ttl_ms=1_000)))
    model = first_model(settings, clock)

    found = []
    for now_ms in (0, 1_000, 2_001):
        clock.set(now_ms)
        found.append((await ask(model)).from_cache)

    assert found == [False, True, False]


async def test_every_exchange_of_an_engine_is_recorded_where_a_folder_is_named(tmp_path: Path) -> None:
    model = first_model(shipped(), recordings=tmp_path)

    said = await ask(model, slot_ms=60_000)

    [exchange] = read_exchanges(tmp_path)
    assert (exchange.reply(), exchange.trader, exchange.slot_ms) == (said, "ann", 60_000)


async def test_whoever_only_looks_leaves_the_recordings_of_a_running_engine_alone(tmp_path: Path) -> None:
    """A backtest, a rerun, a prompt that is shown: the line that the engine is about to end is none of theirs."""
    being_written = tmp_path / "scripted-momentum.jsonl"
    being_written.write_bytes(b'{"digest": "')

    await ask(first_model(shipped(record_folder=tmp_path)))

    assert [(path, path.read_bytes()) for path in tmp_path.iterdir()] == [(being_written, b'{"digest": "')]


async def test_where_time_is_real_a_recorded_model_takes_its_time_and_its_deadline_holds() -> None:
    exchange = exchange_of(PROMPT, Reply(raw=b"hi", model="m"), trader="ann", slot_ms=0, took_ms=80)
    heard: list[Any] = []
    real = in_real_time(shipped(), lambda: True, lambda *came: heard.append(came))
    model = real(RecordedModel("r", [exchange]))
    loop = asyncio.get_running_loop()

    began = loop.time()
    await ask(model)
    took_s = loop.time() - began

    assert took_s >= 0.07
