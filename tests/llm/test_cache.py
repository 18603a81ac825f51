"""The response cache: the same messages get the same reply for a while, and it costs nothing a second time."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from engine.executor.parse import NO_COMPLETION
from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.llm.cache import Cached, ReplyCache

HELLO = (Message(role="user", content="hello"),)
BYE = (Message(role="user", content="bye"),)


class Counting:
    """Answers with how often it was asked."""

    worst_case_cost_usd = Decimal("0.5")

    def __init__(self, name: str = "one", swapped_from: str = "", finish_reason: str = "stop") -> None:
        self.name = name
        self.swapped_from = swapped_from
        self.finish_reason = finish_reason
        self.asked = 0

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        self.asked += 1
        return Reply(
            raw=str(self.asked).encode(),
            model="m",
            finish_reason=self.finish_reason,
            prompt_tokens=9,
            completion_tokens=3,
            cached_tokens=1,
            cost_usd=Decimal("0.25"),
            latency_ms=700,
            attempts=2,
            swapped_from=self.swapped_from,
        )


class Hand:
    """A clock that is set by hand, ms."""

    def __init__(self) -> None:
        self.at_ms = 0

    def now_ms(self) -> int:
        return self.at_ms


async def ask(model: Cached, messages: Sequence[Message] = HELLO, trader: str = "ann") -> Reply:
    return await model.complete(messages, trader=trader, slot_ms=0, timeout_ms=1_000)


def shelf(hand: Hand, max_entries: int = 10) -> ReplyCache:
    return ReplyCache(ttl_ms=1_000, max_entries=max_entries, now_ms=hand.now_ms)


async def test_the_same_messages_get_the_same_reply_and_it_costs_nothing() -> None:
    model = Counting()
    cached = Cached(model, shelf(Hand()))

    first, second = await ask(cached), await ask(cached, trader="bob")

    assert (first.raw, first.from_cache, first.cost_usd) == (b"1", False, Decimal("0.25"))
    assert (second.raw, second.from_cache, second.cost_usd) == (b"1", True, Decimal(0))
    assert (second.prompt_tokens, second.completion_tokens, second.cached_tokens) == (0, 0, 0)
    assert (second.latency_ms, second.attempts, model.asked) == (0, 0, 1)
    assert (cached.name, cached.worst_case_cost_usd) == ("one", Decimal("0.5"))


async def test_other_messages_and_other_models_are_asked() -> None:
    cache = shelf(Hand())
    one, two = Counting("one"), Counting("two")

    await ask(Cached(one, cache))
    await ask(Cached(one, cache), BYE)
    await ask(Cached(two, cache))

    assert (one.asked, two.asked) == (2, 1)


async def test_a_reply_grows_too_old_and_none_comes_from_the_future() -> None:
    hand, model = Hand(), Counting()
    cached = Cached(model, shelf(hand))
    hand.at_ms = 5_000
    await ask(cached)

    hand.at_ms = 6_000
    young = await ask(cached)
    hand.at_ms = 6_001
    old = await ask(cached)
    hand.at_ms = 4_000
    early = await ask(cached)

    assert (young.from_cache, old.from_cache, early.from_cache) == (True, False, False)


async def test_the_reply_that_was_given_longest_ago_makes_room() -> None:
    model = Counting()
    cache = shelf(Hand(), max_entries=2)
    cached = Cached(model, cache)
    prompts = [(Message(role="user", content=str(place)),) for place in range(3)]

    for prompt in prompts:
        await ask(cached, prompt)
    found = [(await ask(cached, prompt)).from_cache for prompt in reversed(prompts)]

    assert found == [True, True, False]
    assert len(cache) == 2


@pytest.mark.parametrize("model", [Counting(swapped_from="own"), Counting(finish_reason=NO_COMPLETION)])
async def test_the_reply_of_a_stand_in_is_not_kept_nor_what_is_no_completion(model: Counting) -> None:
    cached = Cached(model, shelf(Hand()))

    await ask(cached)
    await ask(cached)

    assert model.asked == 2


async def test_a_failure_is_not_kept() -> None:
    class Broken(Counting):
        async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
            await super().complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=timeout_ms)
            raise ModelUnavailable("no route")

    model = Broken()
    cached = Cached(model, shelf(Hand()))

    for _ in range(2):
        with pytest.raises(ModelUnavailable):
            await ask(cached)

    assert model.asked == 2
