"""Real processes that pay for models: a budget that outlives kills, nothing asked twice, every exchange recorded."""

import socket
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from engine.cli.commands import run_command_line
from engine.cli.journal import verify_journal
from engine.llm.recorded import RecordedModel, read_exchanges
from engine.manager import record as r
from engine.manager.fold import apply
from engine.manager.state import State
from tests.processes.quick_arena import scripted, write_arena
from tests.processes.running import entries_of, eventually, running, started
from tests.standin.answers import restless
from tests.standin.aside import aside
from tests.standin.faults import always, good
from tests.standin.server import StandIn

TRADERS = ("ann", "bob", "cyd")
DAY_USD = Decimal("0.35")
OWN_USD = Decimal("0.10")


def arena(folder: Path, standin: StandIn) -> Path:
    """Three traders that ask every second; all together may use 35 cents a day, ann 10 of them."""
    model = {
        "type": "openai",
        "provider": "stand-in",
        "model_name": "momentum",
        "base_url": standin.base_url,
        "api_key": "${NO_SUCH_KEY:-}",
        "max_completion_tokens": 500,
        "prices": {"input_usd": 2, "output_usd": 4},
    }
    traders = [{**scripted(name, "paid"), "allocation_pct": 8} for name in TRADERS]
    traders[0]["budget"] = {"daily_usd_limit": float(OWN_USD)}
    return write_arena(
        folder,
        {
            "llm": {
                "models": {"paid": model},
                "record_folder": "../exchanges",
                "budget": {"daily_token_limit": 100_000_000, "daily_usd_limit": float(DAY_USD)},
            },
            "manager": {"traders": traders},
        },
    )


def refused(config: Path, trader: str) -> bool:
    """Whether its last three slots were: one alone may have met calls under way that turned out cheap."""
    closed = [e.record for e in entries_of(config) if e.trader == trader and isinstance(e.record, r.SlotClosed)]
    return [slot.why[:8] for slot in closed[-3:]] == ["budget: "] * 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> tuple[Path, StandIn]:
    """Killed twice in the middle of a call, then running until the day's money is spent, then running once more."""
    folder = tmp_path_factory.mktemp("money")
    rng, log = Random(int(request.config.option.seed)), folder / "log.txt"
    with aside(always(good), restless, latency_s=0.25) as standin:
        config = arena(folder, standin)
        for _ in range(2):
            with started(config, log) as (engine, tail):
                tail.wait_for(b'"kind":"SlotOpened"', engine, rng.randint(2, 5))
        with running(config, log):
            eventually(lambda: all(refused(config, trader) for trader in TRADERS), "an empty purse", seconds=90)
        asked = len(standin.asked)
        with started(config, log):
            eventually(lambda: later_refusals(config) > 3, "refusals after the restart")
        assert len(standin.asked) == asked, "a restart brought the day's money back"
    return config, standin


def later_refusals(config: Path) -> int:
    """Refusals since the last start."""
    count = 0
    for entry in entries_of(config):
        if isinstance(entry.record, r.Started):
            count = 0
        count += isinstance(entry.record, r.SlotClosed) and entry.record.why.startswith("budget: ")
    return count


def state_of(config: Path) -> State:
    state = State()
    for entry in entries_of(config):
        apply(state, entry)
    return state


def test_the_budget_stops_below_its_limit_over_all_restarts(run: tuple[Path, StandIn]) -> None:
    config, _ = run
    state = state_of(config)

    spending = {name: state.traders[name].spending for name in state.traders}
    total = state.spending
    gone = total.used.usd + total.unsettled.usd
    assert DAY_USD - Decimal("0.05") < gone <= DAY_USD
    assert spending["ann"].used.usd + spending["ann"].unsettled.usd <= OWN_USD  # type: ignore[index]
    assert total.used.usd == sum(each.used.usd for each in spending.values())
    assert total.unsettled.usd > 0  # the calls that the kills cut off


def test_what_was_spent_is_a_line_of_each_traders_ledger(run: tuple[Path, StandIn]) -> None:
    config, _ = run
    state = state_of(config)

    for name in TRADERS:
        paid = sum((answer.cost_usd for trader, answer in answers_of(config) if trader == name), Decimal(0))
        assert state.ledger(name).model_cost_usd == paid > 0


def answers_of(config: Path) -> list[tuple[str, r.Answered]]:
    """Every answer with whom it was for."""
    return [(entry.trader or "", entry.record) for entry in entries_of(config) if isinstance(entry.record, r.Answered)]


def test_nothing_is_asked_twice_for_one_slot(run: tuple[Path, StandIn]) -> None:
    config, standin = run
    opened = Counter(
        (entry.trader, entry.record.slot_ms) for entry in entries_of(config) if isinstance(entry.record, r.SlotOpened)
    )

    assert set(opened.values()) == {1}
    assert len(standin.asked) <= len(opened)


def test_people_were_told_once_of_each_threshold_and_each_end(run: tuple[Path, StandIn]) -> None:
    config, _ = run

    told = Counter(
        (entry.trader or "", entry.record.what) for entry in entries_of(config) if isinstance(entry.record, r.Incident)
    )

    assert told["", "budget_exhausted"] == told["ann", "budget_exhausted"] == 1
    assert told["", "budget_alert"] == 1
    assert told["ann", "budget_alert"] <= 1  # three calls of hers are the rest of her purse: the end may come first
    assert {whom for whom, _ in told} == {"", "ann"}


def test_every_answer_of_the_journal_is_in_the_recording_byte_for_byte(run: tuple[Path, StandIn]) -> None:
    config, _ = run
    exchanges = read_exchanges(config.parents[1] / "exchanges")
    recorded = {(each.trader, each.slot_ms): each for each in exchanges if not each.failure}

    answers = answers_of(config)

    assert len(answers) > 10
    for trader, answer in answers:
        exchange = recorded[trader, answer.slot_ms]
        reply = exchange.reply()
        assert (reply.raw.decode(), reply.cost_usd, reply.model) == (answer.raw, answer.cost_usd, answer.model)
        assert RecordedModel("again", exchanges).find(exchange.messages, trader, answer.slot_ms) == exchange


def test_the_journal_is_clean(run: tuple[Path, StandIn], capsys: pytest.CaptureFixture[str]) -> None:
    config, _ = run

    assert verify_journal(config) == 0, capsys.readouterr().err


def test_the_journal_decides_itself_again_from_its_recording_with_no_network_at_all(
    run: tuple[Path, StandIn], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config, standin = run
    asked = len(standin.asked)

    def no_network(*arguments: object) -> None:
        raise AssertionError(f"somebody was called: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(socket.socket, "connect_ex", no_network)
    code = run_command_line(
        ["journal", "rerun", "--config", str(config), "--recordings", str(config.parents[1] / "exchanges")]
    )

    said = capsys.readouterr()
    assert code == 0, said.out + said.err
    assert said.out.endswith("the same\n")
    assert len(standin.asked) == asked
