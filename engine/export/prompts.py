"""The prompts that records refer to: the newest message bodies of the journal, kept until they are shown."""

from collections import OrderedDict
from typing import Final

KEPT: Final = 512


class Prompts:
    """Bodies by reference. A body comes just before the record that refers to it, live as well as in a replay; what was
    asked for recently stays, so that a system prompt which is stored once and referred to for months is still there."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, reference: str, body: bytes) -> None:
        """Remember a body; the one that was not needed for longest goes when there are too many."""
        self._bodies[reference] = body
        self._bodies.move_to_end(reference)
        if len(self._bodies) > KEPT:
            self._bodies.popitem(last=False)

    def find(self, reference: str) -> bytes | None:
        """The body under a reference; ``None`` when it is not at hand."""
        body = self._bodies.get(reference)
        if body is not None:
            self._bodies.move_to_end(reference)
        return body
