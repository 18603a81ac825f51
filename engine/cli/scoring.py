"""``engine backtest --scores``: every strategy of a library plays alone on every coin, and its file is told how."""

import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from engine.app import Market
from engine.backtest.scoring import samples, scored
from engine.backtest.tally import Tally
from engine.cli.backtest import fitted, market_of, play, span_of
from engine.cli.commands import EXIT_CONFIG
from engine.cli.configuration import Refused, load_or_refuse
from engine.cli.instant import instant_ms, instant_text
from engine.config import ConfigFaults, Settings, StrategyChoice, TraderSettings
from engine.config.library import LibrarySettings, ScoreEntry, StrategyEntry, library_text, read_library
from engine.executor.limits import AccountLimits, Limits
from engine.executor.selector.library import Score
from engine.executor.selector.regime import REGIMES, Regime, regime_columns, regime_of
from engine.market.candle_files import HistoryFault
from engine.model.ids import TraderId

CAPITAL_USD = Decimal(10_000)  # of each strategy on each coin
# What a strategy is worth is asked, not what a trader's limits leave of it.
FREE = Limits(
    max_positions=1,
    max_position_size_usd=100 * CAPITAL_USD,
    max_margin_usage_pct=None,
    min_risk_reward_ratio=None,
    min_confidence=None,
)
WITHOUT_EXITS = ("cash", "buy_and_hold", "equal_weight", "ema_cross")


def run_scoring(
    config: Path,
    path: Path,
    *,
    data: Path | None,
    from_text: str | None,
    to_text: str | None,
    interval: str | None,
    coins: str | None,
    allow_gaps: bool,
    unread: Sequence[str] = (),
) -> int:
    """Score the library at ``path`` and write it anew; 0, 78 for a bad configuration or library, 2 for bad bars.

    ``unread`` are options that were given and mean nothing here.
    """
    if unread:
        print(f"--scores plays the strategies of a library; leave out {', '.join(unread)}", file=sys.stderr)
        return 2
    try:
        settings = load_or_refuse(config)
        library = read_library(path)
        from_ms = None if from_text is None else instant_ms(from_text)
        to_ms = None if to_text is None else instant_ms(to_text)
        market = market_of(settings, data, from_ms, to_ms, interval, coins, allow_gaps)
        from_ms, to_ms = span_of(market, from_ms, to_ms)
    except Refused as refused:
        return refused.code
    except ConfigFaults as faults:
        print(faults, file=sys.stderr)
        return EXIT_CONFIG
    except (ValueError, HistoryFault) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"scoring {library.name} from {instant_text(from_ms)} to {instant_text(to_ms)}", file=sys.stderr)
    source = settings.accounts[0].market if data is None else data.name
    path.write_text(score_library(settings, library, market, source, from_ms, to_ms), encoding="utf-8")
    print_scores(read_library(path))
    print(f"{path}: version {library.file.version + 1}; look at it, then write your name behind reviewed_by")
    return 0


def score_library(
    settings: Settings, library: LibrarySettings, market: Market, source: str, from_ms: int, to_ms: int
) -> str:
    """Play, and return the library's new text: its scores, a higher version, and no review. ``source`` names the bars.

    Costs, fills and the interval of decisions are those of the configuration; its traders and limits play no part.
    """
    interval_ms = library.file.regime_interval_ms
    market.declare(regime_columns(interval_ms))
    _, tally = play(alone(settings, library, market), market, from_ms, to_ms)
    known: dict[tuple[str, int], Regime | None] = {}

    def regime_at(coin: str, at_ms: int) -> Regime | None:
        if (coin, at_ms) not in known:
            known[coin, at_ms] = regime_of(market.look(at_ms).window(coin), interval_ms)
        return known[coin, at_ms]

    found = {label: _scores(label, market.coins, tally, regime_at) for label in library.file.strategies}
    file = replace(
        library.file,
        version=library.file.version + 1,
        reviewed_by="",
        reviewed_on="",
        scored_on=f"{source}: {', '.join(market.coins)} from {instant_text(from_ms)} to {instant_text(to_ms)}",
        strategies={
            label: replace(entry, scores=_entries(found[label])) for label, entry in library.file.strategies.items()
        },
    )
    return library_text(file)


def alone(settings: Settings, library: LibrarySettings, market: Market) -> Settings:
    """The settings with one trader for each strategy and coin, all on the first account, instead of the configured."""
    template, account = settings.traders[0], settings.accounts[0]
    traders = tuple(
        _trader(template, label, entry, coin, settings.executor.decision_interval_ms)
        for label, entry in library.file.strategies.items()
        for coin in market.coins
    )
    capital = CAPITAL_USD * len(traders)
    played = replace(
        account,
        traders=tuple(trader.id for trader in traders),
        limits=AccountLimits(taker_fee_rate=account.limits.taker_fee_rate),
        capital_usd=capital,
        initial_balance_usd=capital,
    )
    rules = replace(settings.manager.manager, allocation_strategy="fixed")
    manager = replace(settings.manager, manager=rules)
    return fitted(replace(settings, traders=traders, accounts=(played,), manager=manager), market.interval_ms)


def print_scores(library: LibrarySettings) -> None:
    """The scores of a library: one line a strategy, a column a regime."""
    print(f"{'strategy':<24}" + "".join(f"{regime.replace('_', ' '):>26}" for regime in REGIMES))
    for label, entry in library.file.strategies.items():
        cells = []
        for regime in REGIMES:
            score = entry.scores.get(regime)
            cells.append("-" if score is None else f"{score.score:.2f} ({score.return_pct:+.1f} %, {score.hours} h)")
        print(f"{label:<24}" + "".join(f"{cell:>26}" for cell in cells))


def _trader(template: TraderSettings, label: str, entry: StrategyEntry, coin: str, interval_ms: int) -> TraderSettings:
    return replace(
        template,
        id=TraderId(f"{label}.{coin.lower()}"),
        name=f"{label} {coin}",
        kind="strategy",
        benchmark=False,
        model=None,
        strategy=StrategyChoice(name=entry.strategy, settings=entry.settings, seed=entry.seed),
        selector=None,
        strategy_template=None,
        system_template=None,
        user_template=None,
        interval_ms=interval_ms,
        order_style="market_ioc",
        order_expiry_ms=None,
        coins=(coin,),
        capital_usd=CAPITAL_USD,
        auto_start=True,
        cycles_folder=None,
        candidate_limit=None,
        limits=replace(FREE, stop_loss_enabled=_gives("stop_", entry), take_profit_enabled=_gives("target_", entry)),
    )


def _gives(exit_: str, entry: StrategyEntry) -> bool:
    """Whether a strategy gives its entries this exit; a limit that asks for one it does not give denies them all."""
    off = any(name.startswith(exit_) and value is None for name, value in entry.settings.items())
    return entry.strategy not in WITHOUT_EXITS and not off


def _scores(
    label: str, coins: tuple[str, ...], tally: Tally, regime_at: Callable[[str, int], Regime | None]
) -> Mapping[str, Score]:
    hours = []
    for coin in coins:
        curve = tally.of(f"{label}.{coin.lower()}")
        hours += list(samples(curve.times_ms, curve.nav, partial(regime_at, coin)))
    return scored(hours)


def _entries(scores: Mapping[str, Score]) -> dict[str, ScoreEntry]:
    return {
        regime: ScoreEntry(score=found.score, sharpe=found.sharpe, return_pct=found.return_pct, hours=found.hours)
        for regime, found in scores.items()
    }
