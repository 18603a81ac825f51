"""The exporter: puts the documents where the API reads them, never ahead of what the journal made durable."""

from pathlib import Path

from msgspec import Struct

from api.handoff.generation import JournalHead, Manifest, Publisher
from engine.export.projection import Projection

__all__ = ["Exporter", "JournalHead", "Prepared"]


class Prepared(Struct, frozen=True, kw_only=True):
    """Documents that are consistent with the journal up to ``seq``: to be published once that is durable."""

    seq: int
    documents: dict[str, bytes]


class Exporter:
    """Publishes one projection into one folder, which nobody else writes to.

    While the engine runs: ``prepare`` on the event loop, await the durability of ``prepared.seq``, then ``publish``,
    which waits for the disk and may run in a thread: what was prepared does not change any more.
    """

    def __init__(self, projection: Projection, folder: Path) -> None:
        """Raises ``GenerationError`` when the folder holds a malformed manifest."""
        self._projection = projection
        self._publisher = Publisher(folder)

    def prepare(self) -> Prepared:
        """The documents as of the newest record; only what changed since the last time is encoded."""
        return Prepared(seq=self._projection.seq, documents=self._projection.documents())

    def publish(self, prepared: Prepared, head: JournalHead, now_ms: int) -> Manifest:
        """Make the set the newest generation. ``head`` is durable, and lies at ``prepared.seq`` or later.

        Raises ``OSError`` when the disk does not take it; then the generation before stays.
        """
        assert head.seq >= prepared.seq, (
            f"documents of record {prepared.seq} were to be published, but {head.seq} is durable"
        )
        return self._publisher.publish(prepared.documents, head, now_ms)

    def export(self, now_ms: int, head: JournalHead) -> Manifest:
        """Prepare and publish at once, for callers that say nothing between making the journal durable and this."""
        return self.publish(self.prepare(), head, now_ms)
