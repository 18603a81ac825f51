"""The inbox: a request is taken once, and one that was withdrawn is not taken at all."""

from pathlib import Path

import pytest

from engine.inbox import Inbox
from engine.manager.control import Answer, Command


def a_command(request: str = "1-a") -> Command:
    return Command(request=request, verb="pause", trader="ann", by="me", expires_ms=15_000)


def test_a_request_is_taken_once(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.post(a_command())

    taken, again = inbox.take(), inbox.take()

    assert (taken, again) == ([a_command()], [])


def test_a_request_that_is_withdrawn_while_it_is_read_is_not_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.post(a_command("1-a"))
    inbox.post(a_command("2-b"))
    read = Path.read_bytes

    def withdrawn_after_reading(path: Path) -> bytes:
        content = read(path)
        inbox.withdraw("1-a")
        return content

    monkeypatch.setattr(Path, "read_bytes", withdrawn_after_reading)

    assert inbox.take() == [a_command("2-b")]


@pytest.mark.parametrize("content", ["", "{}", '{"request": "other", "verb": "pause"}', "[1"])
def test_a_request_that_cannot_be_read_comes_back_as_its_answer(tmp_path: Path, content: str) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.open()
    (inbox.folder / "1-a.request.json").write_text(content)

    (answer,) = inbox.take()

    assert isinstance(answer, Answer)
    assert (answer.request, answer.ok) == ("1-a", False)


def test_nobody_else_can_enter_the_folder(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")

    inbox.open()

    assert inbox.folder.stat().st_mode & 0o777 == 0o700
