"""Models that are really called have no past: history passes them by, and a backtest refuses them."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.cli.commands import run_command_line
from tests.arena.chat import Speaker, model_decider, says
from tests.arena.small_arena import SmallArena, Trader
from tests.config.example import with_line, write


def test_while_history_is_played_a_model_that_is_called_is_not_asked_and_leaves_no_slots() -> None:
    called, scripted = Speaker(says()), Speaker(says())
    arena = SmallArena(
        {
            "called": Trader(decider=replace(model_decider(called), live_only=True)),
            "scripted": Trader(decider=model_decider(scripted)),
        }
    )

    arena.play(10)

    assert (len(called.asked), arena.outcomes("called")) == (0, [])
    assert (len(scripted.asked), arena.outcomes("scripted")) == (10, ["held"] * 10)


def test_a_backtest_with_a_model_that_is_called_is_refused_with_what_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZENMUX_API_KEY", "k")
    config = write(tmp_path, with_line("manager.yaml", "model: script", "model: gpt-5"))

    code = run_command_line(["backtest", "--config", str(config), "--from", "2025-03-01", "--to", "2025-03-02"])

    told = capsys.readouterr().err
    assert code == 2
    assert "a backtest calls no model, and ann asks gpt-5 of type openai" in told
    assert "recorded" in told
