"""The data source that reads published JSON files: a folder with a manifest, or a plain folder of flat files."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import watchfiles

from api.errors import SourceError
from api.handoff.generation import MANIFEST, Generation, GenerationError, flat_files, is_published, open_generation

POLL_MS = 1000
STEP_MS = 10
DEBOUNCE_MS = 50

Signature = tuple[tuple[str, int, int, int], ...]

log = logging.getLogger("api.json_source")


class JsonSource:
    """Follows one folder, which may be empty or not there yet.

    A watcher on the folder reports a new manifest at once. A look at the files once a second catches what it missed,
    and starts it again when the folder was deleted and made anew, which leaves a watcher blind.
    """

    def __init__(self, folder: Path, *, poll_ms: int = POLL_MS) -> None:
        self._folder = folder
        self._poll_ms = poll_ms
        self._newest: Generation | None = None
        self._loaded: Signature | None = None

    async def load(self) -> Generation:
        signature = file_signature(self._folder)
        try:
            generation = await asyncio.to_thread(open_generation, self._folder, self._newest)
        except (GenerationError, OSError) as error:
            raise SourceError(f"{self._folder} cannot be read: {error}") from error
        self._newest = generation
        self._loaded = signature
        return generation

    async def changes(self) -> AsyncGenerator[None, None]:
        while True:
            watched = folder_identity(self._folder)
            if watched is None:
                await asyncio.sleep(self._poll_ms / 1000)
            else:
                async with aclosing(self._watch(watched)) as looks:
                    async for _ in looks:
                        if self._is_outdated():
                            yield
            if self._is_outdated():
                yield

    async def _watch(self, watched: tuple[int, int]) -> AsyncGenerator[None, None]:
        """Comes round at each change in the folder and once a poll; ends when it is another folder now."""
        changes = watchfiles.awatch(
            self._folder,
            watch_filter=self._is_ours,
            step=STEP_MS,
            debounce=DEBOUNCE_MS,
            rust_timeout=self._poll_ms,
            yield_on_timeout=True,
            recursive=False,
        )
        try:
            async with aclosing(changes):
                async for _ in changes:
                    yield
                    if folder_identity(self._folder) != watched:
                        return
        except (OSError, RuntimeError) as error:
            log.warning("the watcher of %s ended and is started again: %s", self._folder, error)
            await asyncio.sleep(self._poll_ms / 1000)

    def _is_ours(self, _: watchfiles.Change, path: str) -> bool:
        """Of the many files a publication touches, the manifest is the one that counts, and the last."""
        return path.endswith(f"/{MANIFEST}") or (path.endswith(".json") and not is_published(self._folder))

    def _is_outdated(self) -> bool:
        return file_signature(self._folder) != self._loaded


def file_signature(folder: Path) -> Signature:
    """Differs whenever the files do: name, inode, size and time of the manifest, or of all flat files without one."""
    paths = [folder / MANIFEST] if is_published(folder) else flat_files(folder)
    signature = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # removed or unreadable: the next look will tell
            signature.append((path.name, 0, 0, 0))
        else:
            signature.append((path.name, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(signature)


def folder_identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode; none when the folder cannot be watched because it is not there."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if folder.is_dir() else None
