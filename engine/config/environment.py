"""References to the environment in configured texts: ``${VAR}`` and ``${VAR:-default}``."""

import re
from collections.abc import Mapping

from msgspec import Struct

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}", re.ASCII)


class Expanded(Struct, frozen=True):
    """A text with its variables filled in. ``unset`` says which could not be, ``fault`` what is no reference at all."""

    text: str
    unset: str = ""
    fault: str = ""
    whole: bool = False  # the text was one single reference and nothing else


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """Fill in the variables, once: what they hold is not read again. As in a shell, empty counts as unset."""
    if "${" not in text:
        return Expanded(text)
    if "${" in _REFERENCE.sub("", text):
        return Expanded("", fault="holds '${' that begins no ${VARIABLE} or ${VARIABLE:-default}")
    for name, default in _REFERENCE.findall(text):
        value = environ.get(name, "")
        if not value and f"${{{name}:-" not in text:
            return Expanded("", unset=f"the environment variable {name}, which is not set or empty")
        if any(ord(character) < 32 or ord(character) == 127 for character in value or default):
            return Expanded("", unset=f"the environment variable {name} without line breaks or control characters")
    filled = _REFERENCE.sub(lambda found: environ.get(found[1], "") or found[2] or "", text)
    return Expanded(filled, whole=_REFERENCE.fullmatch(text) is not None)
