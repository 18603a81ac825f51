"""``engine trader …`` against a running engine, and a configuration that is refused."""

from decimal import Decimal
from pathlib import Path

from engine.manager import record as r
from tests.processes.quick_arena import TRADERS, write_arena
from tests.processes.running import Tail, call, entries_of, eventually, journal_of, running

# An order may take all of a second's volume, so that a position of any of these traders goes in one fill.
DEEP = {"exchange": {"providers": {"paper_trading": {"sim": {"max_participation_pct": 100}}}}}
PAUSED, STOPPED = "restless_one", "restless_two"


def slots_of(config: Path, trader: str, from_seq: int = 0) -> list[tuple[str, str]]:
    """How a trader's slots ended since a record: outcome and reason."""
    return [
        (entry.record.outcome, entry.record.why)
        for entry in entries_of(config)
        if isinstance(entry.record, r.SlotClosed) and entry.trader == trader and entry.seq > from_seq
    ]


def control_of(config: Path, trader: str) -> list[str]:
    """The commands that a trader got."""
    return [
        entry.record.command
        for entry in entries_of(config)
        if isinstance(entry.record, r.Control) and entry.trader == trader
    ]


def held_by(config: Path, trader: str) -> list[str]:
    """The coins that a trader holds, by its fills alone."""
    held: dict[str, Decimal] = {}
    for entry in entries_of(config):
        if isinstance(entry.record, r.Filled) and entry.trader == trader:
            fill = entry.record.fill
            held[fill.coin] = held.get(fill.coin, Decimal(0)) + fill.signed_quantity
    return [coin for coin, quantity in held.items() if quantity]


def test_commands_reach_a_running_engine_and_hold_after_a_restart(tmp_path: Path) -> None:
    config, log = write_arena(tmp_path, DEEP), tmp_path / "engine.log"
    with running(config, log) as engine:
        pause = call("trader", "pause", PAUSED, "--config", config, "--reason", "lunch")
        stop = call("trader", "stop", STOPPED, "--config", config)
        nobody = call("trader", "pause", "nobody", "--config", config)
        with Tail(journal_of(config)) as tail:
            tail.wait_for(b'"why":"paused"', engine)
        # Now no order of this trader is under way, so that everything it holds can go at once.
        flatten = call("trader", "flatten", PAUSED, "--config", config)
        eventually(lambda: control_of(config, STOPPED) == ["stop", "stopped"], "the end of the stopped trader")

    assert (pause.returncode, stop.returncode, nobody.returncode, flatten.returncode) == (0, 0, 1, 0)
    assert pause.stdout.startswith(f"{PAUSED} is paused")
    assert "there is no trader 'nobody'" in nobody.stderr
    assert flatten.stdout == f"{PAUSED} is paused and holds 0 positions\n"
    assert held_by(config, PAUSED) == held_by(config, STOPPED) == []

    end = entries_of(config)[-1].seq
    with running(config, log) as engine:
        eventually(lambda: ("skipped", "paused") in slots_of(config, PAUSED, end), "a slot of the paused trader")
        still_paused = slots_of(config, PAUSED, end)
        with Tail(journal_of(config)) as tail:
            assert call("trader", "resume", PAUSED, "--config", config).returncode == 0
            tail.wait_for(b'"kind":"SlotOpened","trader":"' + PAUSED.encode(), engine)

    assert {outcome for outcome, _ in still_paused} == {"skipped"}
    assert {outcome for outcome, _ in slots_of(config, STOPPED, end)} == {"skipped"}
    assert control_of(config, PAUSED) == ["pause", "flatten", "resume"]
    assert call("journal", "verify", "--config", config).returncode == 0


def test_a_faulty_configuration_is_refused_with_all_its_faults_and_nothing_is_made(tmp_path: Path) -> None:
    broken = [{**TRADERS[0], "strategy": {"name": "psychic"}}, {**TRADERS[1], "decision_interval": "1500ms"}]
    config = write_arena(
        tmp_path,
        {"manager": {"traders": broken}, "executor": {"min_confidense": 1}, "nof0": {"Port": 70_000, "Env": "live"}},
    )
    before = sorted(tmp_path.rglob("*"))

    ended = call("run", "--config", config, "--with-api")

    assert ended.returncode == 78
    for fault in ("min_confidense", "Port", "Env", "psychic", "decision_interval"):
        assert fault in ended.stderr
    assert sorted(tmp_path.rglob("*")) == before
