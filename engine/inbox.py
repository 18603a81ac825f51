"""The inbox: commands of an operator on this machine, as files; the engine answers beside each."""

import os
from pathlib import Path

import msgspec

from engine.manager.control import Answer, Command

_MAX_BYTES = 65_536


class Inbox:
    """A folder only its owner can enter. A request is ``<id>.request.json``, its answer ``<id>.answer.json``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """Make the folder, closed to everybody else."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def post(self, command: Command) -> None:
        """Put a request where the engine will find it, whole or not at all."""
        self.open()
        self._write(f"{command.request}.request.json", msgspec.json.encode(command))

    def answer_to(self, request: str) -> Answer | None:
        """The engine's answer; ``None`` while there is none."""
        path = self.folder / f"{request}.answer.json"
        return msgspec.json.decode(path.read_bytes(), type=Answer) if path.exists() else None

    def take(self) -> list[Command | Answer]:
        """The waiting requests, oldest name first; what cannot be read comes back as its answer. Taken files go."""
        found: list[Command | Answer] = []
        for path in sorted(self.folder.glob("*.request.json")):
            try:
                request = _read(path, path.name.removesuffix(".request.json"))
                path.unlink()
            except FileNotFoundError:  # withdrawn meanwhile, and whoever asked was told that nothing was done
                continue
            found.append(request)
        return found

    def answer(self, answer: Answer) -> None:
        """Leave an answer for whoever asked."""
        self._write(f"{answer.request}.answer.json", msgspec.json.encode(answer))

    def withdraw(self, request: str) -> None:
        """Take back a request and its answer, where they are still there."""
        for suffix in ("request", "answer"):
            (self.folder / f"{request}.{suffix}.json").unlink(missing_ok=True)

    def _write(self, name: str, data: bytes) -> None:
        temporary = self.folder / f".{name}.{os.getpid()}"
        temporary.write_bytes(data)
        temporary.replace(self.folder / name)


def _read(path: Path, request: str) -> Command | Answer:
    if path.is_symlink() or path.stat().st_size > _MAX_BYTES:
        return Answer(request=request, ok=False, detail="a request is a plain file of at most 64 KiB")
    try:
        command = msgspec.json.decode(path.read_bytes(), type=Command)
    except msgspec.MsgspecError as error:
        return Answer(request=request, ok=False, detail=f"the request cannot be read: {error}")
    if command.request != request:
        return Answer(request=request, ok=False, detail=f"the request calls itself {command.request!r}")
    return command
