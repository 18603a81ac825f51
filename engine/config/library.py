"""The file of a selector's library: its strategies, what they scored in backtests, and who has looked at that."""

import json
import re
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any

from msgspec import Struct, field
from msgspec.structs import replace

from engine.config.conversion import FAILED, Conversion
from engine.config.document import parse_document
from engine.config.duration import format_duration
from engine.config.faults import ConfigFaults, Fault
from engine.config.kinds import Count, CountOrOff, Milliseconds, Name, Number, Seed
from engine.config.strategies import strategy_refusal
from engine.executor.selector.library import BEST_SCORE, Candidate, Library, Score
from engine.executor.selector.regime import REGIMES

LONGEST_ABOUT = 300  # characters
MOST_STRATEGIES = 32
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_RETURN = Number("%", at_least=-1_000_000, at_most=1_000_000)


class ScoreEntry(Struct, frozen=True, kw_only=True):
    """What a strategy did in one regime; ``engine.executor.selector.library.Score`` says what the numbers are."""

    score: Annotated[float, Number("score", at_least=0, at_most=BEST_SCORE)]
    sharpe: Annotated[float, Number("ratio", at_least=-1000, at_most=1000)]
    return_pct: Annotated[float, _RETURN]
    hours: CountOrOff


class StrategyEntry(Struct, frozen=True, kw_only=True):
    """One strategy: ``strategy`` is its name in the catalogue, ``about`` one line for the model that weighs it."""

    strategy: Name
    about: str
    settings: dict[str, Any] = {}
    seed: Seed = 0
    scores: dict[str, ScoreEntry] = {}


class LibraryFile(Struct, frozen=True, kw_only=True):
    """``etc/libraries/*.yaml``.

    ``version`` grows with every scoring. ``reviewed_by`` and ``reviewed_on`` are written by a person who has looked at
    the scores, and taken out by the next scoring: a selector takes no library that nobody has reviewed. ``scored_on``
    says in words which bars the scores are from.
    """

    version: Count
    reviewed_by: str = ""
    reviewed_on: str = ""
    scored_on: str = ""
    regime_interval_ms: Milliseconds = field(name="regime_interval", default=3_600_000)
    strategies: dict[str, StrategyEntry] = {}


class LibrarySettings(Struct, frozen=True, kw_only=True):
    """A library as read: its file, a name made of version and digest, and what it holds."""

    name: str
    path: Path
    file: LibraryFile


def read_library(path: Path) -> LibrarySettings:
    """The library at ``path``, reviewed or not. Raises ``ConfigFaults`` with everything that is wrong with it."""
    faults: list[Fault] = []
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except OSError as e:
        raise ConfigFaults([Fault(file=str(path), key="", message=f"cannot be read: {e.strerror}")]) from e
    except UnicodeDecodeError as e:
        raise ConfigFaults([Fault(file=str(path), key="", message="is not text in UTF-8")]) from e
    tree = parse_document(text, str(path), faults)
    conversion = Conversion(str(path), path.parent, {})
    file = FAILED if faults else conversion.read(tree, LibraryFile)
    faults += conversion.faults
    faults += [
        replace(fault, message="names a variable; a library says the same everywhere") for fault in conversion.unset
    ]
    if faults or not isinstance(file, LibraryFile):
        raise ConfigFaults(faults)
    faults += _faults_in(file, str(path))
    if faults:
        raise ConfigFaults(faults)
    digest = blake2b(content, digest_size=4).hexdigest()
    return LibrarySettings(name=f"{path.stem} {file.version} ({digest})", path=path, file=file)


def library_of(settings: LibrarySettings) -> Library:
    """The library with its strategies built."""
    from engine.executor.strategies import build  # numpy and TA-Lib: only when somebody selects

    file = settings.file
    return Library(
        name=settings.name,
        regime_interval_ms=file.regime_interval_ms,
        candidates=tuple(
            Candidate(
                label=label,
                strategy=build(entry.strategy, entry.settings, seed=entry.seed),
                about=entry.about,
                scores={
                    regime: Score(
                        score=found.score, sharpe=found.sharpe, return_pct=found.return_pct, hours=found.hours
                    )
                    for regime, found in entry.scores.items()
                },
            )
            for label, entry in file.strategies.items()
        ),
    )


def library_text(file: LibraryFile) -> str:
    """The text of a library's file, the same for the same library; ``read_library`` reads it back."""
    lines = [
        "# A library for selectors. Before anybody goes by scores, a person looks at them and says so in reviewed_by.",
        f"version: {file.version}",
        f"reviewed_by: {_quoted(file.reviewed_by)}",
        f"reviewed_on: {_quoted(file.reviewed_on)}",
        f"scored_on: {_quoted(file.scored_on)}",
        f"regime_interval: {format_duration(file.regime_interval_ms)}",
        "strategies:",
    ]
    for label, entry in file.strategies.items():
        lines += [f"  {label}:", f"    strategy: {entry.strategy}", f"    about: {_quoted(entry.about)}"]
        if entry.settings:
            lines.append(f"    settings: {json.dumps(entry.settings, ensure_ascii=False)}")
        if entry.seed:
            lines.append(f"    seed: {entry.seed}")
        if entry.scores:
            lines.append("    scores:")
        for regime, found in entry.scores.items():
            lines.append(
                f"      {regime}: {{score: {found.score}, sharpe: {found.sharpe}, "
                f"return_pct: {found.return_pct}, hours: {found.hours}}}"
            )
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A text as a YAML scalar in double quotes, which JSON's strings are."""
    return json.dumps(text, ensure_ascii=False)


def _faults_in(file: LibraryFile, name: str) -> list[Fault]:
    found: list[Fault] = []

    def fault(key: str, message: str) -> None:
        found.append(Fault(file=name, key=key, message=message))

    if not 1 <= len(file.strategies) <= MOST_STRATEGIES:
        fault("strategies", f"are {len(file.strategies)}; a library holds from 1 to {MOST_STRATEGIES}")
    for label, entry in file.strategies.items():
        where = f"strategies.{label}"
        if not _LABEL.fullmatch(label):
            fault(where, "is no label: 1 to 32 of a-z, 0-9 and '_', a letter first")
        if not entry.about.isprintable() or not 1 <= len(entry.about) <= LONGEST_ABOUT:
            fault(f"{where}.about", f"is no line of 1 to {LONGEST_ABOUT} characters")
        refusal = strategy_refusal(entry.strategy, entry.settings, entry.seed)
        if refusal:
            fault(f"{where}.strategy", refusal)
        for regime in entry.scores:
            if regime not in REGIMES:
                fault(f"{where}.scores.{regime}", f"is no regime; known: {', '.join(REGIMES)}")
    return found
