"""The keys of ``llm.yaml``: the endpoint, the models by the names that traders call them, the budget."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Struct, field

from engine.config.kinds import (
    Count,
    Endpoint,
    Folder,
    LogLevel,
    Milliseconds,
    MillisecondsOrOff,
    Name,
    Number,
    Percent,
    Seed,
    TokensADay,
    Untyped,
    Usd,
    UsdAboveZero,
)
from engine.config.secret import Secret


class Prices(Struct, frozen=True, kw_only=True):
    """What a model costs, in USD per million tokens; ``None`` takes what ``budget.cost_per_million_tokens`` says.

    Without a price of their own, tokens that the endpoint had kept from an earlier call cost what the others do.
    """

    input_usd: Usd | None = None
    output_usd: Usd | None = None
    cached_usd: Usd | None = None


class OpenAiModel(Struct, frozen=True, kw_only=True, tag_field="type", tag="openai"):
    """A model behind an OpenAI-compatible endpoint; ``None`` leaves a value to the endpoint.

    ``base_url`` and ``api_key`` are those of ``llm.yaml`` where the model has none of its own. ``extra_body`` goes into
    the request as it is written.
    """

    provider: Name
    model_name: str
    base_url: Endpoint | None = None
    api_key: Secret | None = None
    temperature: Annotated[float, Number("number", at_least=0, at_most=2)] | None = None
    max_completion_tokens: Annotated[int, Number("tokens", at_least=1, at_most=1_000_000)] | None = None
    top_p: Annotated[float, Number("fraction", above=0, at_most=1)] | None = None
    seed: Seed | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    structured_output: Literal["auto", "off"] = "auto"
    extra_body: dict[str, Any] = {}
    prices: Prices = Prices()
    priority: Annotated[int, Number("rank", at_least=0, at_most=1000)] = 0
    cost_tier: Literal["low", "medium", "high"] = "medium"


class ScriptedModel(Struct, frozen=True, kw_only=True, tag_field="type", tag="scripted"):
    """No model at all: replies by rules, in the words of a style, and saying so."""

    style: Name
    seed: Seed = 0


class RecordedModel(Struct, frozen=True, kw_only=True, tag_field="type", tag="recorded"):
    """Replies that were recorded once, found by the prompt they answered."""

    folder: Folder


Model = Annotated[OpenAiModel | ScriptedModel | RecordedModel, Untyped("openai")]


class Budget(Struct, frozen=True, kw_only=True):
    """What the models may use up in a UTC day: all of them together, and those of each trader; ``None`` is no limit."""

    daily_token_limit: TokensADay | None = None
    daily_usd_limit: UsdAboveZero | None = None
    trader_daily_token_limit: TokensADay | None = None
    trader_daily_usd_limit: UsdAboveZero | None = None
    alert_threshold_pct: Percent = Decimal(80)
    strict_enforcement: bool = True
    cost_per_million_tokens: dict[str, Usd] = {}


class Cache(Struct, frozen=True, kw_only=True):
    """How long a reply is given again to the same messages; a ``ttl_ms`` of 0 asks every time."""

    ttl_ms: MillisecondsOrOff = field(name="ttl", default=0)
    max_entries: Count = 256


class RoutingDefaults(Struct, frozen=True, kw_only=True):
    """What an endpoint that picks models by itself may pick."""

    available_models: tuple[str, ...] = ()
    preference: str = ""


class Llm(Struct, frozen=True, kw_only=True):
    """``llm.yaml``."""

    base_url: Endpoint = "https://zenmux.ai/api/v1"
    api_key: Secret = field(default_factory=lambda: Secret(""))
    default_model: str = ""
    timeout_ms: Milliseconds = field(name="timeout", default=60_000)
    max_retries: Annotated[int, Number("count", at_least=0, at_most=10)] = 3
    log_level: LogLevel = "info"
    models: dict[str, Model] = {}
    late_wait_ms: MillisecondsOrOff = field(name="late_answer_wait", default=30_000)
    record_folder: Folder | None = None
    cache: Cache = Cache()
    budget: Budget | None = None
    routing_defaults: RoutingDefaults = RoutingDefaults()
