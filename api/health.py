"""What /health says: which published set is being served, and how old it is."""

from typing import Literal

from msgspec import Struct

from api.handoff.generation import Generation, JournalHead


class Health(Struct, frozen=True, kw_only=True):
    """``stale``: nothing was published for longer than ``TTL.Long``; ``empty``: nothing was published yet."""

    status: Literal["ok", "stale", "empty"]
    generation: int
    journal_head: JournalHead | None
    created_ms: int
    age_ms: int


def health_of(generation: Generation, now_ms: int, stale_after_ms: int) -> Health:
    age = age_ms(generation, now_ms)
    status: Literal["ok", "stale", "empty"] = "ok" if age <= stale_after_ms else "stale"
    return Health(
        status=status if generation.documents else "empty",
        generation=generation.number,
        journal_head=generation.head,
        created_ms=generation.created_ms,
        age_ms=age,
    )


def age_ms(generation: Generation, now_ms: int) -> int:
    """Since the generation was created; 0 for a clock that is behind the publisher's, and when there is none yet."""
    return max(0, now_ms - generation.created_ms) if generation.created_ms else 0
