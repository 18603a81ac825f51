"""Prompt templates: jinja2 files that carry a version, run in a sandbox, and fail by name instead of falling back."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from traceback import extract_tb
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from msgspec import Struct

from engine.executor.contract import ConfidenceScale
from engine.executor.figures import figures, minutes, quoted

LONGEST_TEMPLATE = 64 * 1024  # characters

_VERSION = re.compile(r"\{# Version: (\d+\.\d+\.\d+) #\}[ \t]*(?:\n|$)", re.ASCII)
_CONFIDENCE = re.compile(r"\{# Confidence: (\S+) #\}")
_TEMPLATE_FAULTS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_SCALES: dict[str, ConfidenceScale] = {"0-1": "fraction", "0-100": "percent"}


class PromptError(Exception):
    """A template is missing, unversioned or wrong; the message names the file and what is wrong with it."""


class Template(Struct, frozen=True, kw_only=True):
    """One template. ``name`` is its folder and file without the ending; ``path`` is only for messages.

    ``confidence`` is the scale on which the template asks for confidence, told by a line ``{# Confidence: 0-1 #}`` or
    ``{# Confidence: 0-100 #}``.
    """

    name: str
    version: str
    source: str
    path: str
    confidence: ConfidenceScale = "auto"

    @classmethod
    def load(cls, path: Path) -> "Template":
        """Read a template file. Raises ``PromptError``."""
        try:
            source = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise PromptError(f"{path}: there is no such template") from error
        except (OSError, UnicodeDecodeError) as error:
            raise PromptError(f"{path}: cannot be read: {error}") from error
        return cls.of(source, path=str(path), name="/".join([*path.absolute().parent.parts[-1:], path.stem]))

    @classmethod
    def of(cls, source: str, *, path: str, name: str) -> "Template":
        """A template whose text is at hand. Raises ``PromptError`` when it could not be used."""
        if len(source) > LONGEST_TEMPLATE:
            raise PromptError(f"{path}: {len(source)} characters long, at most {LONGEST_TEMPLATE} are read")
        version = _VERSION.match(source)
        if version is None:
            raise PromptError(f"{path}: the first line has to say its version, as in {{# Version: 1.0.0 #}}")
        scale = _CONFIDENCE.search(source)
        if scale is not None and scale[1] not in _SCALES:
            raise PromptError(f"{path}: the confidence scale is {scale[1]!r}; known: {', '.join(_SCALES)}")
        template = cls(
            name=name,
            version=version[1],
            source=source,
            path=path,
            confidence="auto" if scale is None else _SCALES[scale[1]],
        )
        _compiled(path, source)
        return template

    def names(self) -> frozenset[str]:
        """The names that the template expects from outside."""
        return _compiled(self.path, self.source)[1]

    def fill(self, values: Mapping[str, Any]) -> str:
        """The template's text for these values. Raises ``PromptError`` for every value it asks for in vain."""
        compiled, _ = _compiled(self.path, self.source)
        try:
            return compiled.render(values)
        except _TEMPLATE_FAULTS as error:
            lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == self.path]
            place = f"{self.path}:{lines[-1]}" if lines else self.path
            raise PromptError(f"{place}: {error}") from error


def _sandbox() -> ImmutableSandboxedEnvironment:
    """Where templates run: nothing undefined is printed, nothing can be changed, nothing outside can be reached."""
    sandbox = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    sandbox.globals.clear()  # a template lays out what it is given: no range, no lorem ipsum
    sandbox.filters.update(figures=figures, quoted=quoted, minutes=minutes)
    return sandbox


_environment = _sandbox()


@lru_cache(maxsize=256)
def _compiled(path: str, source: str) -> tuple[jinja2.Template, frozenset[str]]:
    try:
        tree = _environment.parse(source, filename=path)
        others = [name or "a computed name" for name in meta.find_referenced_templates(tree)]
        if others:
            raise PromptError(f"{path}: asks for another template ({', '.join(others)}); a template stands alone")
        code = _environment.compile(tree, filename=path)
    except jinja2.TemplateSyntaxError as error:
        raise PromptError(f"{path}:{error.lineno}: {error.message}") from error
    names = frozenset(meta.find_undeclared_variables(tree))
    return jinja2.Template.from_code(_environment, code, {}), names
