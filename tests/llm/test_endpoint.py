"""A model behind an endpoint, over real HTTP: what is asked, what comes back, and every way in which it goes wrong."""

import asyncio
import json
import time
from decimal import Decimal
from typing import Any

import openai
import pytest

from engine.executor.contract import decision_schema
from engine.executor.parse import ReplyMalformed, parse
from engine.executor.ports import ModelUnavailable
from engine.executor.selector.reply import weights_schema
from engine.llm.breaker import FAILURES_IN_A_ROW
from engine.llm.models import Models
from tests.standin.asking import KEY, QUESTION, ask, standing_in, terms
from tests.standin.ends import ENDS
from tests.standin.faults import FAULTS, HOLD, always, body, changed, good, in_turn, no_schema, packed, saying, status
from tests.standin.server import StandIn

SCHEMA = decision_schema(["BTC", "ETH"])


def test_every_fault_of_the_stand_in_has_its_expected_end() -> None:
    assert list(ENDS) == list(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_ends_as_it_should_within_the_deadline(name: str) -> None:
    end = ENDS[name]

    async with standing_in(FAULTS[name], retries=1) as (standin, models):
        begun = time.monotonic()
        try:
            reply = await ask(models.alone("m"), timeout_ms=900)
            found, paid = "understood", reply.cost_usd
            parse(reply.raw, finish_reason=reply.finish_reason)
        except ModelUnavailable as unavailable:
            found = f"unavailable: {unavailable.kind}".removesuffix(": ")
            paid = unavailable.cost_usd
        except ReplyMalformed as malformed:
            found = malformed.status
        passed = time.monotonic() - begun

    assert (found, len(standin.asked)) == (end.status, end.calls)
    assert passed < 1.5
    match end.cost:
        case "nothing":
            assert paid == 0
        case "the dearest":
            assert paid == Decimal("0.010302")  # 151 tokens at 2 USD and 1,000 at 10 USD per million
        case "as counted":
            assert 0 < paid < Decimal("0.3")


async def test_the_unmodified_library_takes_what_the_stand_in_answers() -> None:
    async with (
        StandIn(always(good), lambda asked: HOLD) as standin,
        openai.AsyncOpenAI(base_url=standin.base_url, api_key=KEY, max_retries=0) as client,
    ):
        answer = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}], max_completion_tokens=5, seed=1
        )

    assert answer.choices[0].message.content == HOLD
    assert answer.usage is not None
    assert (answer.model, answer.usage.prompt_tokens, answer.system_fingerprint) == ("m-2025-01-01", 1, "fp_standin")


async def test_a_reply_keeps_what_the_endpoint_says_of_itself_and_costs_what_it_counted() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 40}}

    async with standing_in(changed(usage=usage)) as (_, models):
        reply = await ask(models.alone("m"))

    assert (reply.raw, reply.finish_reason) == (HOLD.encode(), "stop")
    assert (reply.model, reply.fingerprint) == ("vendor/m-2025-01-01", "fp_standin")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (100, 50, 40)
    assert reply.cost_usd == Decimal("0.000660")  # 60 at 2, 40 at 1 and 50 at 10 USD per million
    assert (reply.attempts, reply.swapped_from, reply.structured) == (1, "", False)


async def test_the_request_says_what_is_configured_and_nothing_else() -> None:
    parameters = {"temperature": 0.5, "seed": 7, "reasoning_effort": "low", "verbosity": "low"}

    async with standing_in(good, parameters=parameters) as (standin, models):
        await ask(models.alone("m", SCHEMA))

    (asked,) = standin.asked
    said = dict(asked.body)
    form = said.pop("response_format")
    assert said == {
        "model": "vendor/m",
        "messages": [{"role": message.role, "content": message.content} for message in QUESTION],
        "max_completion_tokens": 1_000,
        **parameters,
    }
    assert (form["type"], form["json_schema"]["strict"], form["json_schema"]["schema"]) == ("json_schema", True, SCHEMA)
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert (asked.headers["authorization"], asked.headers["accept-encoding"]) == (f"Bearer {KEY}", "identity")
    assert "openai-organization" not in asked.headers


async def test_without_a_key_none_is_sent() -> None:
    async with standing_in(good, reveal_key=lambda: "") as (standin, models):
        reply = await ask(models.alone("m"))

    assert reply.raw == HOLD.encode()
    assert "authorization" not in standin.asked[0].headers


async def test_what_fails_at_no_cost_is_asked_again_and_the_reply_says_how_often() -> None:
    async with standing_in() as (standin, models):
        standin.choose = in_turn(status(503), status(429, retry_after="0"), good)
        reply = await ask(models.alone("m"))

    assert (reply.raw, reply.attempts) == (HOLD.encode(), 3)
    assert reply.latency_ms >= 400  # two pauses of at least half of 400 ms and 800 ms


