"""Model usage: what a trader's language model answered and what that cost, summed up one reply at a time."""

from decimal import Decimal

from msgspec import Struct

from api.handoff.tables import ModelUsage
from engine.manager.record import Answered
from engine.model.position import ZERO


class RunningUsage(Struct, kw_only=True):
    """The sums over all answers of one trader's model; the cost in dollars as they are paid."""

    replies: int = 0
    late: int = 0
    from_cache: int = 0
    swapped: int = 0
    unanswered: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: int = 0
    cost_usd: Decimal = ZERO
    stand_in: str = ""

    def add(self, record: Answered) -> None:
        """Count one answer, or calls that were paid for and gave none."""
        self.prompt_tokens += record.prompt_tokens
        self.cached_tokens += record.cached_tokens
        self.completion_tokens += record.completion_tokens
        self.cost_usd += record.cost_usd
        if record.failure:
            self.unanswered += 1
            return
        self.replies += 1
        self.late += record.late
        self.from_cache += record.from_cache
        self.latency_ms += record.latency_ms
        if record.swapped_from:
            self.swapped += 1
        if not record.late:
            self.stand_in = record.model if record.swapped_from else ""

    def table(self) -> ModelUsage:
        """The sums as they travel."""
        return ModelUsage(
            num_replies=self.replies,
            num_late_replies=self.late,
            num_cache_replies=self.from_cache,
            num_swapped_replies=self.swapped,
            num_unanswered_calls=self.unanswered,
            total_prompt_tokens=self.prompt_tokens,
            total_cached_prompt_tokens=self.cached_tokens,
            total_completion_tokens=self.completion_tokens,
            total_cost_usd=float(self.cost_usd),
            avg_cost_per_reply_usd=float(self.cost_usd / self.replies) if self.replies else 0.0,
            avg_latency_secs=self.latency_ms / self.replies / 1000 if self.replies else 0.0,
        )
