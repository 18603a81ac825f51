"""The anchor: what the published files say about the journal that they were computed from."""

from pathlib import Path

import msgspec

from api.handoff.generation import MANIFEST, GenerationError, Manifest

Head = tuple[int, str]
"""A place in the journal: sequence number and hash of a record."""


def published_head(folder: Path) -> Head | None:
    """The journal head in the manifest of a published folder; ``None`` when nothing was published there yet.

    A journal that does not hold this record has lost its tail. Raises ``GenerationError`` for a malformed manifest.
    """
    path = folder / MANIFEST
    try:
        head = msgspec.json.decode(path.read_bytes(), type=Manifest).head
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GenerationError(f"{path} is not a manifest ({error}); remove it to publish the set anew") from error
    return None if head is None else (head.seq, head.hash)
