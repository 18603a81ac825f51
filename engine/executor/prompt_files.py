"""Prompt files: a trader's templates as they are on disk now; an edited one is in force from the next slot on."""

from pathlib import Path

from engine.executor.prompt import PromptError, PromptSet
from engine.executor.template import Template

Stamp = tuple[int, int, int]  # when a file was changed last (ns), its size (bytes), its inode


class PromptFiles:
    """The templates under these paths, read again when a file has changed.

    Nothing falls back: while a file is missing, faulty, or edited without a new version, ``current`` raises, and the
    slot is not asked. Raises ``PromptError`` right away when the files cannot be used at the start.
    """

    def __init__(self, system: Path, user: Path, strategy: Path | None = None) -> None:
        self._paths = (system, user) if strategy is None else (system, user, strategy)
        self._stamps = self._stamped()
        self._current = self._load()
        self._fault: str | None = None

    def current(self) -> PromptSet:
        """The templates in force; one text for all of a slot, asked at its beginning. Raises ``PromptError``."""
        stamps = self._stamped()
        if stamps != self._stamps:
            self._stamps = stamps
            self._fault = self._take()
        if self._fault is not None:
            raise PromptError(self._fault)
        return self._current

    def _take(self) -> str | None:
        """Put what is on disk in force; what keeps it from being, if anything does."""
        try:
            fresh = self._load()
        except PromptError as error:
            return str(error)
        for before, now in zip(self._current.templates, fresh.templates, strict=True):
            if now.source != before.source and now.version == before.version:
                return f"{now.path}: its text changed and its version is still {now.version}; give it a new one"
        self._current = fresh
        return None

    def _load(self) -> PromptSet:
        system, user, *strategy = (Template.load(path) for path in self._paths)
        return PromptSet(system=system, user=user, strategy=strategy[0] if strategy else None)

    def _stamped(self) -> tuple[Stamp, ...] | None:
        """The files' stamps; ``None`` while one of them cannot be asked for: reading it will tell why."""
        try:
            found = [path.stat() for path in self._paths]
        except OSError:
            return None
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in found)
