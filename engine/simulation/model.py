"""A chat model that answers as models do: valid decisions now, garbage then, too late, or never."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.executor.prompt import PromptSet, Template
from engine.simulation.faults import Faults
from engine.simulation.loop import ProcessLoop

PROMPTS = PromptSet(
    system=Template.of("{# Version: 1.0.0 #}\nTrade.\n", path="system.j2", name="simulation/system"),
    user=Template.of("{# Version: 1.0.0 #}\nWhat do you do?\n", path="user.j2", name="simulation/user"),
)
FOR_EVER_MS = 10 * 3_600_000


class Corpus:
    """Satisfies ``engine.executor.ports.ChatModel``. ``price`` tells it the mark, so that it sounds plausible."""

    name = "corpus"
    worst_case_cost_usd = Decimal("0.01")

    def __init__(
        self, loop: ProcessLoop, faults: Faults, coins: Sequence[str], price: Callable[[str], Decimal], seed: str
    ) -> None:
        self._loop = loop
        self._faults = faults
        self._coins = coins
        self._price = price
        self._seed = seed

    async def complete(self, messages: Sequence[Message], *, trader: str, slot_ms: int, timeout_ms: int) -> Reply:
        """A reply after 1 to 50 s; late and never ones end as the deadline around a real model would have it."""
        random, now_ms = self._faults.random(f"model {trader}"), self._loop.timeline.now_ms
        takes_ms = 1_000 + 49_000 * random.random() ** 3
        raw = _valid(random, self._coins, self._price)
        if self._faults.fires("reply_bad", now_ms, trader):
            raw = CORPUS[int(random.random() * len(CORPUS))](raw, random)
        if self._faults.fires("reply_never", now_ms, trader):
            takes_ms = FOR_EVER_MS
        elif self._faults.fires("reply_late", now_ms, trader):
            takes_ms = timeout_ms + 20_000 * random.random()
        if takes_ms > timeout_ms and random.random() < 0.7:
            await self._loop.sleep_ms(timeout_ms)
            raise ModelUnavailable(f"no answer within {timeout_ms} ms")
        await self._loop.sleep_ms(min(takes_ms, timeout_ms + 20_000))
        return Reply(raw=raw, model="corpus-1", cost_usd=Decimal("0.001"), latency_ms=int(takes_ms))


def _valid(random: Random, coins: Sequence[str], price: Callable[[str], Decimal]) -> bytes:
    decisions: list[dict[str, Any]] = []
    for coin in coins:
        draw = random.random()
        mark = float(price(coin))
        if draw < 0.3:
            sign = 1 if random.random() < 0.5 else -1
            away = 0.001 + 0.01 * random.random()
            decisions.append(
                {
                    "symbol": coin,
                    "signal": "buy_to_enter" if sign > 0 else "sell_to_enter",
                    "position_size_usd": round(50 + 2_500 * random.random() ** 2, 2),
                    "leverage": random.randint(1, 12),
                    "stop_loss": float(f"{mark * (1 - sign * away):.5g}"),
                    "profit_target": float(f"{mark * (1 + sign * 3.2 * away):.5g}"),
                    "confidence": round(0.5 + random.random() / 2, 3),
                    "justification": "drawn",
                }
            )
        elif draw < 0.5:
            decisions.append({"symbol": coin, "signal": "close", "confidence": 0.9, "justification": "drawn"})
        elif draw < 0.6:
            decisions.append({"symbol": coin, "signal": "hold", "confidence": 0.9, "justification": "drawn"})
    return msgspec.json.encode({"decisions": decisions, "summary": "", "chain_of_thought": ""})


def _number(raw: bytes, random: Random, value: bytes) -> bytes:
    field = random.choice((b"position_size_usd", b"leverage", b"stop_loss", b"profit_target", b"confidence"))
    key = b'"%b":' % field
    start = raw.find(key)
    if start < 0:
        return b'{"decisions":[{"symbol":"BTC","signal":"buy_to_enter","%b":%b}]}' % (field, value)
    end = min(place for sign in (b",", b"}") if (place := raw.find(sign, start)) >= 0)
    return raw[: start + len(key)] + value + raw[end:]


def _flipped(raw: bytes, random: Random) -> bytes:
    place = int(random.random() * len(raw))
    return raw[:place] + bytes([raw[place] ^ (1 << random.randrange(8))]) + raw[place + 1 :]


CORPUS: tuple[Callable[[bytes, Random], bytes], ...] = (
    lambda raw, random: b"",
    lambda raw, random: b"I would rather not trade today.",
    lambda raw, random: raw[: int(random.random() * len(raw))],
    _flipped,
    lambda raw, random: b"```json\n" + raw + b"\n```",
    lambda raw, random: b"<think>long BTC</think>\n" + raw,
    lambda raw, random: raw + raw[:-1] + b',"more":1}',
    lambda raw, random: _number(raw, random, b"NaN"),
    lambda raw, random: _number(raw, random, b"Infinity"),
    lambda raw, random: _number(raw, random, b"1e999"),
    lambda raw, random: _number(raw, random, b"-5"),
    lambda raw, random: _number(raw, random, b"1e14"),
    lambda raw, random: _number(raw, random, b'"1_0"'),
    lambda raw, random: _number(raw, random, b"null"),
    lambda raw, random: _number(raw, random, b"true"),
    lambda raw, random: raw.replace(b"BTC", b"PEPE"),
    lambda raw, random: raw.replace(b"BTC", b"BTC-PERP"),
    lambda raw, random: raw.replace(b'"signal":"buy_to_enter"', b'"signal":"yolo"'),
    lambda raw, random: raw.replace(b'"signal":"buy_to_enter"', b'"signal":"sell_to_enter"'),
    lambda raw, random: raw.replace(b'"position_size_usd":', b'"position_size_usd":9'),
    lambda raw, random: raw.replace(b'"symbol":', b'"symbol":"ETH","symbol":'),
    lambda raw, random: b"\xff\xfe" + raw,
    lambda raw, random: raw.replace(b"drawn", b"\x00\xed\xa0\x80"),
    lambda raw, random: raw.replace(b"drawn", b"x" * 300_000),
    lambda raw, random: b"[" * 5_000,
    lambda raw, random: b'{"decisions":' * 200 + b"[]",
)
