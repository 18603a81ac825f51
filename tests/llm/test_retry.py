"""Calls that failed: which are made again, after which pause, and what they cost."""

from decimal import Decimal
from random import Random

import pytest

from engine.executor.ports import Unavailability
from engine.llm.completion import Complaint, complaint_in
from engine.llm.prices import LONGEST_PROMPT_TOKENS, LONGEST_REPLY_TOKENS, Prices, estimated_tokens
from engine.llm.retry import LONGEST_PAUSE_MS, asked_pause_ms, pause_ms, refused

STATUSES: list[tuple[int, str, Unavailability, bool]] = [
    (307, "", "", False),
    (400, "", "", False),
    (401, "", "auth", False),
    (402, "", "quota", False),
    (403, "", "auth", False),
    (404, "", "", False),
    (408, "", "", True),
    (422, "", "", False),
    (425, "", "", True),
    (429, "rate_limit_exceeded", "", True),
    (429, "insufficient_quota", "quota", False),
    (500, "", "", True),
    (503, "insufficient_quota", "", True),
    (529, "", "", True),
]


@pytest.mark.parametrize(("status", "code", "kind", "again"), STATUSES)
def test_a_status_says_whether_to_ask_again_and_what_is_wrong(
    status: int, code: str, kind: Unavailability, again: bool
) -> None:
    failure = refused(status, Complaint(status=0, code=code, message="no"))

    assert (failure.kind, failure.again, failure.status, failure.cost_usd) == (kind, again, status, Decimal(0))


def test_pauses_double_up_to_an_end_and_their_upper_half_is_chance(seed: int) -> None:
    rng = Random(seed)

    pauses = [[pause_ms(failures, None, rng) for _ in range(200)] for failures in (1, 2, 3, 50)]

    for found, whole in zip(pauses, (400, 800, 1_600, LONGEST_PAUSE_MS), strict=True):
        assert whole // 2 <= min(found) <= max(found) <= whole, f"seed {seed}"
        assert len(set(found)) > 50, f"seed {seed}"


def test_an_endpoints_own_wish_is_the_least_pause() -> None:
    assert pause_ms(1, 5_000, Random(1)) == 5_000


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("0", 0),
        ("-3", 0),
        ("1.2", 1_200),
        ("86400", 86_400_000),
        ("1e9", 86_400_000),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40_000),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:01 +99999999999999999999", None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date_and_at_most_a_day(header: str, pause: int | None) -> None:
    assert asked_pause_ms(header, now_ms=60_000) == pause


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"error": {"message": "no", "type": "a", "code": "b"}}', "b a", "no"),
        (b'{"error": {"message": "no", "type": "a", "code": "a"}}', "a", "no"),
        (b'{"error": "no"}', "", "no"),
        (b'{"detail": "no"}', "", '{"detail": "no"}'),
        (b"<h1>no</h1>", "", "<h1>no</h1>"),
        (b"", "", "it does not say what is wrong"),
        (b"\xff\x00\x1b[31m", "", "\ufffd  [31m"),
    ],
)
def test_an_error_is_read_in_whichever_shape_it_comes(body: bytes, code: str, message: str) -> None:
    complaint = complaint_in(body)

    assert (complaint.code, complaint.message) == (code, message)


def test_a_call_costs_its_tokens_at_their_prices_exactly() -> None:
    prices = Prices(input_usd=Decimal("1.25"), output_usd=Decimal(10), cached_usd=Decimal("0.125"))

    cost = prices.cost_usd(prompt_tokens=10_000, completion_tokens=1_001, cached_tokens=8_000)

    assert cost == Decimal("0.01351")  # 2,000 at 1.25, 8,000 at 0.125 and 1,001 at 10 USD per million


def test_the_worst_case_is_the_longest_prompt_and_the_longest_reply() -> None:
    prices = Prices(input_usd=Decimal(1), output_usd=Decimal(2))

    assert prices.worst_case_usd(500) == Decimal(LONGEST_PROMPT_TOKENS + 1_000) / 1_000_000
    assert prices.worst_case_usd(None) == Decimal(LONGEST_PROMPT_TOKENS + 2 * LONGEST_REPLY_TOKENS) / 1_000_000


@pytest.mark.parametrize(("text", "tokens"), [(b"", 0), (b"a", 1), (b"ab", 1), (b"abc", 2)])
def test_tokens_that_nobody_counted_are_rounded_up(text: bytes, tokens: int) -> None:
    assert estimated_tokens(text) == tokens
