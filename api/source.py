"""Where the documents come from: the seam behind which the data source of the API can be swapped."""

from collections.abc import AsyncGenerator
from typing import Protocol, runtime_checkable

from api.handoff.generation import Generation


@runtime_checkable
class DataSource(Protocol):
    """Consistent sets of documents, newest last. Reads only."""

    async def load(self) -> Generation:
        """The newest generation; one without documents when nothing was published yet. Raises ``SourceError``."""
        ...

    def changes(self) -> AsyncGenerator[None, None]:
        """Comes round whenever ``load`` would give something newer than it gave last; never ends, raises nothing."""
        ...
