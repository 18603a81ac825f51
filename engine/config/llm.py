"""The keys of ``llm.yaml``: the endpoint, the models by the names that traders call them, the budget."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Struct, field

from engine.config.kinds import Endpoint, Folder, LogLevel, Milliseconds, Name, Number, Percent, Seed, Untyped, Usd
from engine.config.secret import Secret


class OpenAiModel(Struct, frozen=True, kw_only=True, tag_field="type", tag="openai"):
    """A model behind an OpenAI-compatible endpoint; ``None`` leaves a value to the endpoint."""

    provider: Name
    model_name: str
    temperature: Annotated[float, Number("number", at_least=0, at_most=2)] | None = None
    max_completion_tokens: Annotated[int, Number("tokens", at_least=1, at_most=1_000_000)] | None = None
    top_p: Annotated[float, Number("fraction", above=0, at_most=1)] | None = None
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
    """What the models may use up in a UTC day."""

    daily_token_limit: Annotated[int, Number("tokens", at_least=1)]
    alert_threshold_pct: Percent = Decimal(80)
    strict_enforcement: bool = True
    cost_per_million_tokens: dict[str, Usd] = {}


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
    budget: Budget | None = None
    routing_defaults: RoutingDefaults = RoutingDefaults()
