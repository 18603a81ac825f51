"""How a consistent set of documents is published as files, and how one is opened.

A folder holds ``blobs/<hash>.json``, one file per document content, and ``manifest.json``, which says which blobs
make up the newest generation. The manifest is renamed into place last, so a reader sees one whole generation or the
one before. Flat names (``trades.json``, ...) are hard links to the current blobs for people and tools that read plain
files. One process publishes into a folder; any number read. A folder of flat files without a manifest can be opened
as well.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

MANIFEST: Final = "manifest.json"
BLOBS: Final = "blobs"
KEEP_RETIRED_MS: Final = 10 * 60 * 1000
"""How long a blob stays after the last generation that named it, for readers that are still at that one."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HASH = re.compile(r"[0-9a-f]{40}")
_TEMPORARY: Final = ".new-"
_ATTEMPTS: Final = 10


class GenerationError(Exception):
    """A published folder that cannot be read or written as it is; the message says which file and what would do."""


class JournalHead(Struct, frozen=True, kw_only=True):
    """The newest record that a generation was computed from."""

    seq: int
    hash: str


class ManifestEntry(Struct, frozen=True, kw_only=True):
    """Where a document lies: ``blobs/<blob>.json``; ``blob`` is the hash of its ``size`` bytes."""

    blob: str
    size: int


class Manifest(Struct, frozen=True, kw_only=True):
    """One generation. ``retired``: since when (ms) a blob has been in none; kept here so that it outlives a crash."""

    generation: int
    head: JournalHead | None
    created_ms: int
    documents: dict[str, ManifestEntry]
    retired: dict[str, int] = field(default_factory=dict)


class Generation(Struct, frozen=True, kw_only=True):
    """A consistent set of documents in memory: name -> bytes, and name -> hash of these bytes.

    A folder of flat files is generation 0, created when its newest file was written; one that is empty or not there
    has no documents and ``created_ms`` 0.
    """

    number: int
    head: JournalHead | None
    created_ms: int
    documents: dict[str, bytes]
    hashes: dict[str, str]


class Publisher:
    """Publishes into one folder, which it alone writes to; remembers what is there: equal bytes cost nothing."""

    def __init__(self, folder: Path, *, keep_retired_ms: int = KEEP_RETIRED_MS) -> None:
        """Opens the folder, made where missing, and clears away what an interrupted publication left behind.

        Raises ``GenerationError`` when the manifest that is there is malformed.
        """
        self._folder = folder
        self._blobs = folder / BLOBS
        self._keep_retired_ms = keep_retired_ms
        self._blobs.mkdir(parents=True, exist_ok=True)
        manifest = _read_manifest(folder)
        self._generation = manifest.generation if manifest else 0
        self._entries = dict(manifest.documents) if manifest else {}
        self._retired = dict(manifest.retired) if manifest else {}
        self._published: dict[str, bytes] = {}
        self._recover()

    def publish(self, documents: Mapping[str, bytes], head: JournalHead | None, now_ms: int) -> Manifest:
        """Makes ``documents``, the whole set, the newest generation and returns its manifest.

        Bytes objects that were handed over last time are not even hashed again. A name that is missing now is in the
        new generation no more. Raises ``GenerationError`` for a name that is not fit for a file, before anything is
        written, and ``OSError`` when the disk does not take it; either way the generation before stays.
        """
        for name in documents:
            _check_name(name)
        self._generation += 1  # one that fails half-way leaves a gap; no number is ever used twice
        self._blobs.mkdir(parents=True, exist_ok=True)
        entries = {name: self._entry(name, content) for name, content in documents.items()}
        self._write_blobs(documents, entries, now_ms)
        manifest = Manifest(
            generation=self._generation,
            head=head,
            created_ms=now_ms,
            documents=entries,
            retired=self._retired_after(entries, now_ms),
        )
        _write_file(self._folder / MANIFEST, msgspec.json.encode(manifest))
        _sync_folder(self._folder)

        before, retired_before = self._entries, self._retired
        self._entries = entries
        self._retired = dict(manifest.retired)
        self._published = dict(documents)
        self._update_flat(before)
        for blob in retired_before:
            if blob not in self._retired and not _names(entries, blob):
                self._blob_path(blob).unlink(missing_ok=True)
        return manifest

    def _entry(self, name: str, content: bytes) -> ManifestEntry:
        known = self._entries.get(name)
        if known is not None and self._published.get(name) is content:
            return known
        return ManifestEntry(blob=content_hash(content), size=len(content))

    def _write_blobs(self, documents: Mapping[str, bytes], entries: Mapping[str, ManifestEntry], now_ms: int) -> None:
        missing = {
            entry.blob: documents[name]
            for name, entry in entries.items()
            if not _has_size(self._blob_path(entry.blob), entry.size)
        }
        for blob, content in missing.items():
            # Until the manifest names it, it counts as retired: collected in time if this publication fails half-way.
            self._retired.setdefault(blob, now_ms)
            _write_file(self._blob_path(blob), content, mode=0o444)
        if missing:
            _sync_folder(self._blobs)

    def _retired_after(self, entries: Mapping[str, ManifestEntry], now_ms: int) -> dict[str, int]:
        """Old ones keep their time (never one in the future: the clock may have been set back), expired ones go."""
        current = [entry.blob for entry in entries.values()]
        retired = {blob: min(since_ms, now_ms) for blob, since_ms in self._retired.items() if blob not in current}
        for entry in self._entries.values():
            if entry.blob not in current:
                retired.setdefault(entry.blob, now_ms)
        return {blob: since_ms for blob, since_ms in retired.items() if now_ms - since_ms < self._keep_retired_ms}

    def _recover(self) -> None:
        """Temporary files and blobs that no manifest names go; flat names point at the current blobs again."""
        for folder in (self._folder, self._blobs):
            for path in sorted(folder.glob(f"{_TEMPORARY}*")):
                path.unlink(missing_ok=True)
        known = [entry.blob for entry in self._entries.values()] + list(self._retired)
        for path in sorted(self._blobs.glob("*.json")):
            if path.stem not in known:
                path.unlink(missing_ok=True)
        for name, entry in self._entries.items():
            if _has_size(self._blob_path(entry.blob), entry.size):
                self._link_flat(name)

    def _update_flat(self, before: Mapping[str, ManifestEntry]) -> None:
        for name, entry in self._entries.items():
            if before.get(name) != entry or not (self._folder / f"{name}.json").exists():
                self._link_flat(name)
        for name in before:
            if name not in self._entries:
                (self._folder / f"{name}.json").unlink(missing_ok=True)

    def _link_flat(self, name: str) -> None:
        blob = self._blob_path(self._entries[name].blob)
        flat = self._folder / f"{name}.json"
        temporary = self._folder / f"{_TEMPORARY}{name}.json"
        temporary.unlink(missing_ok=True)
        try:
            os.link(blob, temporary)
        except OSError:  # a file system without hard links, or one that allows no more of them
            shutil.copyfile(blob, temporary)
        temporary.replace(flat)
        # Renaming one hard link over another of the same file does nothing, and leaves both.
        temporary.unlink(missing_ok=True)

    def _blob_path(self, blob: str) -> Path:
        return self._blobs / f"{blob}.json"


