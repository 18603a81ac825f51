"""Structured logs: a constant phrase and fields, on standard error, with everything secret masked."""

import base64
import logging
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from json import dumps
from typing import Any, Literal, TextIO
from urllib.parse import quote

import structlog

Level = Literal["debug", "info", "warning", "error"]

MASK = "***"
SHORTEST_SECRET = 6  # characters; a shorter one would mask half of every line
_SECRET_WORDS = frozenset(
    ("authorization", "cookie", "dsn", "passphrase", "password", "secret", "signature", "mnemonic", "pass", "passwd")
)
_SECRET_KEYS = frozenset(("api_key", "private_key", "signing_key", "token", "access_token", "data_source", "apikey"))
_CONVERSATION_KEYS = frozenset(("messages", "prompt", "reply", "raw"))
_CHATTY = ("asyncio", "httpcore", "httpcore2", "httpx", "httpx2", "openai", "watchfiles")
MODELS = "engine.llm"  # the logger of what is asked of endpoints

_own_handler: logging.Handler | None = None


def configure(
    level: Level,
    json: bool,
    *,
    secrets: Iterable[str] = (),
    verbose_llm: bool = False,
    models: Level = "debug",
    stream: TextIO | None = None,
) -> None:
    """Send all logs, ours and those of libraries, to ``stream`` (standard error); a second call replaces the first.

    ``secrets`` are masked wherever their text turns up in a line, tracebacks and encoded forms included. Prompts and
    replies show as their length unless ``verbose_llm``. ``models`` is the least level of what is said about endpoints.
    """
    global _own_handler
    target = sys.stderr if stream is None else stream
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _Redaction(verbose_llm),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=dumps, sort_keys=False, default=str)
        if json
        else structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
                _Mask(secrets),
            ],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if _own_handler is not None:
        root.removeHandler(_own_handler)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(MODELS).setLevel(max(logging.getLevelName(level.upper()), logging.getLevelName(models.upper())))
    _own_handler = handler


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a room: ``logger("engine.manager")``; ``log.info("slot closed", trader=..., outcome=...)``."""
    found: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return found


class _Redaction:
    """Masks fields by their name, at any depth; values of type ``Secret`` print as masked by themselves."""

    def __init__(self, verbose_llm: bool) -> None:
        self._verbose_llm = verbose_llm

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: self._shown(key, value) for key, value in event.items()}

    def _shown(self, key: str, value: Any) -> Any:
        if _is_secret(key) and value:
            return MASK
        if key in _CONVERSATION_KEYS and not self._verbose_llm and value is not None:
            return f"({len(str(value))} characters)"
        if isinstance(value, Mapping):
            return {str(name): self._shown(str(name), part) for name, part in value.items()}
        if isinstance(value, list | tuple) and key != "exc_info":
            return [self._shown(key, part) for part in value]
        return value


class _Mask:
    """Masks the texts of known secrets in the finished line, in the forms in which they travel."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: dict[str, None] = {}
        for value in secrets:
            if len(value) >= SHORTEST_SECRET:
                forms |= dict.fromkeys(_forms(value))
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, logger: Any, method: str, line: Any) -> Any:
        for form in self._forms:
            line = line.replace(form, MASK)
        return line


def _forms(value: str) -> tuple[str, ...]:
    raw = value.encode()
    return (
        value,
        value.removeprefix("0x"),
        dumps(value)[1:-1],
        repr(value)[1:-1],
        quote(value, safe=""),
        raw.hex(),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    )


def _is_secret(key: str) -> bool:
    name = key.lower().replace("-", "_")
    return name in _SECRET_KEYS or any(word in _SECRET_WORDS for word in name.split("_"))
