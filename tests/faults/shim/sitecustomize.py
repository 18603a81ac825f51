"""A machine that fails on request: put in front of ``PYTHONPATH``, it wraps the few calls an engine reaches disk and
clock by, in the process under test alone.

``NOF0_FAULTS`` says what is to happen, as JSON: ``kill`` (``at``: the how manieth of the calls in ``calls`` on a path
that holds ``path`` ends the process as SIGKILL does, ``when``: before it, after it, or half-way through a write,
``told``: a file that is left the call's name and path), ``fail`` (from the ``at``-th ``call`` on a path that holds
``path`` on, each raises ``errno``), ``file_bytes`` (no file grows beyond), ``clock`` (a file with the milliseconds by
which the wall clock is off, read again and again) and ``counts`` (a file that is told how many calls there were).
"""

import atexit
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

CALLS = ("fsync", "fdatasync", "write", "rename", "replace", "ftruncate", "unlink")
OFFSET_KEPT_S = 0.02

_real = {name: getattr(os, name) for name in (*CALLS, "open", "close")}
_time_ns, _monotonic = time.time_ns, time.monotonic
_paths: dict[int, str] = {}
_counts: dict[str, int] = {}
_lock = threading.RLock()
_counted = 0
_failed = 0


def install(faults: dict[str, Any]) -> None:
    """Put the wrappers in place."""

    def opened(path: Any, *arguments: Any, **named: Any) -> int:
        handle: int = _real["open"](path, *arguments, **named)
        _paths[handle] = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
        return handle

    os.open = opened
    for name in CALLS:
        setattr(os, name, _wrapped(name, faults))
    if "file_bytes" in faults:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (faults["file_bytes"], resource.RLIM_INFINITY))
    if "clock" in faults:
        time.time_ns = _clock(faults["clock"])
    if "counts" in faults:
        atexit.register(_tell, faults["counts"])


def _wrapped(name: str, faults: dict[str, Any]) -> Callable[..., Any]:
    kill, fail, real = faults.get("kill"), faults.get("fail"), _real[name]

    def call(first: Any, *rest: Any, **named: Any) -> Any:
        global _counted, _failed
        with _lock:
            _counts[name] = _counts.get(name, 0) + 1
            if fail is not None and name == fail["call"] and fail["path"] in _path_of(first):
                _failed += 1
                if _failed >= fail["at"]:
                    raise OSError(fail["errno"], os.strerror(fail["errno"]))
            if kill is None or name not in kill["calls"] or kill.get("path", "") not in _path_of(first):
                return real(first, *rest, **named)
            _counted += 1
            if _counted != kill["at"]:
                return real(first, *rest, **named)
            if kill["when"] == "after":
                real(first, *rest, **named)
            elif kill["when"] == "half-way" and name == "write":
                real(first, bytes(rest[0])[: len(rest[0]) // 2])
            if "told" in kill:
                _leave(kill["told"], f"{name} {_path_of(first)}")
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("a killed process went on")

    return call


def _path_of(first: Any) -> str:
    return _paths.get(first, "") if isinstance(first, int) else str(first)


def _leave(path: str, line: str) -> None:
    handle = _real["open"](path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    _real["write"](handle, line.encode())
    _real["close"](handle)


def _clock(path: str) -> Callable[[], int]:
    offset_ns = 0
    read_at = -1.0

    def time_ns() -> int:
        nonlocal offset_ns, read_at
        now = _monotonic()
        if now - read_at > OFFSET_KEPT_S:
            read_at = now
            try:
                with open(path, encoding="ascii") as file:
                    offset_ns = int(file.read() or 0) * 1_000_000
            except FileNotFoundError:
                offset_ns = 0
        return _time_ns() + offset_ns

    return time_ns


def _tell(path: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        json.dump(_counts, file)


if "NOF0_FAULTS" in os.environ:
    install(json.loads(os.environ["NOF0_FAULTS"]))
