"""The part of etc/nof0.yaml that the API needs, read without the engine: the rest of the file is the engine's."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from msgspec import Struct

from api.errors import ConfigError

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_INTEGER: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_MISSING: Final = object()


class Settings(Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: int = 8888
    data_path: Path
    stale_after_s: int = 300
    """``TTL.Long``: what was published longer ago than this makes /health say stale. The other two are the engine's."""
    source: Literal["json"] = "json"
    env: str = "test"


def load_settings(path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Raises ``ConfigError`` with all that is wrong. Variables are looked up in ``environ``, else ``os.environ``."""
    try:
        content = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name the file with --config") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds a {type(content).__name__}; settings are a mapping of keys to values")

    reader = _Reader(path, content, os.environ if environ is None else environ)
    api, ttl = reader.section("Api", ("Source",)), reader.section("TTL", ("Short", "Medium", "Long"))
    if reader.word(api, "Api.Source", "json", ("json", "postgres")) == "postgres":
        reader.refuse("Api.Source", "postgres", "'json': answers from the tables are not part of this version")
    settings = Settings(
        host=reader.text(content, "Host", "127.0.0.1"),
        port=reader.integer(content, "Port", 8888, lowest=0, highest=65535),
        data_path=(path.parent / reader.text(content, "DataPath", "../mcp_data")).resolve(),
        stale_after_s=reader.integer(ttl, "TTL.Long", 300, lowest=1),
        env=reader.word(content, "Env", "test", ("test", "dev", "prod")),
    )
    if reader.errors:
        raise ConfigError("\n".join(reader.errors))
    return settings


class _Reader:
    """Takes values out of the file and notes what is wrong with them, so that all of it can be told at once."""

    def __init__(self, path: Path, content: dict[Any, Any], environ: Mapping[str, str]) -> None:
        self._path = path
        self._content = content
        self._environ = environ
        self.errors: list[str] = []

    def refuse(self, key: str, found: object, accepted: str) -> None:
        self.errors.append(f"{self._path}: {key} was {found!r}; it must be {accepted}")

    def section(self, key: str, known: tuple[str, ...]) -> dict[Any, Any]:
        found = self._content.get(key)
        if found is None:
            return {}
        if not isinstance(found, dict):
            self.refuse(key, found, "a mapping")
            return {}
        for name in found:
            if name not in known:
                self.errors.append(f"{self._path}: {key}.{name} is not known; known: {', '.join(known)}")
        return found

    def text(self, section: dict[Any, Any], key: str, default: str) -> str:
        found = self._value(section, key, default)
        if isinstance(found, str) and found:
            return found
        if found is not _MISSING:
            self.refuse(key, found, "a text that is not empty")
        return default

    def word(self, section: dict[Any, Any], key: str, default: str, known: tuple[str, ...]) -> str:
        found = self._value(section, key, default)
        if isinstance(found, str) and found in known:
            return found
        if found is not _MISSING:
            self.refuse(key, found, f"one of {', '.join(known)}")
        return default

    def integer(self, section: dict[Any, Any], key: str, default: int, *, lowest: int, highest: int = 10**9) -> int:
        found = self._value(section, key, default)
        # A number that came through the environment is a text.
        if isinstance(found, str) and _INTEGER.fullmatch(found):
            found = int(found)
        if isinstance(found, int) and not isinstance(found, bool) and lowest <= found <= highest:
            return found
        if found is not _MISSING:
            self.refuse(key, found, f"a whole number from {lowest} to {highest}")
        return default

    def _value(self, section: dict[Any, Any], key: str, default: object) -> object:
        """The value with its variables filled in; ``_MISSING`` when one of them is unset, which is noted here."""
        found = section.get(key.rpartition(".")[2], default)
        if not isinstance(found, str):
            return found
        variables = [(match[1], match[2]) for match in _VARIABLE.finditer(found)]
        unset = [name for name, fallback in variables if fallback is None and name not in self._environ]
        if unset:
            self.errors.append(
                f"{self._path}: {key} needs the environment variable {', '.join(unset)}, which is not set"
            )
            return _MISSING
        # As in a shell, a variable that is set to nothing takes the default too.
        return _VARIABLE.sub(lambda match: self._environ.get(match[1]) or match[2] or "", found)
