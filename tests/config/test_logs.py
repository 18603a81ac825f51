"""Logs: one event a line, libraries' messages included, and nothing secret in any of them."""

import base64
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from engine import logs
from engine.config.secret import Secret

CANARY = "0xcanary-key/of 32 bytes"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_a_phrase_and_its_fields() -> None:
    stream = io.StringIO()
    logs.configure("info", json=True, stream=stream)

    logs.logger("engine.manager").info("slot closed", trader="ann", outcome="acted", latency_ms=12)

    (line,) = lines(stream)
    assert (line["event"], line["trader"], line["outcome"], line["latency_ms"]) == ("slot closed", "ann", "acted", 12)
    assert (line["level"], line["logger"]) == ("info", "engine.manager")
    assert str(line["time"]).endswith("Z")


def test_messages_of_libraries_take_the_same_form_and_the_same_level() -> None:
    stream = io.StringIO()
    logs.configure("warning", json=True, stream=stream)

    logging.getLogger("some.library").warning("lost %s of %s", 1, 2)
    logging.getLogger("some.library").info("too quiet")
    logs.logger("engine").info("too quiet as well")

    assert [line["event"] for line in lines(stream)] == ["lost 1 of 2"]


def test_a_second_configuration_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.configure("info", json=True, stream=first)
    logs.configure("info", json=True, stream=second)

    logs.logger("engine").info("once")

    assert (first.getvalue(), len(lines(second))) == ("", 1)


@pytest.mark.parametrize("as_json", [True, False])
def test_secrets_are_masked_by_type_by_name_and_by_value(as_json: bool) -> None:
    stream = io.StringIO()
    logs.configure("info", as_json, secrets=[CANARY], stream=stream)

    logs.logger("engine").info(
        "asked",
        by_type=Secret("typed-canary"),
        api_key="named-canary",
        nested={"private_key": "named-canary", "headers": [{"Authorization": "Bearer named-canary"}]},
        url=f"https://x/?q={CANARY}",
        encoded=base64.b64encode(CANARY.encode()).decode(),
        hexed=CANARY.encode().hex(),
        client_order_id="0x12",
        prompt_tokens=7,
    )

    text = stream.getvalue()
    assert "canary" not in text
    assert CANARY.encode().hex() not in text
    assert base64.b64encode(CANARY.encode()).decode().rstrip("=") not in text
    assert "0x12" in text
    assert "7" in text


def test_a_secret_in_a_traceback_is_masked() -> None:
    stream = io.StringIO()
    logs.configure("info", json=True, secrets=[CANARY], stream=stream)

    try:
        raise ValueError(f"cannot sign with {CANARY}")
    except ValueError:
        logs.logger("engine").exception("signing failed")

    assert "ValueError: cannot sign with ***" in str(lines(stream)[0]["exception"])


def test_the_fields_of_messages_from_the_standard_library_are_shown_and_redacted_alike() -> None:
    stream = io.StringIO()
    logs.configure("info", json=True, stream=stream)

    logging.getLogger("engine.journal").error("file not written", extra={"trader": "ann", "password": "open sesame"})

    (line,) = lines(stream)
    assert (line["event"], line["trader"], line["password"]) == ("file not written", "ann", "***")


def test_prompts_and_replies_show_as_their_length_unless_asked_for() -> None:
    quiet, verbose = io.StringIO(), io.StringIO()

    logs.configure("info", json=True, stream=quiet)
    logs.logger("engine").info("answered", prompt="buy low", reply="no")
    logs.configure("info", json=True, verbose_llm=True, stream=verbose)
    logs.logger("engine").info("answered", prompt="buy low", reply="no")

    assert (lines(quiet)[0]["prompt"], lines(quiet)[0]["reply"]) == ("(7 characters)", "(2 characters)")
    assert (lines(verbose)[0]["prompt"], lines(verbose)[0]["reply"]) == ("buy low", "no")


def test_a_value_that_json_does_not_know_is_written_as_its_text() -> None:
    stream = io.StringIO()
    logs.configure("info", json=True, stream=stream)

    logs.logger("engine").info("odd", value={1}, error=ValueError("x"))

    assert (lines(stream)[0]["value"], lines(stream)[0]["error"]) == ("{1}", "x")


@pytest.mark.parametrize(
    ("level", "models", "shown"), [("info", "warning", 1), ("debug", "info", 2), ("error", "debug", 0)]
)
def test_what_is_said_about_endpoints_has_a_level_of_its_own_and_the_common_one(
    level: logs.Level, models: logs.Level, shown: int
) -> None:
    stream = io.StringIO()
    logs.configure(level, json=True, models=models, stream=stream)

    log = logs.logger(logs.MODELS)
    log.debug("asked")
    log.info("answered")
    log.warning("failed")

    assert len(lines(stream)) == shown
