"""Prompt files: what is edited on disk is in force from the next slot on, and nothing else ever is."""

import os
from pathlib import Path

import pytest

from engine.executor.prompt import PromptError
from engine.executor.prompt_files import PromptFiles

USER = "{# Version: 1.0.0 #}\nWhat do you do?\n"


def files(folder: Path, user: str = USER) -> PromptFiles:
    """A system template, a user template and a strategy."""
    write(folder, "system", "{# Version: 2.0.0 #}\nTrade. {{ strategy }}\n")
    write(folder, "user", user)
    write(folder, "strategy", "{# Version: 3.0.0 #}\nBe bold.\n")
    return PromptFiles(folder / "system.j2", folder / "user.j2", folder / "strategy.j2")


def write(folder: Path, name: str, text: str) -> None:
    """As a careful editor does: the whole file at once, under a new inode."""
    fresh = folder / f"{name}.new"
    fresh.write_text(text)
    fresh.rename(folder / f"{name}.j2")


def test_files_that_stay_as_they_are_give_the_same_set_again(tmp_path: Path) -> None:
    source = files(tmp_path)

    assert source.current() is source.current()
    assert source.current().version.endswith(
        "/system 2.0.0, " + f"{tmp_path.name}/user 1.0.0, {tmp_path.name}/strategy 3.0.0"
    )


def test_an_edited_template_with_a_new_version_is_in_force_at_once(tmp_path: Path) -> None:
    source = files(tmp_path)
    before = source.current()

    write(tmp_path, "user", "{# Version: 1.1.0 #}\nWhat now?\n")
    after = source.current()

    assert (before.user.version, after.user.version) == ("1.0.0", "1.1.0")
    assert "What now?" in after.user.source
    assert before.digest != after.digest


def test_the_set_of_a_slot_that_is_under_way_does_not_change(tmp_path: Path) -> None:
    source = files(tmp_path)
    held = source.current()

    write(tmp_path, "user", "{# Version: 1.1.0 #}\nWhat now?\n")
    source.current()

    assert "What do you do?" in held.user.source


def test_an_edit_without_a_new_version_refuses_until_it_gets_one(tmp_path: Path) -> None:
    source = files(tmp_path)
    write(tmp_path, "user", "{# Version: 1.0.0 #}\nWhat now?\n")

    for _ in range(2):
        with pytest.raises(PromptError, match=r"user\.j2: its text changed and its version is still 1\.0\.0"):
            source.current()
    write(tmp_path, "user", "{# Version: 1.0.1 #}\nWhat now?\n")

    assert source.current().user.version == "1.0.1"


def test_a_template_that_vanishes_refuses_until_it_is_back(tmp_path: Path) -> None:
    source = files(tmp_path)
    (tmp_path / "user.j2").rename(tmp_path / "elsewhere.j2")

    for _ in range(2):
        with pytest.raises(PromptError, match=r"user\.j2: there is no such template"):
            source.current()
    (tmp_path / "elsewhere.j2").rename(tmp_path / "user.j2")

    assert source.current().user.source == USER


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("What now?\n", "the first line has to say its version"),
        ("{# Version: 1.1.0 #}\n{{ equity }}\n", "asks for equity"),
        ("{# Version: 1.1.0 #}\n{% if %}\n", r"user\.j2:2: "),
        ("", "the first line has to say its version"),
    ],
)
def test_a_faulty_edit_refuses_and_the_old_text_is_not_fallen_back_to(
    tmp_path: Path, text: str, complaint: str
) -> None:
    source = files(tmp_path)
    write(tmp_path, "user", text)

    for _ in range(2):
        with pytest.raises(PromptError, match=complaint):
            source.current()
    write(tmp_path, "user", USER)

    assert source.current().user.source == USER


def test_files_that_cannot_be_used_refuse_the_start(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="there is no such template"):
        PromptFiles(tmp_path / "system.j2", tmp_path / "user.j2")
    with pytest.raises(PromptError, match="has to say its version"):
        files(tmp_path, user="What?")


def test_a_file_that_was_only_touched_changes_nothing(tmp_path: Path) -> None:
    source = files(tmp_path)
    before = source.current()

    os.utime(tmp_path / "user.j2", ns=(1, 1))

    assert source.current() == before
