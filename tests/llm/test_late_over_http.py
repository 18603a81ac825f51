"""A late answer of an endpoint: heard after the deadline, paid for, recorded; and no further call is begun for it."""

import asyncio
from pathlib import Path

import pytest

from engine.executor.ports import ModelUnavailable, Reply
from engine.llm.deadline import Bounded
from engine.llm.models import Models
from engine.llm.recorded import Recording, read_exchanges
from tests.standin.asking import ask, terms
from tests.standin.faults import HOLD, always, good, in_turn, status
from tests.standin.server import StandIn

Heard = list[tuple[Reply | ModelUnavailable, str, int]]


def loop_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)


async def late(
    folder: Path, standin: StandIn, heard: Heard, *, late_ms: int, timeout_ms: int, call_ms: int = 60_000
) -> None:
    """Ask, expect no answer in time, and wait for what comes after it."""
    models = Models({"m": terms(standin, late_ms=late_ms, timeout_ms=call_ms)})
    recorded = Recording(models.model("m"), folder, loop_ms)
    bounded = Bounded(recorded, lambda: True, late_wait_ms=late_ms, late=lambda *came: heard.append(came))
    try:
        with pytest.raises(ModelUnavailable, match="no answer within") as caught:
            await ask(bounded, timeout_ms=timeout_ms)
        assert caught.value.kind == "timeout"
        await asyncio.sleep((late_ms + 200) / 1000)
    finally:
        await models.aclose()


@pytest.mark.parametrize("call_ms", [60_000, 200])  # a call may take longer than the slot has, or just as long
async def test_an_answer_after_the_deadline_is_heard_and_recorded_with_its_cost(tmp_path: Path, call_ms: int) -> None:
    heard: Heard = []
    async with StandIn(always(good), lambda asked: HOLD, latency_s=0.5) as standin:
        await late(tmp_path, standin, heard, late_ms=1_500, timeout_ms=200, call_ms=call_ms)

        assert len(standin.asked) == 1
    [(reply, trader, slot_ms)] = heard
    assert isinstance(reply, Reply)
    assert (reply.raw.decode(), reply.cost_usd > 0, trader, slot_ms) == (HOLD, True, "ann", 60_000)
    [exchange] = read_exchanges(tmp_path)
    assert (exchange.raw, exchange.cost_usd) == (HOLD, reply.cost_usd)
    assert exchange.took_ms >= 450


async def test_nothing_is_asked_again_after_the_deadline(tmp_path: Path) -> None:
    """A failure that is retried within the deadline is not after it: nobody would act upon the answer."""
    heard: Heard = []
    async with StandIn(in_turn(status(503, "busy"), good), lambda asked: HOLD, latency_s=0.4) as standin:
        await late(tmp_path, standin, heard, late_ms=1_500, timeout_ms=200)

        assert len(standin.asked) == 1
    [(failure, _, _)] = heard
    assert isinstance(failure, ModelUnavailable)
    assert failure.cost_usd == 0


async def test_a_call_that_never_ends_closes_its_connection_and_counts_as_the_dearest(tmp_path: Path) -> None:
    heard: Heard = []
    async with StandIn(always(good), lambda asked: HOLD, latency_s=60) as standin:
        await late(tmp_path, standin, heard, late_ms=300, timeout_ms=200)

        assert standin.hung_up == 1
    [exchange] = read_exchanges(tmp_path)
    assert exchange.kind == "timeout"
