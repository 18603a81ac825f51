"""A run is repeated from its recording: the same decisions, orders and ledger, byte for byte, and nobody is called."""

import asyncio
import socket
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from engine.executor.ports import ChatModel, Message, ModelUnavailable, Reply
from engine.llm.concurrency import Limited
from engine.llm.deadline import Bounded
from engine.llm.recorded import Paced, RecordedModel, Recording
from engine.manager import record as r
from engine.manager.asking import LateAnswers
from engine.manager.desk import ModelDecider
from engine.manager.fold import apply
from engine.manager.scheduler import Scheduler
from engine.manager.state import State
from tests.arena.chat import a_buy, says
from tests.arena.scripts import MINUTE_MS, T0
from tests.arena.small_arena import STOPPED, SmallArena, Trader
from tests.arena.virtual_time import VirtualClock
from tests.executor.prompt.scene import prompt_set
from tests.manager.test_scheduler import Requests

MINUTES = 40
TIMEOUT_MS, LATE_WAIT_MS = 20_000, 15_000
SAME = (r.Planned, r.Intended, r.Reported, r.Filled, r.Answered, r.Marked, r.Transferred)


class Moody:
    """A model that trades, garbles, fails at a price, swaps, comes late or never, by trader and slot."""

    name = "moody"
    worst_case_cost_usd = Decimal("0.5")

    def __init__(self) -> None:
        self.calls = 0

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        self.calls += 1
        random = Random(f"{trader} {slot_ms} {len(messages)}")
        mood = random.choice(["buy", "buy", "close", "sell", "garbage", "late", "never", "refused", "swapped"])
        takes_ms = {"late": TIMEOUT_MS + random.randrange(1, 10_000), "never": 10 * MINUTE_MS}.get(
            mood, random.randrange(200, 9_000)
        )
        await asyncio.sleep(takes_ms / 1000)
        cost_usd = Decimal(random.randrange(1, 5_000)) / 100_000
        if mood == "refused":
            raise ModelUnavailable("HTTP 500: it broke", cost_usd=cost_usd, prompt_tokens=9)
        return Reply(
            raw=_words(mood, random),
            model="moody-7",
            prompt_tokens=random.randrange(1_000, 9_000),
            completion_tokens=random.randrange(10, 900),
            cost_usd=cost_usd,
            latency_ms=takes_ms,
            fingerprint="fp_1",
            swapped_from="moody" if mood == "swapped" else "",
        )


def _words(mood: str, random: Random) -> bytes:
    coin = random.choice(["BTC", "ETH"])
    quantity = {"BTC": 1.0, "ETH": 9.0}[coin] * random.randrange(1, 5)
    stop = {"BTC": 90.0, "ETH": 9.0}[coin]
    match mood:
        case "garbage":
            return b"\xff I would rather not {"
        case "close":
            return says({"symbol": coin, "signal": "close", "confidence": 0.9})
        case "sell":
            return says(a_buy(coin, quantity) | {"signal": "sell_to_enter", "stop_loss": 2.2 * stop})
        case _:
            return says(a_buy(coin, quantity, stop_loss=stop))


def moving(start: float, seed: int) -> list[tuple[float, float, float, float]]:
    random, price, rows = Random(seed), start, []
    for _ in range(MINUTES + 10):
        after = price * (1 + random.uniform(-0.004, 0.004))
        rows.append((price, max(price, after), min(price, after), after))
        price = after
    return rows


