"""A chat completion as endpoints send it: the bytes of a response's body, and what of them can be relied on."""

import json
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.executor.parse import LONGEST_REPLY, NO_COMPLETION
from engine.executor.strict_json import printable

MOST_TOKENS = 2_000_000  # a count beyond this is none
LONGEST_NAME = 200  # characters of a model id, a fingerprint or a reason to end that are kept


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens as the endpoint counted them; ``prompt`` contains ``cached``."""

    prompt: int
    completion: int
    cached: int = 0


class Completion(Struct, frozen=True, kw_only=True):
    """What was answered. ``raw`` is the text of the answer, or the whole body where that is no completion at all
    (``finish_reason`` says so then); ``usage`` is ``None`` where no count can be believed.
    """

    raw: bytes
    finish_reason: str
    model: str = ""
    fingerprint: str = ""
    usage: Usage | None = None


class Complaint(Struct, frozen=True, kw_only=True):
    """An error that came in the place of a completion; ``status`` is the HTTP status it stands for, 0 for none.

    ``counted`` says that tokens were counted beside it: what broke off in the middle may be billed.
    """

    status: int
    code: str
    message: str
    counted: bool = False


def read_completion(body: bytes) -> Completion | Complaint:
    """What a successful response holds. Never raises: a body that is no completion is one that answers nothing."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):  # not JSON, not UTF-8, a number of five thousand digits; nested without end
        return _no_completion(body)
    if not isinstance(answer, dict):
        return _no_completion(body)
    usage = _usage(answer.get("usage"))
    if answer.get("error"):
        return _counted(complaint_of(answer["error"]), usage)
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return _no_completion(body)
    if choice.get("error"):
        return _counted(complaint_of(choice["error"]), usage)
    message = choice.get("message")
    if not isinstance(message, dict):
        return _no_completion(body)
    text, finish_reason = _answer(message, _name(choice.get("finish_reason")))
    return Completion(
        raw=text.encode("utf-8", "surrogatepass"),
        finish_reason=finish_reason,
        model=_name(answer.get("model")),
        fingerprint=_name(answer.get("system_fingerprint")),
        usage=usage,
    )


def complaint_of(error: Any) -> Complaint:
    """What an ``error`` says, in whichever of the usual shapes."""
    if not isinstance(error, dict):
        return Complaint(status=0, code="", message=printable(str(error), 300))
    code = error.get("code")
    status = code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599 else 0
    words = [_text(error.get(key)) for key in ("code", "type")]
    return Complaint(
        status=status,
        code=printable(" ".join(dict.fromkeys(word for word in words if word)), LONGEST_NAME),
        message=printable(_text(error.get("message")) or "it does not say what is wrong", 300),
    )


def complaint_in(body: bytes) -> Complaint:
    """What the body of a failed response says; something, whatever it is."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and answer.get("error"):
        return complaint_of(answer["error"])
    message = printable(body[:600].decode("utf-8", "replace").strip(), 300)
    return Complaint(status=0, code="", message=message or "it does not say what is wrong")


def _counted(complaint: Complaint, usage: Usage | None) -> Complaint:
    return replace(complaint, counted=usage is not None and usage.prompt + usage.completion > 0)


def _no_completion(body: bytes) -> Completion:
    """The body itself, as much of it as a reply may be long; one byte more tells that there was more."""
    return Completion(raw=body[: LONGEST_REPLY + 1], finish_reason=NO_COMPLETION)


def _answer(message: dict[str, Any], finish_reason: str) -> tuple[str, str]:
    """The text of a message and how it ended; a refusal and the call of a tool have fields of their own."""
    text = _content(message.get("content"))
    if text.strip():
        return text, finish_reason
    refusal = _text(message.get("refusal"))
    if refusal:
        return refusal, "refusal"
    calls = message.get("tool_calls") or message.get("function_call")
    if calls:
        return json.dumps(calls, ensure_ascii=False), "tool_calls"
    return text, finish_reason


def _content(content: Any) -> str:
    """The content of a message: a text, or parts of which the texts count."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return _text(content)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _name(value: Any) -> str:
    return printable(_text(value), LONGEST_NAME)


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt, completion = _count(value.get("prompt_tokens")), _count(value.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    details = value.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    if cached is None:
        cached = _count(value.get("prompt_cache_hit_tokens"))  # DeepSeek's name for it
    return Usage(prompt=prompt, completion=completion, cached=min(cached or 0, prompt))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS else None
