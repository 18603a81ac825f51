"""``engine llm ping``: it says whether endpoint, key and model are right, in words and by its exit code."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from engine.cli.commands import run_command_line
from tests.config.example import TEXTS, write
from tests.standin.aside import aside
from tests.standin.faults import FAULTS, always, good, no_schema, status
from tests.standin.server import StandIn


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """The command sends its logs elsewhere."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with aside(always(good), lambda asked: '{"answer": "pong"}') as serving:
        yield serving


def configured(folder: Path, standin: StandIn, more: str = "") -> Path:
    """The example, whose gpt-5 is at the stand-in."""
    own = f"model_name: openai/gpt-5\n    base_url: {standin.base_url}\n{more}"
    return write(folder, {"llm.yaml": TEXTS["llm.yaml"].replace("model_name: openai/gpt-5\n", own)})


def ping(config: Path, *options: str) -> int:
    return run_command_line(["llm", "ping", "--model", "gpt-5", "--config", str(config), *options])


def test_a_model_that_answers_is_told_with_all_that_it_says_of_itself(
    tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZENMUX_API_KEY", "sk-canary-0123")
    prices = "    prices: {input_usd: 1000, output_usd: 1000000, cached_usd: 0}\n"

    code = ping(configured(tmp_path, standin, prices))

    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert code == 0
    assert told["model"] == "openai/gpt-5-2025-01-01"
    assert told["fingerprint"] == "fp_standin"
    assert told["answer"] == '{"answer": "pong"}'
    assert told["tokens"] == "24 (12 cached) in, 4 out"
    assert told["cost"] == "4.012 USD by the configured prices"
    assert told["schema"] == "taken"
    assert standin.asked[0].headers["authorization"] == "Bearer sk-canary-0123"


def test_one_that_takes_no_schema_is_said_to(
    tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZENMUX_API_KEY", "k")
    standin.choose = always(no_schema)

    code = ping(configured(tmp_path, standin))

    assert code == 0
    assert "schema      not taken" in capsys.readouterr().out


def test_a_refused_key_is_a_no_that_says_where_to_look(
    tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZENMUX_API_KEY", "sk-canary-0123")
    standin.choose = always(status(401, "Incorrect API key provided: sk-canary-0123"))

    code = ping(configured(tmp_path, standin))

    told = capsys.readouterr()
    assert code == 1
    assert "gpt-5: unavailable: HTTP 401" in told.err
    assert "look at api_key" in told.err
    assert "canary" not in told.out + told.err


def test_a_server_that_is_no_endpoint_is_a_no(
    tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZENMUX_API_KEY", "k")
    standin.choose = always(FAULTS["L-01 html"])

    code = ping(configured(tmp_path, standin))

    assert code == 1
    assert "502 Bad Gateway" in capsys.readouterr().out


def test_one_that_does_not_answer_is_waited_for_as_long_as_asked(
    tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZENMUX_API_KEY", "k")
    standin.choose = always(FAULTS["L-05 no first byte"])

    code = ping(configured(tmp_path, standin), "--timeout", "500ms")

    assert code == 1
    assert "no answer within 450 ms" in capsys.readouterr().err


def test_nobody_is_called_without_the_key_or_for_a_model_that_is_not_there(
    tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ZENMUX_API_KEY", raising=False)
    config = configured(tmp_path, standin)

    codes = [
        ping(config),
        run_command_line(["llm", "ping", "--config", str(config)]),
        run_command_line(["llm", "ping", "--model", "gpt-5", "--timeout", "soon", "--config", str(config)]),
    ]

    told = capsys.readouterr().err
    assert codes == [2, 2, 2]
    assert "its key is ${ZENMUX_API_KEY}, which is not set" in told
    assert "--model was 'script'; models of type openai: gpt-5" in told
    assert standin.asked == []