def publish(folder: Path, documents: Mapping[str, bytes], *, head: JournalHead | None, now_ms: int) -> Manifest:
    """Publishes once. Who publishes again and again keeps a ``Publisher``, which knows what is there already."""
    return Publisher(folder).publish(documents, head, now_ms)


def open_generation(folder: Path, previous: Generation | None = None) -> Generation:
    """The newest generation in a published folder, or the flat files of one without a manifest.

    Contents that ``previous`` holds already are not read again. Raises ``GenerationError`` when the manifest is
    malformed or a blob is missing or is not what the manifest says.
    """
    held = {previous.hashes[name]: content for name, content in previous.documents.items()} if previous else {}
    for _ in range(_ATTEMPTS):
        manifest = _read_manifest(folder)
        if manifest is None:
            flat = _open_flat(folder)
            # The flat files of a first publication come after its manifest: then it is the manifest that counts.
            if not is_published(folder):
                return flat
            continue
        # A reader that was stopped for long may find its blobs collected; then there is a newer manifest.
        with contextlib.suppress(FileNotFoundError):
            return _open_manifest(folder, manifest, held)
    raise GenerationError(f"{folder / MANIFEST} names a blob that is not in {folder / BLOBS}; publish the set again")


def content_hash(content: bytes) -> str:
    """40 hexadecimal digits, the name of the blob with this content."""
    return blake2b(content, digest_size=20).hexdigest()


def is_published(folder: Path) -> bool:
    return (folder / MANIFEST).exists()


def flat_files(folder: Path) -> list[Path]:
    """The files that count as documents in a folder without a manifest, sorted by name; none where no folder is."""
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.glob("*.json"))
        if path.name != MANIFEST and _NAME.fullmatch(path.stem) and path.is_file()
    ]


def _open_manifest(folder: Path, manifest: Manifest, held: Mapping[str, bytes]) -> Generation:
    documents = {}
    for name, entry in manifest.documents.items():
        content = held.get(entry.blob)
        if content is None:
            path = folder / BLOBS / f"{entry.blob}.json"
            content = path.read_bytes()
            if content_hash(content) != entry.blob:
                raise GenerationError(f"{path} does not have the content it is named after; publish the set again")
        documents[name] = content
    return Generation(
        number=manifest.generation,
        head=manifest.head,
        created_ms=manifest.created_ms,
        documents=documents,
        hashes={name: entry.blob for name, entry in manifest.documents.items()},
    )


def _open_flat(folder: Path) -> Generation:
    documents = {}
    newest_ns = 0
    for path in flat_files(folder):
        with contextlib.suppress(FileNotFoundError):  # removed just now: then it is not part of the set
            newest_ns = max(newest_ns, path.stat().st_mtime_ns)
            documents[path.stem] = path.read_bytes()
    return Generation(
        number=0,
        head=None,
        created_ms=newest_ns // 1_000_000,
        documents=documents,
        hashes={name: content_hash(content) for name, content in documents.items()},
    )


def _read_manifest(folder: Path) -> Manifest | None:
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
        for name, entry in manifest.documents.items():
            _check_name(name)
            if not _HASH.fullmatch(entry.blob):
                raise GenerationError(f"{name!r} lies in {entry.blob!r}, which is no hash")
    except (msgspec.DecodeError, UnicodeDecodeError, GenerationError) as error:
        raise GenerationError(
            f"{path} is not a manifest ({error}); publish the set again, or remove it to read the flat files"
        ) from error
    return manifest


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or f"{name}.json" == MANIFEST:
        raise GenerationError(
            f"{name!r} cannot be the name of a document: 1 to 128 letters, digits, '.', '_' and '-', the first a "
            "letter or digit, and not 'manifest'"
        )


def _names(entries: Mapping[str, ManifestEntry], blob: str) -> bool:
    return any(entry.blob == blob for entry in entries.values())


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Whole or not at all, and on disk before it has its name; the folder is the caller's to sync."""
    temporary = path.with_name(f"{_TEMPORARY}{path.name}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
