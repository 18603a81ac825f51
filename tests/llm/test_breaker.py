"""The circuit breaker: when it opens, how long, and what it takes until a model is trusted again."""

import pytest

from engine.llm.breaker import (
    FAILURES_IN_A_ROW,
    FIRST_PAUSE_MS,
    LAST_CALLS,
    LONGEST_PAUSE_MS,
    TRIAL_CALLS,
    Breaker,
)


def opened(trial_calls: int = TRIAL_CALLS) -> Breaker:
    """One that opened at 0."""
    breaker = Breaker(trial_calls)
    for _ in range(FAILURES_IN_A_ROW):
        breaker.failed(0, "no")
    return breaker


def tried(breaker: Breaker, now_ms: float, well: bool) -> bool:
    """One call at an instant; whether it changed where the breaker stands."""
    assert breaker.admit(now_ms), f"nothing goes through at {now_ms}"
    return breaker.passed(now_ms) if well else breaker.failed(now_ms, "still no")


def test_it_opens_with_the_fifth_failure_in_a_row() -> None:
    breaker = Breaker()

    news = [tried(breaker, now_ms, well=False) for now_ms in range(5)]

    assert news == [False, False, False, False, True]
    assert (breaker.position(5), breaker.admit(5), breaker.why) == ("open", False, "still no")


def test_a_success_in_between_keeps_it_closed() -> None:
    breaker = Breaker()

    for now_ms in range(8):
        tried(breaker, now_ms, well=now_ms % 4 == 3)

    assert breaker.position(8) == "closed"


def test_it_opens_when_more_than_half_of_the_last_twenty_failed() -> None:
    breaker = Breaker()
    rounds = [True, False, False] * 7

    news = [tried(breaker, now_ms, well) for now_ms, well in enumerate(rounds[:LAST_CALLS])]

    assert news == [False] * (LAST_CALLS - 1) + [True]


def test_after_its_pause_one_call_at_a_time_goes_through() -> None:
    breaker = opened()

    before, first, second = breaker.admit(FIRST_PAUSE_MS - 1), breaker.admit(FIRST_PAUSE_MS), breaker.admit(40_000)

    assert (before, first, second) == (False, True, False)
    breaker.let_go()
    assert breaker.admit(40_000)


def test_it_closes_only_when_all_of_ten_trials_succeeded() -> None:
    breaker = opened()

    news = [tried(breaker, FIRST_PAUSE_MS + turn, well=True) for turn in range(TRIAL_CALLS)]

    assert news == [False] * (TRIAL_CALLS - 1) + [True]
    assert breaker.position(FIRST_PAUSE_MS + TRIAL_CALLS) == "closed"


def test_a_failure_on_trial_opens_it_for_twice_as_long_and_starts_the_trial_anew() -> None:
    breaker = opened()
    for turn in range(TRIAL_CALLS - 1):
        tried(breaker, FIRST_PAUSE_MS + turn, well=True)

    assert tried(breaker, 40_000, well=False)

    assert breaker.position(40_000 + 2 * FIRST_PAUSE_MS - 1) == "open"
    assert breaker.position(40_000 + 2 * FIRST_PAUSE_MS) == "trial"
    assert not tried(breaker, 100_000, well=True)


def test_its_pauses_end_somewhere() -> None:
    breaker, now_ms = opened(), 0.0

    for _ in range(12):
        now_ms += LONGEST_PAUSE_MS
        tried(breaker, now_ms, well=False)

    assert breaker.position(now_ms + LONGEST_PAUSE_MS - 1) == "open"
    assert breaker.position(now_ms + LONGEST_PAUSE_MS) == "trial"


@pytest.mark.parametrize(("asked_ms", "pause_ms"), [(0, 30_000), (120_000, 120_000), (86_400_000, LONGEST_PAUSE_MS)])
def test_an_endpoint_that_wants_to_be_left_alone_is_within_reason(asked_ms: int, pause_ms: int) -> None:
    breaker = Breaker()

    for _ in range(FAILURES_IN_A_ROW):
        breaker.failed(0, "slow down", asked_ms)

    assert (breaker.position(pause_ms - 1), breaker.position(pause_ms)) == ("open", "trial")


def test_where_nobody_can_stand_in_one_success_is_enough() -> None:
    breaker = opened(trial_calls=1)

    assert tried(breaker, FIRST_PAUSE_MS, well=True)
    assert breaker.position(FIRST_PAUSE_MS) == "closed"


def test_a_call_that_was_under_way_when_it_opened_proves_nothing() -> None:
    breaker = opened(trial_calls=1)

    news = (breaker.passed(1), breaker.failed(2, "late"))

    assert (news, breaker.position(3)) == ((False, False), "open")
