"""What every test may ask for: the run's seed, the golden switch, and real recordings where they are at hand."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

PROJECT_ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("nof0", deadline=None, print_blob=True)
settings.load_profile("nof0")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("nof0")
    group.addoption(
        "--update-golden", action="store_true", help="write golden files anew instead of comparing with them"
    )
    group.addoption("--seed", type=int, default=None, help="replay a randomised run: the seed that its header printed")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # Chosen once, before the worker processes copy the options, and handed to hypothesis too: one number replays all.
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(2**32)
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(config.option.seed)


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.option.seed} (replay with --seed {config.option.seed})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.write_line(f"seed of this run: replay with --seed {config.option.seed}")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run, as printed in its header; ``random.Random(seed)`` makes a randomised test replayable."""
    return int(request.config.option.seed)


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written (``make golden``) instead of compared with."""
    return bool(request.config.option.update_golden)


@pytest.fixture
def golden(update_golden: bool) -> Callable[[Path, str], None]:
    """A function ``golden(path, actual)`` that fails when ``actual`` is not the text of the golden file at ``path``."""

    def compare(path: Path, actual: str) -> None:
        if update_golden:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(actual.encode())
        assert path.exists(), f"{path} is missing; `make golden` writes it"
        assert actual == path.read_bytes().decode(), f"differs from {path}; `make golden` accepts the new text"

    return compare


def _recordings(variable: str, folder: str) -> Path:
    path = Path(os.environ.get(variable) or PROJECT_ROOT.parent / "shared" / folder)
    if not path.is_dir():
        pytest.skip(f"real recordings are not at hand: no folder {path}; set {variable} to where they are")
    return path


@pytest.fixture
def shared_data() -> Path:
    """The folder of recorded market data (``$NOF0_REAL_DATA``, or ``../shared/data``); skips when there is none."""
    return _recordings("NOF0_REAL_DATA", "data")


@pytest.fixture
def shared_nof1() -> Path:
    """The folder of captured nof1 documents (``$NOF0_REAL_NOF1``, or ``../shared/nof1``); skips when there is none."""
    return _recordings("NOF0_REAL_NOF1", "nof1")
