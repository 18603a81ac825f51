"""The models behind endpoints: each opened when it is first asked for, with its breaker and those who stand in."""

from collections.abc import Mapping, Sequence
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from engine.executor.ports import ChatModel
from engine.llm.breaker import TRIAL_CALLS, Breaker
from engine.llm.client import TIERS, CostTier, EndpointModel, ModelTerms, Post
from engine.llm.fallback import Affordable, Candidate, Fallback
from engine.llm.structured import Schema, SchemaSupport

RETRIES_BEFORE_ANOTHER = 1  # where somebody can stand in, that is better than to wait


class Known(Struct, frozen=True, kw_only=True):
    """What is known of a model by all who ask it; ``supports`` by contract, for it may take the schema of one alone."""

    breaker: Breaker
    rng: Random
    supports: dict[str, SchemaSupport] = {}


class Models:
    """Chat models by the names of the configuration. Those who ask the same model share its breaker and connections.

    ``affordable`` tells whether a trader's budget has room for a reply that costs so many USD; ``secrets`` never leave.
    """

    def __init__(
        self,
        terms: Mapping[str, ModelTerms],
        affordable: Affordable = lambda trader, usd: True,
        secrets: Sequence[str] = (),
    ) -> None:
        self._terms = dict(terms)
        self._affordable = affordable
        self._secrets = tuple(secrets)
        self._known: dict[str, Known] = {}
        self._endpoints: dict[tuple[str, str], Post] = {}

    def model(self, name: str, schema: Schema | None = None) -> ChatModel:
        """The model of that name with its stand-ins; replies are held to ``schema`` where that can be done."""
        names = [name, *self.stand_ins(name)]
        return Fallback([self._candidate(each, names, schema) for each in names], self._affordable)

    def alone(self, name: str, schema: Schema | None = None) -> ChatModel:
        """The model of that name with nobody behind it and nothing before it."""
        return self._opened(self._terms[name], schema)

    def stand_ins(self, name: str) -> tuple[str, ...]:
        """Who answers when that model cannot, in this order: all others with a priority, the highest first."""
        return stand_ins(name, {other: (terms.priority, terms.cost_tier) for other, terms in self._terms.items()})

    async def aclose(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints.values():
            await endpoint.aclose()

    def _candidate(self, name: str, names: list[str], schema: Schema | None) -> Candidate:
        terms = self._terms[name]
        if name != names[-1]:
            terms = replace(terms, retries=min(terms.retries, RETRIES_BEFORE_ANOTHER))
        return Candidate(model=self._opened(terms, schema), breaker=self._knowledge(name).breaker)

    def _opened(self, terms: ModelTerms, schema: Schema | None) -> EndpointModel:
        known = self._knowledge(terms.name)
        contract = "" if schema is None else ",".join(schema["properties"])
        support = known.supports.setdefault(contract, SchemaSupport())
        return EndpointModel(terms, self._endpoint(terms), support, known.rng, schema=schema, secrets=self._secrets)

    def _knowledge(self, name: str) -> Known:
        if name not in self._known:
            trial_calls = TRIAL_CALLS if self.stand_ins(name) else 1
            self._known[name] = Known(breaker=Breaker(trial_calls), rng=Random(name))
        return self._known[name]

    def _endpoint(self, terms: ModelTerms) -> Post:
        place = (terms.base_url, terms.reveal_key())
        if place not in self._endpoints:
            from engine.llm.endpoint import Endpoint  # its library takes half a second: only who needs it waits

            self._endpoints[place] = Endpoint(terms.base_url, terms.reveal_key)
        return self._endpoints[place]


def stand_ins(name: str, ranks: Mapping[str, tuple[int, CostTier]]) -> tuple[str, ...]:
    """The other models that have a priority above zero, by their priorities and cost tiers.

    The highest priority is first; of equal ones the cheaper, then the one that the configuration names first.
    """
    able = [other for other, (priority, _) in ranks.items() if priority > 0 and other != name]
    return tuple(sorted(able, key=lambda other: (-ranks[other][0], TIERS.index(ranks[other][1]))))