async def test_an_endpoint_that_asks_for_a_pause_gets_it() -> None:
    async with standing_in() as (standin, models):
        standin.choose = in_turn(status(429, retry_after="1"), good)
        begun = time.monotonic()
        await ask(models.alone("m"))

    assert 1.0 <= time.monotonic() - begun < 2.0


async def test_no_connection_costs_nothing() -> None:
    async with standing_in() as (standin, _):
        gone = terms(standin, retries=0)
    async with standing_in(good, base_url=gone.base_url) as (_, models):
        with pytest.raises(ModelUnavailable, match="no connection") as caught:
            await ask(models.alone("m"), timeout_ms=500)

    assert (caught.value.cost_usd, caught.value.prompt_tokens) == (Decimal(0), 0)


async def test_who_hangs_up_closes_the_connection() -> None:
    async with standing_in(FAULTS["L-05 never ends"]) as (standin, models):
        asking = asyncio.create_task(ask(models.alone("m")))
        await asyncio.sleep(0.3)
        asking.cancel()
        await asyncio.wait([asking])
        await asyncio.sleep(0.1)

        assert (asking.cancelled(), standin.hung_up) == (True, 1)


async def test_a_key_that_an_endpoint_repeats_is_not_in_the_reason() -> None:
    async with standing_in(status(401, f"Incorrect API key provided: {KEY}")) as (_, models):
        with pytest.raises(ModelUnavailable) as caught:
            await ask(models.alone("m"))

    assert "Incorrect API key provided: ***" in str(caught.value)
    assert KEY not in str(caught.value)


async def test_a_key_that_an_endpoint_repeats_elsewhere_is_not_kept_either() -> None:
    echo = f"you sent Authorization: Bearer {KEY}"
    cut = "x" * 290 + KEY  # of which a reason shows the beginning alone
    complaint = json.dumps({"error": {"message": echo}}).encode()

    async with standing_in(body(echo.encode(), kind="text/html"), retries=0) as (standin, models):
        page = await ask(models.alone("m"))
        reasons = []
        for behaviour in (body(complaint), status(401, cut)):
            standin.choose = always(behaviour)
            with pytest.raises(ModelUnavailable) as caught:
                await ask(models.alone("m"))
            reasons.append(str(caught.value))

    assert page.raw == b"you sent Authorization: Bearer ***"
    assert reasons[0] == "HTTP 502: you sent Authorization: Bearer ***"
    assert KEY[:6] not in reasons[1]


async def test_an_error_beside_which_tokens_are_counted_may_be_billed_and_is_not_tried_again() -> None:
    usage = {"prompt_tokens": 101, "completion_tokens": 5}
    broke_off = {"choices": [{"error": {"code": 502, "message": "it broke off"}}], "usage": usage}

    async with standing_in(body(json.dumps(broke_off).encode())) as (standin, models):
        with pytest.raises(ModelUnavailable, match="HTTP 502: it broke off") as caught:
            await ask(models.alone("m"))

    assert (caught.value.cost_usd, len(standin.asked)) == (Decimal("0.010302"), 1)


async def test_a_body_in_an_alphabet_that_there_is_not_is_read_all_the_same() -> None:
    async with standing_in(status(500, "busy", content_type="text/plain; charset=hex"), retries=0) as (_, models):
        with pytest.raises(ModelUnavailable, match="HTTP 500 error: busy"):
            await ask(models.alone("m"))


@pytest.mark.parametrize("key", ["sk-0123456\n", "sk-0123456\u00e9"])
async def test_a_request_that_cannot_be_made_costs_nothing_and_shows_no_key(key: str) -> None:
    async with standing_in(good, reveal_key=lambda: key) as (standin, models):
        with pytest.raises(ModelUnavailable, match="the request could not be made") as caught:
            await ask(models.alone("m"))

    assert "0123456" not in str(caught.value)
    assert (caught.value.cost_usd, standin.asked) == (Decimal(0), [])


async def test_no_call_takes_longer_than_it_may_though_there_is_time_left() -> None:
    async with standing_in(FAULTS["L-05 no first byte"], timeout_ms=200, late_ms=5_000) as (standin, models):
        with pytest.raises(ModelUnavailable, match="no answer within 200 ms") as caught:
            await ask(models.alone("m"))

    assert (caught.value.kind, len(standin.asked)) == ("timeout", 1)


