"""``engine backtest``: recorded or synthetic bars in, a report out."""

import sys
from pathlib import Path

from msgspec.structs import replace

from engine import __version__
from engine.app import Market, allocations_of, assemble, capital_of, open_market, terms_of
from engine.backtest.driver import Driver, step
from engine.backtest.report import Report, plot, report_of, text_of, write_json
from engine.backtest.tally import Tally
from engine.backtest.tape import tape_of, whole_bars
from engine.cli.configuration import Refused, load_or_refuse
from engine.cli.instant import instant_ms, instant_text
from engine.cli.progress import Progress
from engine.clock import SimClock
from engine.config import Settings, redacted_text
from engine.config.duration import parse_duration
from engine.config.llm import OpenAiModel
from engine.executor.prompt import PromptError
from engine.journal.inline import BufferedJournal
from engine.manager.arena import Arena
from engine.manager.desk import ModelDecider
from engine.manager.recorder import Recorder
from engine.manager.startup import announce, recover
from engine.manager.state import State
from engine.market.candle_files import HistoryFault
from engine.market.history import HistoryMarket
from engine.model.standing import DAY_MS, HOUR_MS


def run_backtest(
    config: Path,
    *,
    data: Path | None,
    from_text: str | None,
    to_text: str | None,
    interval: str | None,
    coins: str | None,
    allow_gaps: bool,
    every_slot: bool,
    report_path: Path | None,
    plot_path: Path | None,
    journal_path: Path | None,
) -> int:
    """Play and report; 0 when the book agreed with the venue throughout, 1 when it did not, 2 on bad input."""
    try:
        settings = load_or_refuse(config)
        _refuse_calls(settings)
        from_ms = None if from_text is None else instant_ms(from_text)
        to_ms = None if to_text is None else instant_ms(to_text)
        market = market_of(settings, data, from_ms, to_ms, interval, coins, allow_gaps)
        from_ms, to_ms = span_of(market, from_ms, to_ms)
    except Refused as refused:
        return refused.code
    except (ValueError, HistoryFault) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"playing {instant_text(from_ms)} to {instant_text(to_ms)}", file=sys.stderr)
    _say_scores(settings)
    settings = fitted(settings, market.interval_ms)
    journal = None if journal_path is None else BufferedJournal.open(journal_path)[0]
    try:
        report, tally = play(settings, market, from_ms, to_ms, every_slot=every_slot, journal=journal)
    except PromptError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        if journal is not None:
            journal.close()
    sys.stdout.write(text_of(report))
    for incident in tally.incidents[:10]:
        print(f"incident: {incident}")
    if report_path is not None:
        write_json(report, report_path)
    if plot_path is not None:
        plot(tally, plot_path)
    return 0 if report.counts.identity_drifts == 0 else 1


def play(
    settings: Settings,
    market: Market,
    from_ms: int,
    to_ms: int,
    *,
    every_slot: bool = False,
    journal: BufferedJournal | None = None,
    show_progress: bool = True,
    observe_ms: int | None = None,
) -> tuple[Report, Tally]:
    """One run from nothing: a fresh state, a fresh venue, and what came of it."""
    clock = SimClock(from_ms)
    state = State()
    tally = Tally(state)
    recorder = Recorder(state, clock, journal, [tally])
    assembly = assemble(
        settings, recorder, clock=clock, markets={account.market: market for account in settings.accounts}
    )
    _keep_prompts(assembly.arena)
    announce(assembly.arena, __version__, redacted_text(settings), terms_of(settings))
    step(recover(assembly.arena, capital_of(settings)))
    columns = [
        column
        for desk in assembly.arena.desks.values()
        if not isinstance(desk.decider, ModelDecider)
        for column in desk.decider.columns
    ]
    tape = tape_of(market, columns, from_ms, to_ms)
    with Progress("backtest", shown=show_progress) as progress:
        driver = Driver(
            assembly.arena,
            clock,
            tape,
            every_slot=every_slot,
            mark_ms=HOUR_MS,
            observe_ms=observe_ms,
            allocations=allocations_of(settings),
            progress=progress.update,
        )
        driver.run(from_ms, to_ms)
    report = report_of(
        state,
        tally,
        from_ms=from_ms,
        to_ms=to_ms,
        mark_ms=HOUR_MS,
        checks=driver.checks,
        drifts=driver.drifts,
    )
    return report, tally


def _refuse_calls(settings: Settings) -> None:
    """Bars of the past are no question for a model that is really called. Raises ``ValueError``."""
    called = [
        f"{trader.id} asks {trader.model}"
        for trader in settings.traders
        if trader.model is not None and isinstance(settings.llm.models[trader.model], OpenAiModel)
    ]
    if called:
        raise ValueError(
            f"a backtest calls no model, and {', '.join(called)} of type openai; "
            "name models of type recorded (their replies to these prompts) or scripted for them"
        )


def _say_scores(settings: Settings) -> None:
    """Scores know the outcome of the bars that they are from; who plays those is to see it."""
    for trader in settings.traders:
        if trader.selector is not None:
            library = trader.selector.library
            scored_on = library.file.scored_on or "nothing"
            print(f"{trader.id} goes by {library.name}, scored on {scored_on}", file=sys.stderr)


def _keep_prompts(arena: Arena) -> None:
    """One run, one text: templates that are edited meanwhile are for the next run."""
    for desk in arena.desks.values():
        if isinstance(desk.decider, ModelDecider):
            desk.decider = replace(desk.decider, prompts=desk.decider.prompts.current())


def fitted(settings: Settings, bar_ms: int) -> Settings:
    """The settings with every interval rounded up to whole bars of the recording; says where it had to."""
    traders = []
    for trader in settings.traders:
        changed = {
            name: -(-getattr(trader, name) // bar_ms) * bar_ms
            for name in ("interval_ms", "series_interval_ms", "long_interval_ms")
            if getattr(trader, name) % bar_ms
        }
        if changed:
            said = ", ".join(f"{name} {getattr(trader, name)} -> {value}" for name, value in changed.items())
            print(f"{trader.id}: bars of {bar_ms} ms: {said}", file=sys.stderr)
        traders.append(replace(trader, **changed))
    return replace(settings, traders=tuple(traders))


def market_of(
    settings: Settings,
    data: Path | None,
    from_ms: int | None,
    to_ms: int | None,
    interval: str | None,
    coins: str | None,
    allow_gaps: bool,
) -> Market:
    """The recording in ``data``, or else the market of the first account. Raises ``HistoryFault``, ``ValueError``."""
    if data is None:
        return open_market(settings, settings.accounts[0].market)
    return HistoryMarket.load(
        data,
        coins=None if coins is None else coins.split(","),
        base_interval_ms=None if interval is None else parse_duration(interval),
        from_ms=from_ms,
        to_ms=to_ms,
        allow_gaps=allow_gaps,
    )


def span_of(market: Market, from_ms: int | None, to_ms: int | None) -> tuple[int, int]:
    """The span to play, in whole bars. Raises ``ValueError`` for one that the market cannot play."""
    if isinstance(market, HistoryMarket):
        return whole_bars(market, from_ms, to_ms)
    if from_ms is None or to_ms is None:
        raise ValueError("a synthetic market has no beginning and no end: give --from and --to")
    if not 0 < to_ms - from_ms <= 366 * DAY_MS:
        raise ValueError("a synthetic market is played for up to a year at once, from an earlier instant to a later")
    interval = market.interval_ms
    return -(-from_ms // interval) * interval, to_ms - to_ms % interval
