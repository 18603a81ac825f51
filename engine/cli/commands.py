"""The commands and their options; each hands over to the file that carries it out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from engine import __version__

EXIT_CONFIG = 78  # sysexits.h EX_CONFIG
DEFAULT_CONFIG = Path("etc/nof0.yaml")

Config = Annotated[Path, Parameter(help="The main configuration file.")]

app = App(
    name="engine",
    help="An arena in which models, prompts and strategies trade perpetuals side by side.",
    version=__version__,
    help_format="plaintext",  # what markdown would take to load is half of what --help takes
    default_parameter=Parameter(negative=()),
    result_action="return_value",
)
config_app = App(name="config", help="Check or show the configuration.")
journal_app = App(name="journal", help="Verify or show the journal.")
prompt_app = App(name="prompt", help="Show what a trader's model is asked.")
llm_app = App(name="llm", help="Ask the models behind endpoints.")
trader_app = App(name="trader", help="Tell a running engine what a trader is to do.")
app.command(config_app)
app.command(journal_app)
app.command(prompt_app)
app.command(llm_app)
app.command(trader_app)


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    result = app(list(arguments))
    return int(result) if isinstance(result, int) else 0


@app.default
@app.command(name="run")
def run(*, config: Config = DEFAULT_CONFIG, with_api: bool = False, until: str | None = None) -> int:
    """Trade in real time until stopped.

    Parameters
    ----------
    with_api
        Start the API as a child process too, and print its address.
    until
        Stop by itself at this instant (ISO 8601, UTC).
    """
    from engine.cli.run import run_engine

    return run_engine(config, with_api=with_api, until=until)


@app.command
def backtest(
    *,
    config: Config = DEFAULT_CONFIG,
    data: Path | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    interval: str | None = None,
    coins: str | None = None,
    allow_gaps: bool = False,
    every_slot: bool = False,
    report: Path | None = None,
    plot: Path | None = None,
    journal: Path | None = None,
    scores: Path | None = None,
) -> int:
    """Play recorded or synthetic bars to the configured traders, through the same plan, risk, book and venue as live.

    Parameters
    ----------
    data
        A folder of candle files; without it the configured market is played.
    from_
        First instant (ISO 8601 date or time, UTC).
    to
        Last instant, not included.
    interval
        The base bar (such as 5m); the finest recorded where left out.
    coins
        Comma-separated coins; all recorded ones where left out.
    allow_gaps
        Skip the slots whose data is missing instead of refusing.
    every_slot
        Ask strategies at every slot, also where they declare that they would hold.
    report
        Write the report as JSON.
    plot
        Draw the equity curves (.svg or .png).
    journal
        Keep a full journal of the run in this folder.
    scores
        Let each strategy of the library in this file play alone instead, and write what it scored into the file.
    """
    if scores is not None:
        from engine.cli.scoring import run_scoring

        unread = {"--report": report, "--plot": plot, "--journal": journal, "--every-slot": every_slot or None}
        return run_scoring(
            config,
            scores,
            data=data,
            from_text=from_,
            to_text=to,
            interval=interval,
            coins=coins,
            allow_gaps=allow_gaps,
            unread=[name for name, value in unread.items() if value is not None],
        )
    from engine.cli.backtest import run_backtest

    return run_backtest(
        config,
        data=data,
        from_text=from_,
        to_text=to,
        interval=interval,
        coins=coins,
        allow_gaps=allow_gaps,
        every_slot=every_slot,
        report_path=report,
        plot_path=plot,
        journal_path=journal,
    )


@app.command
def simulate(
    *,
    seeds: str = "0-199",
    hours: float = 2.0,
    crash_loop: bool = False,
    variants: str = "0",
    jobs: int = 2,
    stories: Path | None = None,
    replay: Path | None = None,
) -> int:
    """Run the whole engine in simulated universes full of faults, and say whether any promise was broken.

    Parameters
    ----------
    seeds
        Which universes: a seed, a range, or several of them with commas between; empty for none.
    hours
        How long each lasts, in virtual hours, before its faults end.
    crash_loop
        Also kill four short scenarios at each of their effects, and twice at several distances; and trip the kill
        switch at each of them.
    variants
        Which variants of these scenarios, as with seeds: 0 is as they are written, others happen in other worlds.
    jobs
        Processes to use.
    stories
        Leave each failure, shrunk to the faults that it takes, as a file in this folder.
    replay
        Run the one failure in this file again and tell what happens, by virtual time.
    """
    from engine.cli.simulate import simulate as run_universes

    return run_universes(
        seeds, hours=hours, crash_loop=crash_loop, variants=variants, jobs=jobs, stories=stories, replay=replay
    )


@config_app.command(name="check")
def config_check(*, config: Config = DEFAULT_CONFIG) -> int:
    """Say what is wrong with the configuration, everything at once; exit code 78 when something is."""
    from engine.cli.configuration import check

    return check(config)


@config_app.command(name="show")
def config_show(*, config: Config = DEFAULT_CONFIG) -> int:
    """Print the configuration in force, without secrets."""
    from engine.cli.configuration import show

    return show(config)


@journal_app.command(name="verify")
def journal_verify(*, config: Config = DEFAULT_CONFIG) -> int:
    """Verify the journal: chain, fold, and its agreement with the simulated venue and the published files."""
    from engine.cli.journal import verify_journal

    return verify_journal(config)


@journal_app.command(name="show")
def journal_show(
    *,
    config: Config = DEFAULT_CONFIG,
    kind: str | None = None,
    trader: str | None = None,
    from_seq: int = 1,
    last: int | None = None,
) -> int:
    """Print records, one JSON object a line.

    Parameters
    ----------
    kind
        Only this kind of record.
    trader
        Only this trader's.
    from_seq
        Begin at this sequence number.
    last
        Only so many of the last.
    """
    from engine.cli.journal import show_journal

    return show_journal(config, kind=kind, trader=trader, from_seq=from_seq, last=last)


@journal_app.command(name="rerun")
def journal_rerun(*, config: Config = DEFAULT_CONFIG, recordings: Path | None = None) -> int:
    """Decide every slot of the journal that asked a model again, calling nobody, and compare prompts and orders.

    Parameters
    ----------
    recordings
        Take the replies from the recordings in this folder, and not from the journal.
    """
    from engine.cli.rerun import rerun_journal

    return rerun_journal(config, recordings)


@prompt_app.command(name="show")
def prompt_show(trader: str, *, config: Config = DEFAULT_CONFIG, at: str | None = None, recorded: bool = False) -> int:
    """Print the messages that a trader's model would be sent now, their versions, digests and number of tokens.

    Parameters
    ----------
    trader
        The trader's id.
    at
        Look at the market at this instant (ISO 8601, UTC) instead of now.
    recorded
        The prompt that was sent last, from the journal.
    """
    from engine.cli.prompt import show_prompt

    return show_prompt(config, trader=trader, at=at, recorded=recorded)


@app.command
def kill(
    *,
    config: Config = DEFAULT_CONFIG,
    mode: Literal["no_opens", "reduce_only", "flatten_own"] = "no_opens",
    reason: str = "",
    lift: bool = False,
) -> int:
    """Halt the whole arena, whether the engine runs or not; it stays halted over every restart until lifted.

    Parameters
    ----------
    mode
        no_opens: nothing is opened; reduce_only: nobody decides either; flatten_own: traders' own positions close.
    reason
        Why, for the record.
    lift
        End the halt.
    """
    from engine.cli.halting import halt_arena

    return halt_arena(config, mode=mode, reason=reason, lift=lift)


@llm_app.command(name="ping")
def llm_ping(*, model: str | None = None, config: Config = DEFAULT_CONFIG, timeout: str = "30s") -> int:
    """Ask a model one short question and say what came back: whether endpoint, key and model id are right.

    Parameters
    ----------
    model
        A model of type openai; the default model where left out.
    timeout
        How long to wait (such as 30s).
    """
    from engine.cli.llm import ping

    return ping(config, model, timeout)


def _tell(config: Path, verb: Literal["start", "pause", "resume", "stop", "flatten"], trader: str, reason: str) -> int:
    from engine.cli.trader import tell

    return tell(config, verb, trader, reason)


@trader_app.command(name="start")
def trader_start(trader: str, *, config: Config = DEFAULT_CONFIG, reason: str = "") -> int:
    """Let a stopped trader decide again."""
    return _tell(config, "start", trader, reason)


@trader_app.command(name="pause")
def trader_pause(trader: str, *, config: Config = DEFAULT_CONFIG, reason: str = "") -> int:
    """No new decisions; positions are kept and their stops stay watched."""
    return _tell(config, "pause", trader, reason)


@trader_app.command(name="resume")
def trader_resume(trader: str, *, config: Config = DEFAULT_CONFIG, reason: str = "") -> int:
    """End a pause."""
    return _tell(config, "resume", trader, reason)


@trader_app.command(name="stop")
def trader_stop(trader: str, *, config: Config = DEFAULT_CONFIG, reason: str = "") -> int:
    """Close the trader's own positions, then halt it."""
    return _tell(config, "stop", trader, reason)


@trader_app.command(name="flatten")
def trader_flatten(trader: str, *, config: Config = DEFAULT_CONFIG, reason: str = "") -> int:
    """Close the trader's own positions and let it go on."""
    return _tell(config, "flatten", trader, reason)


@trader_app.command(name="settle")
def trader_settle(
    trader: str, order: str, *, outcome: Literal["never", "ended"], reason: str, config: Config = DEFAULT_CONFIG
) -> int:
    """End an order of unknown outcome on your own word, after a look at the venue: what it locks is free again.

    Parameters
    ----------
    order
        Its client order id.
    outcome
        never: the venue never accepted it; ended: it is over, with the fills that are booked.
    reason
        How you know, for the record.
    """
    from engine.cli.trader import tell

    return tell(config, "settle", trader, reason, order=order, outcome=outcome)
