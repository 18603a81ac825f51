"""Identities: functions of what they name, so that the same cause always yields the same id."""

from functools import lru_cache
from hashlib import blake2b
from typing import NewType

TraderId = NewType("TraderId", str)
AccountId = NewType("AccountId", str)  # a venue account: one exchange provider with its key

HOUSE = TraderId("house")
RESERVE = TraderId("reserve")


def slot_at(now_ms: int, interval_ms: int) -> int:
    """The slot that is open at ``now_ms``: the instant at which it opened, in ms UTC, aligned to the interval."""
    return now_ms - now_ms % interval_ms


def next_slot(now_ms: int, interval_ms: int) -> int:
    """The first slot that opens strictly after ``now_ms``, in ms UTC."""
    return slot_at(now_ms, interval_ms) + interval_ms


def client_order_id(deployment: str, account: str, trader: str, cause: str, reference: str, leg: int) -> str:
    """A 128-bit client order id, ``0x`` and 32 hex digits.

    Two different tuples of arguments give two different ids: every part is preceded by its length. ``reference`` names
    the occasion within the cause: the slot of a decision, the position and stop that fired, the operator's request.
    """
    who = _with_lengths(deployment, account, trader, cause)
    number = str(leg)
    text = f"{who}{len(reference)}:{reference}{len(number)}:{number}"
    return "0x" + blake2b(text.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=4096)  # the same few for every order of a trader
def _with_lengths(*parts: str) -> str:
    return "".join([f"{len(part)}:{part}" for part in parts])


def turn(slot_ms: int, trader: str) -> bytes:
    """The key by which the traders of one slot take turns: fair over time, the same in every run."""
    return blake2b(f"{slot_ms}:{trader}".encode(), digest_size=8).digest()