def run_with(model: ChatModel) -> SmallArena:
    """Five traders ask this model every minute or three, at most three at a time, in virtual time."""
    clock = VirtualClock(T0)
    places = asyncio.Semaphore(3)

    def decider() -> ModelDecider:
        bounded = Bounded(model, lambda: True, late_wait_ms=LATE_WAIT_MS, late=lambda *came: late(*came))
        return ModelDecider(
            model=Limited(bounded, places, lambda: True),
            prompts=prompt_set(),
            timeout_ms=TIMEOUT_MS,
            series_interval_ms=MINUTE_MS,
            long_interval_ms=4 * MINUTE_MS,
        )

    traders = {
        name: Trader(decider=decider(), minutes=minutes, limits=STOPPED)
        for name, minutes in (("ann", 1), ("bob", 1), ("cyd", 3), ("dee", 1), ("eve", 1))
    }
    arena = SmallArena(traders, {"BTC": moving(100.0, 1), "ETH": moving(10.0, 2)}, clock=clock)
    late = LateAnswers(arena.recorder)
    late.desks = arena.arena.desks

    async def publish() -> None:
        return None

    scheduler = Scheduler(arena.arena, requests=Requests(clock), publish=publish, update_ms=MINUTE_MS, allocations={})

    async def main() -> None:
        asyncio.get_running_loop().call_later(MINUTES * 60, scheduler.stop)
        await scheduler.run()
        await asyncio.sleep(60)

    clock.run(main())
    return arena


def told(arena: SmallArena) -> list[bytes]:
    """Decisions, orders, fills, answers and marks, each with its instant and trader, as the journal would write them.

    Which of two traders comes first whose answers come in the same millisecond is chance, and none of the recording's.
    """
    entries = sorted(arena.entries, key=lambda entry: (entry.ts, str(entry.trader)))
    return [
        b"%d %s %s %s" % (e.ts, str(e.trader).encode(), r.kind_of(e.record).encode(), r.encode(e.record))
        for e in entries
        if isinstance(e.record, SAME)
    ]


def ledger(arena: SmallArena) -> bytes:
    return msgspec.json.encode(arena.state.accounts[arena.account].book)


def outcomes(arena: SmallArena) -> list[tuple[int, str | None, Any, Any, Any]]:
    return [
        (e.ts, e.trader, e.record.slot_ms, e.record.outcome, e.record.why)
        for e in sorted(arena.entries, key=lambda entry: (entry.ts, str(entry.trader)))
        if isinstance(e.record, r.SlotClosed)
    ]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection fails the test."""

    def blocked(*_: object) -> None:
        raise AssertionError("somebody wanted to reach the network")

    monkeypatch.setattr(socket.socket, "connect", blocked)
    monkeypatch.setattr(socket.socket, "connect_ex", blocked)


def test_a_recorded_run_repeats_itself_byte_for_byte(tmp_path: Path, no_network: None) -> None:
    moody = Moody()
    first = run_with(Recording(moody, tmp_path, lambda: round(asyncio.get_running_loop().time() * 1000)))

    again = run_with(Paced(RecordedModel.load("moody", tmp_path), lambda: True))

    assert moody.calls > 100
    assert told(again) == told(first)
    assert outcomes(again) == outcomes(first)
    assert ledger(again) == ledger(first)
    assert_there_was_something_of_everything(first)


def assert_there_was_something_of_everything(arena: SmallArena) -> None:
    answers = arena.records(r.Answered)
    assert sum(answer.late for answer in answers) > 3
    assert sum(bool(answer.failure) for answer in answers) > 3
    assert sum(bool(answer.swapped_from) for answer in answers) > 3
    assert len(arena.records(r.Filled)) > 10
    assert arena.ledger("ann").model_cost_usd > 0
    whys = [closed.why for closed in arena.records(r.SlotClosed)]
    assert sum(why.startswith("model: no answer within 20000 ms") for why in whys) > 3


def test_what_was_not_recorded_fails_the_slot_and_calls_nobody(tmp_path: Path, no_network: None) -> None:
    arena = run_with(Paced(RecordedModel("moody", []), lambda: True))

    closed = [slot for slot in arena.records(r.SlotClosed) if slot.outcome == "failed"]
    assert len(closed) > 100
    assert all(slot.why.startswith("model: model moody: no reply was recorded for messages") for slot in closed)
    assert arena.records(r.Filled) == []


def test_the_state_after_such_a_run_is_the_fold_of_its_records(tmp_path: Path) -> None:
    arena = run_with(Moody())

    state = State()
    for entry in arena.entries:
        apply(state, entry)

    assert msgspec.json.encode(state) == msgspec.json.encode(arena.state)
