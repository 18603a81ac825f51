"""Tokens: about how many a text takes, for people who plan a prompt or a budget before anybody counted."""

import re
from collections.abc import Iterable

# Splits as the byte-pair encoders of today's models do before they merge: words with the blank before them, digits in
# threes, runs of marks, blanks. ASCII letters apart from others, which cost more.
_PIECE = re.compile(r" ?[A-Za-z]+|\d{1,3}| ?[^\sA-Za-z\d]+|\n[ \t]*|\s+")
LETTERS_A_TOKEN = 6  # of an English word beyond its first ones: common words are one token whole
BYTES_A_TOKEN = 3  # of letters beyond ASCII


def tokens_in(text: str) -> int:
    """The number of tokens that the text takes, estimated: every model counts with a vocabulary of its own.

    What was really used is what the endpoint says, in each ``Answered`` record.
    """
    return sum(_tokens(piece) for piece in _PIECE.findall(text))


def tokens_of(texts: Iterable[str]) -> int:
    """The tokens of several texts together."""
    return sum(tokens_in(text) for text in texts)


def _tokens(piece: str) -> int:
    word = piece.strip()
    if not word or word.isdigit():
        return 1
    if word.isascii():
        longest = 2 * LETTERS_A_TOKEN if word.isalpha() else 3
        return 1 if len(word) <= longest else -(-len(word) // (longest // 2 + 1))
    return -(-len(word.encode()) // BYTES_A_TOKEN)
