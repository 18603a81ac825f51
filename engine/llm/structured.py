"""Structured output: replies held to a JSON schema, where an endpoint can do that for a model."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

REFUSALS = (400, 404, 422)  # what endpoints say of a request that they cannot do as a whole


class SchemaSupport:
    """Whether a model takes a contract's schema, as far as is known: found out by the first call, then remembered."""

    def __init__(self) -> None:
        self._taken: bool | None = None

    @property
    def worth_trying(self) -> bool:
        """Whether a schema may go along."""
        return self._taken is not False

    def doubtful(self, status: int) -> bool:
        """Whether a request with a schema may have failed for its sake, so that it is to be made once without."""
        return self._taken is None and status in REFUSALS

    def learn(self, taken: bool) -> bool:
        """Remember that a call went through with a schema, or without one where it had failed with it.

        Returns whether that is news.
        """
        news = self._taken is None
        self._taken = taken
        return news


def response_format(schema: Schema) -> dict[str, Any]:
    """The request's own words for: answer in this schema, to the letter."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)}}