@pytest.mark.parametrize(("prompt", "completion"), [(0, 0), (0, 32), (151, 0)])
async def test_an_endpoint_that_counts_nothing_is_not_believed(prompt: int, completion: int) -> None:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}

    async with standing_in(changed(usage=usage)) as (_, models):
        reply = await ask(models.alone("m"))

    assert (reply.prompt_tokens, reply.completion_tokens) == (151, 32)  # two bytes a token


async def test_messages_with_a_secret_of_the_configuration_are_not_sent() -> None:
    async with standing_in() as (standin, _):
        careful = Models({"m": terms(standin)}, secrets=("0xdeadbeef", "xxxxxx"))
        for _ in range(FAILURES_IN_A_ROW + 1):  # which the model cannot be blamed for
            with pytest.raises(ModelUnavailable, match="a secret of the configuration stands in the prompt"):
                await ask(careful.model("m"))
        await careful.aclose()

    assert standin.asked == []


async def test_what_is_too_short_for_a_secret_stops_no_message() -> None:
    async with standing_in() as (standin, _):
        careful = Models({"m": terms(standin)}, secrets=("0xdeadbeef", "xxx"))
        await ask(careful.alone("m"))
        await careful.aclose()

    assert len(standin.asked) == 1


async def test_an_endpoint_that_takes_no_schema_is_asked_without_and_it_is_remembered() -> None:
    async with standing_in(no_schema) as (standin, models):
        first = await ask(models.alone("m", SCHEMA))
        second = await ask(models.alone("m", SCHEMA))

    assert (first.structured, first.attempts, second.structured, second.attempts) == (False, 2, False, 1)
    assert ["response_format" in asked.body for asked in standin.asked] == [True, False, False]


async def test_one_that_takes_a_schema_is_not_doubted_when_it_refuses_something_else() -> None:
    async with standing_in() as (standin, models):
        standin.choose = in_turn(good, status(400, "context too long"))
        first = await ask(models.alone("m", SCHEMA))
        with pytest.raises(ModelUnavailable, match="context too long"):
            await ask(models.alone("m", SCHEMA))

    assert first.structured
    assert ["response_format" in asked.body for asked in standin.asked] == [True, True]


async def test_what_is_known_of_one_contract_says_nothing_about_another() -> None:
    async with standing_in() as (standin, models):
        standin.choose = in_turn(good, status(400, "enum is not supported"), good)
        weights = await ask(models.alone("m", weights_schema(["trend", "cash"])))
        decisions = await ask(models.alone("m", SCHEMA))

    assert (weights.structured, decisions.structured, decisions.attempts) == (True, False, 2)


async def test_a_request_that_fails_either_way_teaches_nothing_about_schemas() -> None:
    async with standing_in() as (standin, models):
        standin.choose = in_turn(status(400, "no"), status(400, "no"), good)
        with pytest.raises(ModelUnavailable):
            await ask(models.alone("m", SCHEMA))
        reply = await ask(models.alone("m", SCHEMA))

    assert (reply.structured, len(standin.asked)) == (True, 3)


async def test_a_model_whose_schemas_are_off_is_asked_for_plain_text() -> None:
    async with standing_in(good, structured=False) as (standin, models):
        reply = await ask(models.alone("m", SCHEMA))

    assert (reply.structured, "response_format" in standin.asked[0].body) == (False, False)


CONTENTS: list[tuple[dict[str, Any], str, bytes]] = [
    ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "stop", b"ab"),
    ({"content": "", "reasoning_content": "I think"}, "stop", b""),
    ({"content": None, "refusal": "no"}, "refusal", b"no"),
    ({"content": "yes", "refusal": "no"}, "stop", b"yes"),
    ({"content": "\ud800"}, "stop", b"\xed\xa0\x80"),
    ({"content": 5}, "stop", b""),
]


@pytest.mark.parametrize(("message", "finish_reason", "raw"), CONTENTS)
async def test_the_text_of_a_message_is_found_wherever_it_stands(
    message: dict[str, Any], finish_reason: str, raw: bytes
) -> None:
    async with standing_in(saying("", message=message)) as (_, models):
        reply = await ask(models.alone("m"))

    assert (reply.raw, reply.finish_reason) == (raw, finish_reason)


async def test_what_comes_packed_all_the_same_is_read() -> None:
    async with standing_in(packed) as (_, models):
        reply = await ask(models.alone("m"))

    assert reply.raw == HOLD.encode()


async def test_a_reply_of_nearly_a_megabyte_of_escaped_letters_arrives_whole() -> None:
    text = json.dumps({"decisions": [], "summary": "涨" * 80_000}, ensure_ascii=False)

    async with standing_in(saying(text)) as (_, models):
        reply = await ask(models.alone("m"))

    assert reply.raw == text.encode()
    assert parse(reply.raw).summary == "涨" * 80_000
