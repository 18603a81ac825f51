"""Encoded rows: each row of a document becomes bytes once, and documents are assembled from these bytes."""

from api.handoff.wire import Wire, assemble, encode

PIECE_ROWS = 512  # so many rows are joined into one piece, so that a long list is assembled from few pieces


class RowEncoder:
    """Encodes rows and counts them: what a publication costs grows with this number, not with history."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, row: Wire) -> bytes:
        """The row as compact JSON."""
        self.count += 1
        return encode(row)


class EncodedList:
    """A document that is one list which only grows, in the order in which its rows came."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._pieces: list[bytes] = []
        self._loose: list[bytes] = []
        self._document: bytes | None = None

    def append(self, row: bytes) -> None:
        """Add an encoded row."""
        self._loose.append(row)
        self._document = None
        if len(self._loose) == PIECE_ROWS:
            self._pieces.append(b",".join(self._loose))
            self._loose.clear()

    def document(self) -> bytes:
        """The whole document; the same object as long as nothing was added."""
        if self._document is None:
            self._document = assemble(self._key, [*self._pieces, *self._loose])
        return self._document
