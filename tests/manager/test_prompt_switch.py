"""Prompts in a running arena: switched between two slots, refused when they are faulty, and never in silence."""

from pathlib import Path

from msgspec.structs import replace

from engine.executor.prompt_files import PromptFiles
from engine.manager.record import Incident, Planned, SlotClosed
from tests.arena.chat import Speaker, model_decider, says
from tests.arena.small_arena import SmallArena, Trader

FLAT = {"BTC": [100.0] * 10, "ETH": [10.0] * 10}


class Asked:
    """An arena whose trader ann reads its templates from files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("system", "1.0.0", "Trade.")
        self.write("user", "1.0.0", "What do you do?")
        self.speaker = Speaker(says())
        self.arena = SmallArena({"ann": self.trader()}, FLAT).observe()

    def trader(self) -> Trader:
        source = PromptFiles(self.folder / "system.j2", self.folder / "user.j2")
        return Trader(decider=replace(model_decider(self.speaker), prompts=source))

    def write(self, name: str, version: str, text: str) -> None:
        fresh = self.folder / f"{name}.new"
        fresh.write_text(f"{{# Version: {version} #}}\n{text}\n")
        fresh.rename(self.folder / f"{name}.j2")

    def slot(self, minute: int) -> SlotClosed:
        return self.arena.at(minute).observe().slot("ann")

    def switches(self) -> list[str]:
        return [found.detail for found in self.arena.records(Incident) if found.what == "prompt_switched"]


def test_an_edited_prompt_is_asked_from_the_next_slot_on_and_recorded(tmp_path: Path) -> None:
    asked = Asked(tmp_path)

    asked.slot(1)
    asked.write("user", "1.1.0", "What now?")
    asked.slot(2)
    asked.slot(3)

    assert [messages[1].content for messages in asked.speaker.asked] == [
        "What do you do?\n",
        "What now?\n",
        "What now?\n",
    ]
    first, second, third = asked.arena.records(Planned, "ann")
    assert first.prompt_version.endswith("/user 1.0.0")
    assert second.prompt_version.endswith("/user 1.1.0")
    assert first.prompt_templates != second.prompt_templates == third.prompt_templates
    [switch] = asked.switches()
    assert f"user 1.0.0 ({first.prompt_templates}) became" in switch
    assert f"user 1.1.0 ({second.prompt_templates})" in switch


def test_a_missing_or_faulty_prompt_fails_the_slot_and_nobody_is_asked(tmp_path: Path) -> None:
    asked = Asked(tmp_path)
    (tmp_path / "user.j2").unlink()

    missing = asked.slot(1)
    asked.write("user", "1.0.1", "{{ what }}")
    faulty = asked.slot(2)
    asked.write("user", "1.0.2", "What now?")
    mended = asked.slot(3)

    assert (missing.outcome, faulty.outcome, mended.outcome) == ("failed", "failed", "held")
    assert missing.why.startswith("prompt: ")
    assert missing.why.endswith("user.j2: there is no such template")
    assert "asks for what" in faulty.why
    assert len(asked.speaker.asked) == 1


def test_templates_that_changed_while_nothing_ran_are_noticed_even_under_an_old_version(tmp_path: Path) -> None:
    asked = Asked(tmp_path)
    asked.slot(1)

    asked.write("user", "1.0.0", "What now?")
    restarted = SmallArena({"ann": asked.trader()}, FLAT, after=asked.arena)
    restarted.at(2).observe().slot("ann")

    [switch] = [found.detail for found in restarted.records(Incident) if found.what == "prompt_switched"]
    assert "user 1.0.0 changed under its old versions" in switch
