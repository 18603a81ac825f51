"""Calls that failed: which may be made again, after which pause, and what whoever asked is told."""

import email.utils
import math
from decimal import Decimal
from random import Random

from engine.executor.ports import ModelUnavailable, Unavailability
from engine.llm.completion import Complaint

FIRST_PAUSE_MS = 400
LONGEST_PAUSE_MS = 8_000
LONGEST_RETRY_AFTER_MS = 24 * 3_600_000

_AGAIN = (408, 425, 429)
_SPENT = ("insufficient_quota", "insufficient_balance", "quota_exceeded", "billing", "credit")


class CallFailed(ModelUnavailable):
    """One call came to nothing. ``again`` says that it cost nothing and may be made once more.

    ``status`` is the HTTP status, 0 for none; ``retry_after_ms`` how long the endpoint wants to be left alone.
    ``calls`` is how many it was in the end, once nobody tries any more.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: Unavailability = "",
        cost_usd: Decimal = Decimal(0),
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
        again: bool = False,
        status: int = 0,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(
            message,
            kind=kind,
            cost_usd=cost_usd,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
        )
        self.again = again
        self.status = status
        self.retry_after_ms = retry_after_ms
        self.calls = 0


def refused(status: int, complaint: Complaint, retry_after_ms: int | None = None) -> CallFailed:
    """The failure that an HTTP status stands for; endpoints bill nothing for any of them."""
    spent = any(word in f"{complaint.code} {complaint.message}".lower() for word in _SPENT)
    kind: Unavailability = ""
    if status in (401, 403):
        kind = "auth"
    elif status == 402 or (status == 429 and spent):
        kind = "quota"
    says = f"HTTP {status}" + (f" {complaint.code}" if complaint.code else "")
    if 300 <= status < 400:
        return CallFailed(f"{says}: it sends elsewhere, and redirects are not followed", status=status)
    if retry_after_ms:
        says += f" (asking for a pause of {retry_after_ms / 1000:g} s)"
    return CallFailed(
        f"{says}: {complaint.message}",
        kind=kind,
        again=not kind and (status in _AGAIN or status >= 500),
        status=status,
        retry_after_ms=retry_after_ms,
    )


def pause_ms(failures: int, retry_after_ms: int | None, rng: Random) -> int:
    """How long to wait after so many failures: doubling, its upper half at random, and what the endpoint asks for."""
    whole = min(FIRST_PAUSE_MS << min(failures - 1, 10), LONGEST_PAUSE_MS)
    return max(whole // 2 + rng.randrange(whole // 2 + 1), retry_after_ms or 0)


def asked_pause_ms(retry_after: str, now_ms: int) -> int | None:
    """What a ``Retry-After`` header says, seconds or a date, at most a day; ``None`` when it says nothing."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(retry_after).timestamp() - now_ms / 1000
        except (ValueError, OverflowError):
            return None
    if not math.isfinite(seconds):
        return None
    return min(max(math.ceil(seconds * 1000), 0), LONGEST_RETRY_AFTER_MS)
