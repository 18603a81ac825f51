"""Packing closed segments to zstd, beside the trading path."""

import logging
import threading
from pathlib import Path
from queue import SimpleQueue

from engine.journal.disk import FileSystem, publish
from engine.journal.errors import JournalError
from engine.journal.segments import load, pack, packed_path, plain_path, shown

_log = logging.getLogger(__name__)


def pack_segment(fs: FileSystem, folder: Path, number: int) -> None:
    """Replace a closed segment by its packed form; a crash at any step leaves one form or both, with the same content.

    A failure is logged and leaves the plain form, which is just as good; the next start tries again.
    """
    plain = plain_path(folder, number)
    try:
        publish(fs, packed_path(folder, number), pack(load(fs, folder, number)))
        fs.unlink(plain)
        fs.fsync_dir(plain.parent)
    except (OSError, JournalError) as error:
        _log.warning("segment not packed", extra={"segment": shown(plain), "error": str(error)})


class Packer:
    """One thread that packs the segments it is told of, one after the other."""

    def __init__(self, fs: FileSystem, folder: Path) -> None:
        self._fs = fs
        self._folder = folder
        self._closed: SimpleQueue[int | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal-pack", daemon=True)

    def pack(self, number: int) -> None:
        """Have the closed segment packed soon."""
        self._closed.put(number)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Return when everything told so far is packed and the thread has ended."""
        self._closed.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (number := self._closed.get()) is not None:
            pack_segment(self._fs, self._folder, number)
