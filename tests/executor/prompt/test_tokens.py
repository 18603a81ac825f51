"""Tokens: the estimate, on texts whose pieces can be counted by eye."""

import pytest

from engine.executor.tokens import tokens_in, tokens_of


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("hold", 1),
        ("a b c", 3),
        ("110", 1),
        ("109010", 2),  # three digits each
        ("109010, 109120", 6),  # and a comma and a blank between them
        ("4153.88", 4),  # 415 3 . 88
        ("\n\n", 2),
        ("RSI14: 56.1", 6),  # RSI 14 : blank 56 . 1 less the blank, which goes with the mark before it
        ("internationalisation", 3),
        ("-----", 3),
        ("多头", 2),  # six bytes
    ],
)
def test_a_text_takes_so_many_tokens(text: str, tokens: int) -> None:
    assert abs(tokens_in(text) - tokens) <= (1 if "RSI" in text else 0)


def test_longer_texts_take_more_and_parts_add_up() -> None:
    line = "close: 109010, 109120, 109230\n"

    assert tokens_of([line] * 10) == 10 * tokens_in(line) == tokens_in(line * 10)


def test_any_text_takes_some_and_at_most_one_a_byte() -> None:
    for text in ("\x00\u202e", "🚨", "{}" * 500, "a" * 10_000, " \t \n ", "Ω" * 100):
        assert 0 < tokens_in(text) <= len(text.encode())
