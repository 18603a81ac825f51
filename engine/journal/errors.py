"""What can go wrong with a journal: the error tree."""


class JournalError(Exception):
    """Anything the journal refuses or fails to do."""


class ChainError(JournalError):
    """A line is not the record that belongs at its place; says why."""


class JournalDamaged(JournalError):
    """What is on disk is not a journal that can be continued; names the file, the line (0: the file as a whole) and
    the fault.

    ``tail`` holds the bytes of the segment from the faulty line on, and is empty when the fault is not in one line.
    """

    def __init__(self, segment: str, line: int, reason: str, *, tail: bytes = b"") -> None:
        place = f"{segment} line {line}" if line else segment
        super().__init__(f"{place}: {reason}")
        self.segment = segment
        self.line = line
        self.reason = reason
        self.tail = tail


class JournalBroken(JournalError):
    """Writing failed, and what the disk holds is not known: nothing is written by this writer any more."""


class JournalBacklogged(JournalError):
    """The disk has not kept up and the waiting records reached their limit: this record was not taken."""


class JournalLocked(JournalError):
    """Another writer holds this journal."""


class JournalMissing(JournalError):
    """There is no journal in this folder."""


class BodyMissing(JournalError):
    """The journal holds no body under this reference."""


class CheckpointUnusable(JournalError):
    """A file among the checkpoints proves nothing; says why. It is ignored."""


class CheckpointDisagrees(JournalError):
    """A checkpoint of this very journal is not what the journal folds to; names the file and what differs."""
