"""The committed samples: they are what the recipe makes, the commands take them, and they are small."""

import shutil
from pathlib import Path

import msgspec
import pytest

from api.handoff.generation import open_generation
from engine.cli.journal import verify_journal
from tests.api.serving import PATHS, serving
from tests.samples.recipe import (
    PROJECT_ROOT,
    SAMPLE,
    SAMPLE_CONFIG,
    SAMPLE_FROM_MS,
    SAMPLE_TO_MS,
    documents,
    in_own_process,
)

PUBLISHED = PROJECT_ROOT / "mcp_data" / "sample"
JOURNAL_BYTES_MAX, PUBLISHED_BYTES_MAX = 300_000, 400_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out like the project in which the recipe has just made the samples."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(SAMPLE / "etc", folder / "journal" / "sample" / "etc")
    shutil.copytree(PROJECT_ROOT / "prompts", folder / "prompts")
    config = folder / "journal" / "sample" / "etc" / "nof0.yaml"
    in_own_process("play", config, SAMPLE_FROM_MS, SAMPLE_TO_MS)
    in_own_process("flat", config, folder / "flat")
    return folder


def content_of(folder: Path, *parts: str) -> dict[str, bytes]:
    """The files below some parts of a folder."""
    paths = [path for part in parts for path in sorted((folder / part).rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_samples_are_byte_for_byte_what_the_recipe_makes(made: Path, update_golden: bool) -> None:
    anew = made / "journal" / "sample"
    if update_golden:
        for part in ("log", "state"):
            shutil.rmtree(SAMPLE / part, ignore_errors=True)
            shutil.copytree(anew / part, SAMPLE / part)
        shutil.rmtree(PUBLISHED, ignore_errors=True)
        shutil.copytree(made / "flat", PUBLISHED)
        for path in (*SAMPLE.rglob("*"), *PUBLISHED.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)

    accepts = "`make golden` accepts the new samples"
    assert content_of(SAMPLE, "log", "state") == content_of(anew, "log", "state"), accepts
    assert content_of(PUBLISHED, ".") == content_of(made / "flat", "."), accepts


def test_the_samples_are_small_and_show_something() -> None:
    trades = msgspec.json.decode((PUBLISHED / "trades.json").read_bytes())["trades"]

    assert size_of(SAMPLE) <= JOURNAL_BYTES_MAX
    assert size_of(PUBLISHED) <= PUBLISHED_BYTES_MAX
    assert len(trades) >= 5


def test_the_journal_sample_verifies_and_gives_the_published_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "journal" / "sample"  # a verification looks at the venue's books, which it opens for writing
    shutil.copytree(SAMPLE, copy)
    shutil.copytree(PROJECT_ROOT / "prompts", tmp_path / "prompts")
    shutil.copytree(PUBLISHED, tmp_path / "mcp_data" / "sample")

    code = verify_journal(copy / "etc" / "nof0.yaml")

    assert (code, capsys.readouterr().out.splitlines()[-1]) == (0, "clean")
    assert documents(SAMPLE_CONFIG) == open_generation(PUBLISHED).documents


def test_the_api_serves_the_published_sample_as_a_plain_folder() -> None:
    before = content_of(PUBLISHED, ".")
    with serving(PUBLISHED) as client:
        answers = {path: client.get(path) for path in PATHS if not path.startswith("/api/analytics/")}
        own = client.get("/api/analytics/momentum")

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert own.json()["analytics"][0]["model_id"] == "momentum"
    assert answers["/api/trades"].json()["trades"]
    assert content_of(PUBLISHED, ".") == before
