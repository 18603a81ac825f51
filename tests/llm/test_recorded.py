"""Recorded models repeat exchanges byte for byte and never make one up."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from engine.executor.ports import ChatModel, Message, ModelUnavailable, Reply
from engine.llm.recorded import (
    Paced,
    RecordedModel,
    Recording,
    RecordingUnreadable,
    drop_torn_line,
    exchange_of,
    read_exchanges,
    write_exchange,
)
from engine.llm.scripted import ScriptedModel

HELLO = (Message(role="system", content="rules"), Message(role="user", content="hello"))
BYE = (Message(role="user", content="bye"),)


class Parrot:
    """A model that answers with what it is given to say."""

    name = "vendor/parrot 1"
    worst_case_cost_usd = Decimal("0.5")

    def __init__(self, *says: bytes) -> None:
        self._says = list(says)

    async def complete(self, messages: object, *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        return Reply(
            raw=self._says.pop(0),
            model="parrot-2025",
            finish_reason="length",
            prompt_tokens=3,
            completion_tokens=4,
            cost_usd=Decimal("0.0012"),
            latency_ms=50,
        )


def stopped() -> int:
    """A clock that stands still."""
    return 0


async def ask(model: ChatModel, messages: tuple[Message, ...], trader: str = "ann", slot_ms: int = 0) -> Reply:
    return await model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=1000)


async def test_what_was_recorded_is_answered_again_byte_for_byte(tmp_path: Path) -> None:
    texts = [b"plain", b"\xff\x00 not text \xc3", "naïve\n\u2028".encode(), b"", b"\x00"]
    recording = Recording(Parrot(*texts), tmp_path / "runs", stopped)
    asked = [(Message(role="user", content=str(place)),) for place in range(len(texts))]
    said = [await ask(recording, messages) for messages in asked]

    replayed = RecordedModel.load("r", tmp_path / "runs")

    assert [await ask(replayed, messages) for messages in asked] == said
    assert [reply.raw for reply in said] == texts
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["vendor_parrot_1.jsonl"]
    assert (recording.name, recording.worst_case_cost_usd) == ("vendor/parrot 1", Decimal("0.5"))
    assert (replayed.name, replayed.worst_case_cost_usd) == ("r", Decimal(0))


async def test_a_message_that_was_never_recorded_is_unavailable() -> None:
    model = RecordedModel("r", [exchange_of(HELLO, Reply(raw=b"hi", model="m"), trader="ann", slot_ms=0)])

    assert (await ask(model, HELLO)).raw == b"hi"
    with pytest.raises(
        ModelUnavailable, match=r"model r: no reply was recorded for messages .* 1 prompts are on record"
    ):
        await ask(model, BYE)


async def test_of_two_recordings_of_the_same_messages_the_askers_own_answers() -> None:
    model = RecordedModel(
        "r",
        [
            exchange_of(HELLO, Reply(raw=b"to ann", model="m"), trader="ann", slot_ms=0),
            exchange_of(HELLO, Reply(raw=b"to bob", model="m"), trader="bob", slot_ms=0),
        ],
    )

    assert (await ask(model, HELLO, trader="bob")).raw == b"to bob"
    assert (await ask(model, HELLO, trader="cyd")).raw == b"to ann"


async def test_roles_and_borders_of_messages_belong_to_the_prompt() -> None:
    model = RecordedModel("r", [exchange_of(HELLO, Reply(raw=b"hi", model="m"), trader="ann", slot_ms=0)])
    joined = (Message(role="system", content="ruleshello"),)
    swapped = (Message(role="user", content="rules"), Message(role="system", content="hello"))

    for other in (joined, swapped, HELLO[::-1]):
        with pytest.raises(ModelUnavailable):
            await ask(model, other)


async def test_a_line_that_a_crash_tore_is_passed_over_and_cut_off_before_the_next(tmp_path: Path) -> None:
    await ask(Recording(Parrot(b"whole"), tmp_path, stopped), HELLO)
    [path] = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b'{"digest":"torn')

    assert len(read_exchanges(tmp_path)) == 1
    await ask(Recording(Parrot(b"next"), tmp_path, stopped), BYE)
    assert [exchange.raw for exchange in read_exchanges(tmp_path)] == ["whole", "next"]


@pytest.mark.parametrize("torn", [0, 1, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("whole", [b"", b"a\n", b"a\nb\n"])
def test_a_torn_line_of_any_length_goes_and_whole_lines_stay(tmp_path: Path, whole: bytes, torn: int) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(whole + torn * b"x")

    drop_torn_line(path)

    assert path.read_bytes() == whole


@pytest.mark.parametrize("line", [b"not json", b"{}", b"", b'{"digest":1}'])
async def test_any_other_unreadable_line_is_named(tmp_path: Path, line: bytes) -> None:
    await ask(Recording(Parrot(b"whole"), tmp_path, stopped), HELLO)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + line + b"\n")

    with pytest.raises(RecordingUnreadable, match=r"vendor_parrot_1\.jsonl:2: is not a recorded exchange"):
        RecordedModel.load("r", tmp_path)


def test_bytes_that_cannot_be_restored_are_named(tmp_path: Path) -> None:
    line = b'{"digest":"d","trader":"a","slot_ms":0,"messages":[],"model":"m","raw_base64":"!"}\n'
    (tmp_path / "broken.jsonl").write_bytes(line)

    with pytest.raises(RecordingUnreadable, match=r"broken\.jsonl:1"):
        read_exchanges(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingUnreadable, match="there is no such folder"):
        RecordedModel.load("r", tmp_path / "nowhere")


async def test_that_nothing_was_recorded_is_passed_on_and_not_recorded(tmp_path: Path) -> None:
    silent = RecordedModel("silent", [])

    with pytest.raises(ModelUnavailable) as caught:
        await ask(Recording(silent, tmp_path, stopped), HELLO)
    assert caught.value.kind == "recording"
    assert list(tmp_path.iterdir()) == []


async def test_a_scripted_model_can_be_recorded_like_any_other(tmp_path: Path) -> None:
    said = await ask(Recording(ScriptedModel("s"), tmp_path, stopped), HELLO)

    assert await ask(RecordedModel.load("s", tmp_path), HELLO) == said


class Failing:
    """Fails in the way it was told."""

    name = "failing"
    worst_case_cost_usd = Decimal(0)

    def __init__(self, failure: BaseException) -> None:
        self._failure = failure

    async def complete(self, messages: object, *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        raise self._failure


async def test_a_failure_fails_again_in_the_same_way_and_at_the_same_price(tmp_path: Path) -> None:
    failure = ModelUnavailable("HTTP 500", kind="quota", cost_usd=Decimal("0.3"), prompt_tokens=7, completion_tokens=2)
    with pytest.raises(ModelUnavailable):
        await ask(Recording(Failing(failure), tmp_path, stopped), HELLO)

    with pytest.raises(ModelUnavailable, match="HTTP 500") as caught:
        await ask(RecordedModel.load("r", tmp_path), HELLO)

    again = caught.value
    assert (again.kind, again.cost_usd) == ("quota", Decimal("0.3"))
    assert (again.prompt_tokens, again.completion_tokens) == (7, 2)


async def test_a_failure_of_one_slot_is_no_answer_for_another(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        await ask(Recording(Failing(ModelUnavailable("no route")), tmp_path, stopped), HELLO, slot_ms=1)

    with pytest.raises(ModelUnavailable, match="no reply was recorded"):
        await ask(RecordedModel.load("r", tmp_path), HELLO, slot_ms=2)


async def test_a_call_that_was_given_up_is_recorded_as_such(tmp_path: Path) -> None:
    with pytest.raises(asyncio.CancelledError):
        await ask(Recording(Failing(asyncio.CancelledError()), tmp_path, stopped), HELLO)

    [exchange] = read_exchanges(tmp_path)
    assert (exchange.kind, exchange.failure) == ("timeout", "the call was given up before its answer came")


async def test_everything_about_a_reply_survives_the_recording(tmp_path: Path) -> None:
    said = Reply(
        raw=b"{}",
        model="m",
        finish_reason="length",
        prompt_tokens=9,
        completion_tokens=8,
        cached_tokens=7,
        cost_usd=Decimal("0.000001"),
        latency_ms=6,
        fingerprint="fp",
        swapped_from="other",
        attempts=5,
        structured=True,
        from_cache=True,
    )
    write_exchange(tmp_path / "r.jsonl", exchange_of(HELLO, said, trader="ann", slot_ms=0))

    assert await ask(RecordedModel.load("r", tmp_path), HELLO) == said


async def test_a_recording_that_cannot_be_written_costs_the_line_and_not_the_reply(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    recording = Recording(ScriptedModel("s"), tmp_path / "runs", stopped)

    assert (await ask(recording, HELLO)).model == "scripted/momentum"


async def test_in_real_time_a_recorded_model_takes_the_time_that_it_took_once() -> None:
    exchange = exchange_of(HELLO, Reply(raw=b"hi", model="m"), trader="ann", slot_ms=0, took_ms=60)
    loop = asyncio.get_running_loop()

    async def took_s(real: bool) -> float:
        began = loop.time()
        await ask(Paced(RecordedModel("r", [exchange]), lambda: real), HELLO)
        return loop.time() - began

    assert await took_s(real=True) >= 0.055
    assert await took_s(real=False) < 0.05
