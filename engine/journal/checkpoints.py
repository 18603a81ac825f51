"""Checkpoints: the state at a record, written down while the engine runs and held against every later replay.

Nothing is restored from them: the state is what the records fold to, and a checkpoint proves that they still fold to
what the engine worked with. Folding is a hundredth of a start; why, and what else was measured, is in
``docs/decisions/0008-checkpoints-are-proofs.md``.

``checkpoints/NNNNNNNNNNNN.json`` is two lines: the blake2b-256 of the second, in hex, and one JSON object.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from engine.journal.chain import BODY_KIND, Frame
from engine.journal.disk import LOCAL_DISK, TEMPORARY, FileSystem, publish
from engine.journal.errors import CheckpointDisagrees, CheckpointUnusable
from engine.manager.state import State

CHECKPOINTS = "checkpoints"
LAYOUT = 3
"""Raised with every change of the state's shape, and when the same records are meant to fold to something else."""
KEPT = 2
NAMED_DIFFERENCES = 3
_SHOWN = 80  # characters of a value in a message
_name = re.compile(r"[0-9]{12}\.json")


class Checkpoint(Struct, frozen=True, kw_only=True):
    """The state once record ``seq``, whose hash is ``hash``, was folded; ``journal`` is the hash of the first one."""

    layout: int
    journal: str
    seq: int
    hash: str
    state: State


class _Layout(Struct, frozen=True):
    layout: int


_encoder = msgspec.json.Encoder()
_layout = msgspec.json.Decoder(_Layout)
_decoder = msgspec.json.Decoder(Checkpoint)
_states = msgspec.json.Decoder(State)


def encode(checkpoint: Checkpoint) -> bytes:
    """The checkpoint as JSON on one line: a copy that later records do not change."""
    return _encoder.encode(checkpoint)


def sealed(encoded: bytes) -> bytes:
    """The content of the file."""
    return b"%b\n%b\n" % (blake2b(encoded, digest_size=32).hexdigest().encode(), encoded)


def decode(content: bytes) -> Checkpoint:
    """The checkpoint in a file; ``CheckpointUnusable`` when that is torn, changed, or of another layout."""
    encoded = content[65:-1]
    if content != sealed(encoded):
        raise CheckpointUnusable("its bytes are not those that were written: torn or changed")
    try:
        layout = _layout.decode(encoded).layout
        if layout != LAYOUT:
            raise CheckpointUnusable(f"its layout is {layout}; this engine reads layout {LAYOUT}")
        return _decoder.decode(encoded)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CheckpointUnusable(f"it is no checkpoint: {error}") from error


def name_of(seq: int) -> str:
    return f"{seq:012d}.json"


def put(fs: FileSystem, folder: Path, seq: int, encoded: bytes, keep: Iterable[int]) -> None:
    """Put a checkpoint beside the journal in ``folder``, whole or not at all, and remove all but it and ``keep``.

    The record ``seq`` is durable. Interrupted at any step, this leaves checkpoints that were there and proves no less.
    """
    home = folder / CHECKPOINTS
    fs.make_folder(home)
    publish(fs, home / name_of(seq), sealed(encoded))
    kept = [name_of(seq), *map(name_of, keep)]
    stale = [name for name in fs.listdir(home) if name not in kept and _is_ours(name)]
    for name in stale:
        fs.unlink(home / name)
    if stale:
        fs.fsync_dir(home)


def _is_ours(name: str) -> bool:
    return _name.fullmatch(name.removesuffix(TEMPORARY)) is not None


