"""``engine prompt show``: what a trader would be asked now, or was asked last, with all that names it."""

import re
from pathlib import Path

import pytest

from engine.cli.commands import run_command_line
from engine.config import load
from engine.executor.tokens import tokens_in
from engine.journal.reader import read
from tests.processes.quick_arena import TRADERS, write_arena

SHOWN = re.compile(
    r"trader     (?P<trader>\S+)\n"
    r"instant    (?P<instant>\S+)\n"
    r"templates  (?P<version>.+)\n"
    r"digest     (?P<templates>[0-9a-f]{32}) \(templates\), (?P<digest>[0-9a-f]{32}) \(prompt\)\n"
    r"tokens     about (?P<tokens>\d+) \(system (?P<system>\d+), user (?P<user>\d+)\)(?P<counted>.*)\n"
    r"\n=== system ===\n(?P<rules>.*)\n=== user ===\n(?P<question>.*)",
    re.DOTALL,
)
VERSIONS = "executor/default 1.1.0, executor/user 1.1.0, manager/balanced_swing 1.0.0"


def shown(capsys: pytest.CaptureFixture[str], config: Path, *options: str, trader: str = "momentum") -> dict[str, str]:
    """The parts of what the command prints."""
    assert run_command_line(["prompt", "show", trader, "--config", str(config), *options]) == 0
    found = SHOWN.fullmatch(capsys.readouterr().out)
    assert found is not None
    return found.groupdict()


def traded(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Put a journal of five minutes of trading where the engine keeps its own."""
    folder = load(config, {}).root.journal.folder
    words = ["backtest", "--config", str(config), "--from", "2025-03-01T00:00:00Z", "--to", "2025-03-01T00:05:00Z"]
    assert run_command_line([*words, "--journal", str(folder)]) == 0
    capsys.readouterr()


def test_before_the_first_start_it_is_the_prompt_of_a_fresh_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_arena(tmp_path)

    found = shown(capsys, config, "--at", "2025-03-01T12:00:00Z")

    assert (found["trader"], found["instant"], found["version"]) == ("momentum", "2025-03-01T12:00:00Z", VERSIONS)
    assert "It is 2025-03-01 12:00 UTC. You have been trading for 0 minutes; this is decision 1." in found["question"]
    assert "equity: 12500.00 USD" in found["question"]  # 10 % of 125,000 USD
    assert "You follow the move that is there" in found["rules"]


def test_the_tokens_of_the_parts_are_those_of_the_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, write_arena(tmp_path), "--at", "2025-03-01T12:00:00Z")

    assert int(found["system"]) == tokens_in(found["rules"])
    assert int(found["user"]) == tokens_in(found["question"])
    assert int(found["tokens"]) == int(found["system"]) + int(found["user"])
    assert found["counted"] == ""


def test_the_same_instant_gives_the_same_prompt_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_arena(tmp_path)
    before = sorted(tmp_path.rglob("*"))

    one, other = (shown(capsys, config, "--at", "2025-03-01T12:00:00Z") for _ in range(2))

    assert one == other
    assert sorted(tmp_path.rglob("*")) == before


def test_after_a_run_it_is_the_account_that_the_journal_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_arena(tmp_path)
    traded(config, capsys)
    frames = len(list(read(load(config, {}).root.journal.folder)))

    found = shown(capsys, config, "--at", "2025-03-01T00:05:00Z")

    assert "You have been trading for 5 minutes; this is decision 301." in found["question"]
    assert len(list(read(load(config, {}).root.journal.folder))) == frames


def test_the_recorded_prompt_is_the_last_one_that_was_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_arena(tmp_path)
    traded(config, capsys)

    found = shown(capsys, config, "--recorded")

    assert (found["instant"], found["version"]) == ("2025-03-01T00:04:59Z", VERSIONS)
    assert "this is decision 300." in found["question"]
    assert re.fullmatch(r"; its model counted \d+", found["counted"])


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["nobody"], 2, "there is no trader 'nobody'; known: restless_one, "),
        (["restless_one"], 1, "restless_one: it decides without a model and reads no prompt"),
        (["momentum", "--at", "noon"], 2, "'noon' is not an instant"),
        (["momentum", "--recorded"], 1, "there is no journal here"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, complaint: str
) -> None:
    config = write_arena(tmp_path)

    assert run_command_line(["prompt", "show", *words, "--config", str(config)]) == code

    told = capsys.readouterr()
    assert told.out == ""
    assert complaint in told.err
    assert told.err.count("\n") == 1


def test_templates_that_can_never_be_used_are_faults_of_the_configuration_and_keep_a_run_from_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.j2").write_text("{# Version: 1.0.0 #}\n{{ equity }}\n")
    trader = {**TRADERS[3], "user_prompt_template": str(tmp_path / "mine.j2")}
    config = write_arena(tmp_path, {"manager": {"traders": [trader, {**trader, "id": "twin"}]}})

    assert run_command_line(["config", "check", "--config", str(config)]) == 78
    told = capsys.readouterr().err
    assert run_command_line(["backtest", "--config", str(config), "--from", "2025-03-01", "--to", "2025-03-02"]) == 2

    assert told.count("mine.j2: asks for equity; known: ") == 1
    assert "mine.j2: asks for equity" in capsys.readouterr().err


def test_a_template_that_cannot_be_filled_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.j2").write_text("{# Version: 1.0.0 #}\n{{ account.equity }}\n")
    trader = {**TRADERS[3], "user_prompt_template": str(tmp_path / "mine.j2")}
    config = write_arena(tmp_path, {"manager": {"traders": [trader]}})

    assert run_command_line(["prompt", "show", "momentum", "--config", str(config)]) == 1

    assert re.search(r"mine\.j2:2: .*has no attribute 'equity'", capsys.readouterr().err)
