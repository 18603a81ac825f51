"""The tree names no machine: no path that exists on one computer only, no address of a package registry."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import PROJECT_ROOT, relative

# Written so that the patterns do not match the line they stand in.
ONE_MACHINES_PATH = re.compile(r"(?<![\w.$}~<-])/(?:work|root|opt/wheels|home/[a-z]\w+|Users/[A-Z]\w+)/[\w.]")
REGISTRY = re.compile(
    r"(?:pypi\.(?:org|python)|pythonhosted\.[o]rg|registry\.(?:npmjs|yarnpkg)|--(?:extra-)?index[-]url|--find[-]links|file[:]//)"
)
LARGEST_BYTES = 2_000_000


def committed_texts() -> Iterator[tuple[Path, str]]:
    """Every text file that git holds or would add, with its text."""
    if shutil.which("git") is None or not (PROJECT_ROOT / ".git").exists():
        pytest.skip("this tree is no git work tree: what is committed cannot be told")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        check=True,
    )
    for name in sorted(listing.stdout.decode().split("\0")):
        path = PROJECT_ROOT / name
        if not name or not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            continue
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            yield path, content.decode(errors="replace")


@pytest.mark.parametrize("pattern", [ONE_MACHINES_PATH, REGISTRY], ids=["paths", "registries"])
def test_no_committed_file_names_a_machine(pattern: re.Pattern[str]) -> None:
    found = [
        f"{relative(path)}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}"
        for path, text in committed_texts()
        for hit in pattern.finditer(text)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (ONE_MACHINES_PATH, "see /" + "work/main/engine"),
        (ONE_MACHINES_PATH, "'/" + "root/.cache'"),
        (REGISTRY, "--find" + "-links x"),
        (REGISTRY, "https://pypi" + ".org/simple"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


@pytest.mark.parametrize("text", ["/tmp/work/x", "$HOME/root/x", "docs/work/x", "/home/"])
def test_the_patterns_leave_ordinary_paths_alone(text: str) -> None:
    assert not ONE_MACHINES_PATH.search(text)