class Proof:
    """Every checkpoint of the journal in ``folder``, held against one replay of it into ``state``.

    ``agreed`` are the records at which it led to the state that was written down, ``ignored`` says why others prove
    nothing: a damaged one, one of another layout or journal, one that is ahead of the journal. ``differences`` are
    those of checkpoints that are this journal's own and do not agree. ``journal`` is the hash of the first record.
    """

    def __init__(self, folder: Path, state: State, *, refuse: bool, fs: FileSystem = LOCAL_DISK) -> None:
        """``refuse``: end the replay at the first that does not agree, with ``CheckpointDisagrees``."""
        self.journal = ""
        self.agreed: list[int] = []
        self.ignored: list[str] = []
        self.differences: list[str] = []
        self._state = state
        self._refuse = refuse
        self._waiting: dict[int, Checkpoint] = {}
        for name, content in _files(fs, folder / CHECKPOINTS):
            try:
                checkpoint = decode(content)
            except CheckpointUnusable as error:
                self.ignored.append(f"{CHECKPOINTS}/{name}: {error}")
                continue
            if name != name_of(checkpoint.seq):
                self.ignored.append(f"{CHECKPOINTS}/{name}: it is of record {checkpoint.seq}: renamed")
            else:
                self._waiting[checkpoint.seq] = checkpoint

    def following(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames as they come: who asks for the next one has folded the one before into the state."""
        for frame in frames:
            if not self.journal and frame.kind != BODY_KIND:
                self.journal = frame.hash
            yield frame
            checkpoint = self._waiting.pop(frame.seq, None)
            if checkpoint is not None:
                self._compare(checkpoint, frame)
        for seq in self._waiting:
            self.ignored.append(f"{CHECKPOINTS}/{name_of(seq)}: it is ahead of the journal")
        self._waiting.clear()

    def _compare(self, checkpoint: Checkpoint, frame: Frame) -> None:
        name = f"{CHECKPOINTS}/{name_of(checkpoint.seq)}"
        if checkpoint.journal != self.journal:
            self.ignored.append(f"{name}: it belongs to another journal")
            return
        if checkpoint.hash != frame.hash:
            self.ignored.append(f"{name}: its record {checkpoint.seq} is another one than the journal has there")
            return
        # Both take the way through JSON, so that numbers are spelled alike; the order in a table counts.
        folded = _states.decode(_encoder.encode(self._state))
        if _encoder.encode(checkpoint.state) == _encoder.encode(folded):
            self.agreed.append(checkpoint.seq)
        else:
            found = differences(msgspec.to_builtins(checkpoint.state), msgspec.to_builtins(folded))
            said = f"{name} does not agree with the replay of its journal: {'; '.join(found)}"
            self.differences.append(said)
            if self._refuse:
                raise CheckpointDisagrees(said)


def differences(written: Any, folded: Any) -> list[str]:
    """Where the two differ, as plain values: the first few places."""
    return list(islice(_differences(written, folded, ""), NAMED_DIFFERENCES)) or ["in how it is written"]


def _differences(written: Any, folded: Any, at: str) -> Iterator[str]:
    if isinstance(written, dict) and isinstance(folded, dict):
        for key in written:
            if key not in folded:
                yield f"{at}{key} is not there after the replay"
        for key in folded:
            if key not in written:
                yield f"{at}{key} is there after the replay alone"
            else:
                yield from _differences(written[key], folded[key], f"{at}{key}.")
        if list(written) != list(folded) and sorted(written) == sorted(folded):
            yield f"{at.removesuffix('.')} has another order after the replay"
    elif isinstance(written, Sequence) and isinstance(folded, Sequence) and not isinstance(written, str):
        if len(written) != len(folded):
            yield f"{at.removesuffix('.')} had {len(written)} entries, after the replay {len(folded)}"
        for place, (one, other) in enumerate(zip(written, folded, strict=False)):
            yield from _differences(one, other, f"{at}{place}.")
    elif written != folded:
        yield f"{at.removesuffix('.')} was {_shown(written)}, after the replay {_shown(folded)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _files(fs: FileSystem, home: Path) -> Iterator[tuple[str, bytes]]:
    """The checkpoints that are there, oldest first; one that cannot be read has no content."""
    try:
        names = fs.listdir(home)
    except FileNotFoundError:
        return
    for name in names:
        if _name.fullmatch(name):
            try:
                content = fs.read(home / name)
            except FileNotFoundError:  # an engine that runs meanwhile has replaced it
                continue
            except OSError:
                content = b""
            yield name, content
