"""How numbers and foreign text look in a prompt."""

from decimal import Decimal

import pytest

from engine.executor.figures import figures, instant, percent, quoted, span


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (110_250.5, "110250"),
        (1234567.0, "1234567"),
        (4200.0, "4200"),
        (0.123456789, "0.123457"),
        (0.00001234, "0.00001234"),
        (9.999999999, "10"),
        (-12.5, "-12.5"),
        (0.0, "0"),
        (-1e-15, "0"),
        (float("nan"), "n/a"),
        (float("inf"), "n/a"),
        (Decimal("0.00045"), "0.00045"),
    ],
)
def test_a_number_keeps_six_significant_digits_and_no_exponent(value: float | Decimal, text: str) -> None:
    assert figures(value) == text


def test_whole_digits_are_never_cut() -> None:
    assert figures(123_456_789, 3) == "123456789"


@pytest.mark.parametrize(
    ("interval_ms", "name"),
    [(180_000, "3m"), (3_600_000, "1h"), (14_400_000, "4h"), (86_400_000, "1d"), (30_000, "30s"), (0, "bar")],
)
def test_an_interval_has_its_short_name(interval_ms: int, name: str) -> None:
    assert span(interval_ms) == name


def test_percentages_carry_their_sign() -> None:
    assert (percent(-5), percent(0.126)) == ("-5.00 %", "+0.13 %")


def test_instants_are_utc_to_the_minute() -> None:
    assert instant(1_760_961_659_999) == "2025-10-20 12:00 UTC"


def test_quoted_text_is_one_line_with_its_quotes_escaped() -> None:
    assert quoted('say "no"\nthen go') == '"say \\"no\\" then go"'
    assert quoted("x" * 500, 10) == '"xxxxxxxxx…"'
