"""What has been published: its place in the journal, and its documents."""

from pathlib import Path

from msgspec import Struct

from api.handoff.generation import GenerationError, open_generation

__all__ = ["GenerationError", "Published", "read_published"]


class Published(Struct, frozen=True, kw_only=True):
    """The newest generation: the journal head (seq, hash) that it was computed from, and its documents as bytes."""

    head: tuple[int, str]
    documents: dict[str, bytes]


def read_published(folder: Path) -> Published | None:
    """The newest generation of a folder; ``None`` when nothing was published. Raises ``GenerationError``."""
    if not folder.is_dir():
        return None
    generation = open_generation(folder)
    if generation.head is None:
        return None
    return Published(head=(generation.head.seq, generation.head.hash), documents=generation.documents)
