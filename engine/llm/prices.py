"""What a model costs: prices per million tokens, and what a call came to or may come to at worst."""

from decimal import Decimal

from msgspec import Struct

from engine.executor.prompt import LONGEST_PROMPT

BYTES_A_TOKEN = 2  # fewer than any prompt has, also where digits are tokens of their own: an estimate is too high
LONGEST_PROMPT_TOKENS = LONGEST_PROMPT // BYTES_A_TOKEN
LONGEST_REPLY_TOKENS = 32_768  # of a model whose reply the configuration does not bound

_MILLION = Decimal(1_000_000)


class Prices(Struct, frozen=True, kw_only=True):
    """USD per million tokens: read, written, and read again from what the endpoint had kept of an earlier call."""

    input_usd: Decimal = Decimal(0)
    output_usd: Decimal = Decimal(0)
    cached_usd: Decimal = Decimal(0)

    def cost_usd(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> Decimal:
        """What a call costs, exactly; ``prompt_tokens`` contain ``cached_tokens``."""
        assert 0 <= cached_tokens <= prompt_tokens, f"{cached_tokens} of {prompt_tokens} prompt tokens were cached"
        assert completion_tokens >= 0, f"{completion_tokens} completion tokens"
        return (
            (prompt_tokens - cached_tokens) * self.input_usd
            + cached_tokens * self.cached_usd
            + completion_tokens * self.output_usd
        ) / _MILLION

    def worst_case_usd(self, max_completion_tokens: int | None) -> Decimal:
        """The price of the longest prompt there may be and the longest reply that is asked for."""
        reply = LONGEST_REPLY_TOKENS if max_completion_tokens is None else max_completion_tokens
        dearest = max(self.input_usd, self.cached_usd)
        return (LONGEST_PROMPT_TOKENS * dearest + reply * self.output_usd) / _MILLION


def estimated_tokens(text: bytes) -> int:
    """How many tokens a text is at most, for want of a count; rounded up."""
    return -(-len(text) // BYTES_A_TOKEN)
