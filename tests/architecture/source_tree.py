"""The project's own source files, parsed once, for the tests that check how they are written."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("engine", "api")


def modules(*below: str) -> Iterator[Path]:
    """Python files at or below the given project paths, in a fixed order; a path that does not exist has none."""
    for name in below:
        path = PROJECT_ROOT / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.is_file() else []


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def relative(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()
