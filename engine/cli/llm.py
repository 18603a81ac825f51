"""``engine llm``: ask a model behind an endpoint whether it is there, and what it calls itself."""

import asyncio
import sys
from pathlib import Path

from msgspec.structs import replace

from engine.cli.configuration import Refused, load_or_refuse
from engine.config import Settings, secrets_in
from engine.config.duration import parse_duration
from engine.config.endpoints import model_terms
from engine.config.llm import OpenAiModel
from engine.executor.parse import NO_COMPLETION
from engine.executor.ports import Message, ModelUnavailable, Reply
from engine.executor.strict_json import printable
from engine.llm.client import ModelTerms
from engine.llm.models import Models
from engine.logs import configure

QUESTION = (
    Message(role="system", content="You are asked whether you can be reached."),
    Message(role="user", content='Answer with this JSON object alone: {"answer": "pong"}'),
)
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}


def ping(config: Path, name: str | None, timeout: str) -> int:
    """Ask once and print what came back; 0 when the model answered, 1 when it did not, 2 when there is no such one."""
    try:
        settings = load_or_refuse(config)
        terms = _terms(settings, name or settings.llm.default_model)
        timeout_ms = parse_duration(timeout)
    except Refused as refused:
        return refused.code
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    configure("error", json=False, secrets=secrets_in(settings))  # what went wrong is told below
    print(f"{terms.name}: asking {terms.model_id} at {terms.base_url}", file=sys.stderr)
    try:
        reply = asyncio.run(_ask(terms, timeout_ms))
    except ModelUnavailable as unavailable:
        hint = {"auth": "; look at api_key", "quota": "; the account behind the key is spent"}.get(unavailable.kind, "")
        print(f"{terms.name}: unavailable: {unavailable}{hint}", file=sys.stderr)
        return 1
    for label, value in _told(reply):
        print(f"{label:<12}{value}")
    return 0 if reply.finish_reason != NO_COMPLETION else 1


def _terms(settings: Settings, name: str) -> ModelTerms:
    """How the model is asked. Raises ``ValueError`` when there is none of that name that could be, or no key."""
    called = [known for known, model in settings.llm.models.items() if isinstance(model, OpenAiModel)]
    if name not in called:
        raise ValueError(f"--model was {name!r}; models of type openai: {', '.join(called) or 'none'}")
    model = settings.llm.models[name]
    assert isinstance(model, OpenAiModel)
    key = settings.llm.api_key if model.api_key is None else model.api_key
    if not key and key.source and not key.source.endswith(":-}"):
        raise ValueError(f"{name}: its key is {key.source}, which is not set")
    return replace(model_terms(settings.llm)[name], late_ms=0)  # nobody is left who would hear it


async def _ask(terms: ModelTerms, timeout_ms: int) -> Reply:
    models = Models({terms.name: terms})
    try:
        return await models.alone(terms.name, SCHEMA).complete(
            QUESTION, trader="ping", slot_ms=0, timeout_ms=timeout_ms
        )
    finally:
        await models.aclose()


def _told(reply: Reply) -> list[tuple[str, str]]:
    cached = f" ({reply.cached_tokens} cached)" if reply.cached_tokens else ""
    return [
        ("model", reply.model or "(it does not say)"),
        ("fingerprint", reply.fingerprint or "(none)"),
        ("answer", printable(reply.raw.decode("utf-8", "replace"), 200)),
        ("finish", reply.finish_reason or "(it does not say)"),
        ("latency", f"{reply.latency_ms} ms, {reply.attempts} call{'s' if reply.attempts > 1 else ''}"),
        ("tokens", f"{reply.prompt_tokens}{cached} in, {reply.completion_tokens} out"),
        ("cost", f"{reply.cost_usd:f} USD by the configured prices"),
        ("schema", "taken" if reply.structured else "not taken: replies are plain text"),
    ]
