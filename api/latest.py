"""The newest generation that could be prepared, followed from a data source: what every request is answered from."""

import asyncio
import logging
from contextlib import aclosing

from api.errors import SourceError
from api.handoff.generation import Generation
from api.prepared import prepare
from api.source import DataSource

log = logging.getLogger("api.latest")


class Latest:
    """Holds one immutable set of answers and swaps it whole, so that a request never sees two generations."""

    def __init__(self, source: DataSource) -> None:
        self._source = source
        self._complaint = ""
        self.answers, _ = prepare(Generation(number=0, head=None, created_ms=0, documents={}, hashes={}))

    async def follow(self) -> None:
        """Until cancelled."""
        async with aclosing(self._source.changes()) as changes:
            async for _ in changes:
                await self.refresh()

    async def refresh(self) -> None:
        """Takes over the newest generation. One that cannot be used is logged, and the one before it stays."""
        try:
            generation = await self._source.load()
        except SourceError as error:
            self._complain(str(error))
            return
        answers, broken = await asyncio.to_thread(prepare, generation, self.answers)
        reasons = "; ".join(f"{name} ({reason})" for name, reason in broken.items())
        # Before there is anything to fall back on, a set with holes is better than none.
        if broken and self.answers.generation.documents:
            self._complain(f"generation {generation.number} has documents that are not usable: {reasons}")
            return
        self.answers = answers
        if broken:
            self._complain(f"generation {generation.number} is served without {reasons}")
        else:
            self._complaint = ""
            log.debug("generation %d with %d documents", generation.number, len(generation.documents))

    def _complain(self, complaint: str) -> None:
        """Once per complaint: the source is looked at every second."""
        if complaint != self._complaint:
            log.warning("the newest published set is not usable: %s", complaint)
            self._complaint = complaint
