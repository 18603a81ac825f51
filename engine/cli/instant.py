"""Instants as people write them."""

from datetime import UTC, datetime


def instant_ms(text: str) -> int:
    """Milliseconds UTC of an ISO 8601 date or time; without an offset it is UTC. Raises ``ValueError``."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an instant; write 2025-03-14 or 2025-03-14T12:00:00Z") from error
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return int(parsed.timestamp() * 1000)


def instant_text(instant_ms: int) -> str:
    """The instant as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(instant_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
