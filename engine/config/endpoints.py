"""Models behind endpoints: what of ``llm.yaml`` goes into each request, to whom, with which key and at which price."""

from decimal import Decimal
from typing import Any
from urllib.parse import SplitResult, urlsplit

from engine.config.llm import Llm, OpenAiModel
from engine.config.noted import Noted
from engine.config.secret import Secret
from engine.llm.client import LOOPBACK, ModelTerms
from engine.llm.models import stand_ins
from engine.llm.prices import Prices

GATEWAYS = ("zenmux.ai", "openrouter.ai")  # of many providers' models, whose names begin with the provider's
CHOOSES_ITSELF = "zenmux/auto"

# What a request holds that this file or the engine says by itself.
_SAID_ELSEWHERE = (
    "model",
    "messages",
    "stream",
    "n",
    "response_format",
    "tools",
    "functions",
    "temperature",
    "max_completion_tokens",
    "top_p",
    "seed",
    "reasoning_effort",
)


def model_terms(llm: Llm) -> dict[str, ModelTerms]:
    """Every model of type ``openai`` as its endpoint is asked for it."""
    return {name: _terms(llm, name, model) for name, model in llm.models.items() if isinstance(model, OpenAiModel)}


def candidates(llm: Llm, name: str) -> tuple[str, ...]:
    """Who may answer where this model is asked: itself, then its stand-ins in their order."""
    called = {other: model for other, model in llm.models.items() if isinstance(model, OpenAiModel)}
    return name, *stand_ins(name, {other: (model.priority, model.cost_tier) for other, model in called.items()})


def needed_endpoints(llm: Llm, name: str) -> list[str]:
    """The entries that a trader of this model uses: its stand-ins too, and ``llm:openai`` for the common key."""
    names = candidates(llm, name)
    models = [model for other in names if isinstance(model := llm.models.get(other), OpenAiModel)]
    common = any(model.api_key is None for model in models)
    return [*(f"llm.{other}" for other in names), *(["llm:openai"] if common else [])]


def unpriced(llm: Llm, name: str) -> list[str]:
    """Who may answer where this model is asked and has no price, so that its tokens would cost nothing."""
    if not isinstance(llm.models.get(name), OpenAiModel):
        return []
    blended = {} if llm.budget is None else llm.budget.cost_per_million_tokens
    called = [(other, llm.models[other]) for other in candidates(llm, name) if other not in blended]
    return [
        other
        for other, model in called
        if isinstance(model, OpenAiModel) and (model.prices.input_usd is None or model.prices.output_usd is None)
    ]


def check_endpoint(llm: Llm, name: str, model: OpenAiModel, noted: Noted) -> None:
    """Note what a model's keys say against each other."""
    for key in model.extra_body:
        if key in _SAID_ELSEWHERE:
            noted(
                "llm",
                f"models.{name}.extra_body.{key}",
                "is not for extra_body: a key of the model or the engine's own",
            )
    secret = _key(llm, model)
    if not all("!" <= letter <= "~" for letter in secret.reveal()):
        where = "api_key" if model.api_key is None else f"models.{name}.api_key"
        noted("llm", where, "holds what no header can carry: a blank, or a letter beyond ASCII")
    where = "base_url" if model.base_url is None else f"models.{name}.base_url"
    url = _base_url(llm, model)
    place = _place(url)
    if place is None:
        noted("llm", where, f"was {url!r}, which is no address; https://host/path, with a port where it needs one")
    elif place.username is not None or place.password is not None:
        noted("llm", where, "holds a user or a password, which would be shown; leave them out and set api_key")
    elif place.scheme == "http" and place.hostname not in LOOPBACK and secret:
        noted("llm", where, f"was {url!r}, to which the api_key would travel in the open; https://, or this machine")


def _terms(llm: Llm, name: str, model: OpenAiModel) -> ModelTerms:
    model_id = _model_id(llm, model)
    parameters: dict[str, Any] = {
        key: value
        for key in ("temperature", "top_p", "seed", "reasoning_effort")
        if (value := getattr(model, key)) is not None
    }
    routing = llm.routing_defaults
    if model_id == CHOOSES_ITSELF and routing.available_models:
        choice: dict[str, Any] = {"available_models": list(routing.available_models)}
        if routing.preference:
            choice["preference"] = routing.preference
        parameters["model_routing_config"] = choice
    return ModelTerms(
        name=name,
        model_id=model_id,
        base_url=_base_url(llm, model),
        reveal_key=_key(llm, model).reveal,
        parameters=parameters | model.extra_body,
        max_completion_tokens=model.max_completion_tokens,
        prices=prices_of(llm, name, model),
        structured=model.structured_output == "auto",
        timeout_ms=llm.timeout_ms,
        late_ms=llm.late_wait_ms,
        retries=llm.max_retries,
        priority=model.priority,
        cost_tier=model.cost_tier,
    )


def prices_of(llm: Llm, name: str, model: OpenAiModel) -> Prices:
    """The model's own prices; where it has none, the one for all of its tokens that the budget names, or nothing."""
    blended = Decimal(0) if llm.budget is None else llm.budget.cost_per_million_tokens.get(name, Decimal(0))
    own = model.prices
    input_usd = blended if own.input_usd is None else own.input_usd
    return Prices(
        input_usd=input_usd,
        output_usd=blended if own.output_usd is None else own.output_usd,
        cached_usd=input_usd if own.cached_usd is None else own.cached_usd,
    )


def _place(url: str) -> SplitResult | None:
    """The parts of an address; ``None`` when there is no host in it, or no port where one should be."""
    try:
        place = urlsplit(url)
        return place if place.hostname and place.port != 0 else None
    except ValueError:
        return None


def _base_url(llm: Llm, model: OpenAiModel) -> str:
    return llm.base_url if model.base_url is None else model.base_url


def _key(llm: Llm, model: OpenAiModel) -> Secret:
    return llm.api_key if model.api_key is None else model.api_key


def _model_id(llm: Llm, model: OpenAiModel) -> str:
    """What the endpoint calls the model; gateways want the provider before a name that has none."""
    host = urlsplit(_base_url(llm, model)).hostname or ""
    if "/" in model.model_name or not host.endswith(GATEWAYS):
        return model.model_name
    return f"{model.provider}/{model.model_name}"
