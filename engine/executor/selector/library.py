"""Libraries: the strategies that a selector may weigh, with settings nobody changes, and what each of them scored."""

from collections.abc import Mapping

from msgspec import Struct

from engine.executor.ports import Strategy
from engine.executor.selector.regime import regime_columns
from engine.model.market import Column


class Score(Struct, frozen=True, kw_only=True):
    """What a strategy did in one regime of a backtest, alone and after all costs.

    ``hours`` is the sample, summed over coins; ``return_pct`` the sum of its hourly returns in percent, ``sharpe``
    their annualised Sharpe ratio (0 where there is none), ``score`` what selectors go by, 0 to ``BEST_SCORE``.
    """

    score: float
    sharpe: float
    return_pct: float
    hours: int


BEST_SCORE = 5.0


class Candidate(Struct, frozen=True, kw_only=True):
    """One strategy of a library: ``about`` says what it is and with which settings, ``scores`` are by regime."""

    label: str
    strategy: Strategy
    about: str
    scores: Mapping[str, Score] = {}


class Library(Struct, frozen=True, kw_only=True):
    """The strategies of a selector in the order of their file; ``name`` tells its version and digest.

    ``regime_interval_ms`` is the length of the bars by which regimes are told.
    """

    name: str
    regime_interval_ms: int
    candidates: tuple[Candidate, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What the strategies are called."""
        return tuple(candidate.label for candidate in self.candidates)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns that its strategies and its regimes read, each once."""
        wanted = [column for candidate in self.candidates for column in candidate.strategy.columns]
        return tuple(dict.fromkeys([*wanted, *regime_columns(self.regime_interval_ms)]))
