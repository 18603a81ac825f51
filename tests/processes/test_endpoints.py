"""The shipped arena with its models at an endpoint that fails: what a fault of one model does, and to whom."""

import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import median

import pytest

from engine.manager import record as r
from engine.manager.record import Entry
from tests.processes.quick_arena import scripted, shipped_traders, write_arena
from tests.processes.running import call, entries_of, eventually, running, started
from tests.standin.answers import restless
from tests.standin.aside import aside
from tests.standin.ends import ENDS
from tests.standin.faults import FAULTS, always, good, status
from tests.standin.server import Asked, Behaviour, StandIn

SHAKY = ["aggressive_short", "balanced_swing", "conservative_long"]  # those that ask a model in the shipped arena
STEADY = ["steady_0", "steady_1"]
LOCKED = "locked"
THRIFTY = "thrifty"
ASKING = [*SHAKY, *STEADY, LOCKED, THRIFTY]
DAILY_USD = Decimal("0.05")
SLOTS = 200  # in which a model is asked
FAULTY_SHARE = 0.7  # of the calls of the shaky model: about a third of all
LEAST_SHARE = 0.35  # of all calls: where chance falls behind it, the next call of the shaky model goes wrong
APART = 3  # of the shaky model's calls at most every third breaks at the endpoint: more, and it would be left alone

# All but those after which a trader is paused: of these one trader gets its own.
NAMES = [name for name in FAULTS if name not in ("L-06 401", "L-06 402", "L-06 403", "L-06 429 quota")]
WHOLE = [name for name in NAMES if ENDS[name].cost == "as counted"]  # a completion comes, odd as it is


class Chooser:
    """Faults for the shaky model alone, and a key that is refused for the locked one from its fourth call on."""

    def __init__(self, seed: int, share: float) -> None:
        self._rng = Random(seed)
        self._share = share
        self._calls = 0
        self._locked = 0
        self._since_broken = 0
        self.done: list[str] = []

    def __call__(self, asked: Asked) -> Behaviour:
        model = str(asked.body["model"])
        self._calls += 1
        if "locked" in model:
            self._locked += 1
            return good if self._locked < 4 else status(401, "the key was revoked")
        if "shaky" in model:
            behind = len(self.done) < min(self._share, LEAST_SHARE) * self._calls
            self._since_broken += 1
            if self._rng.random() < self._share or behind:
                self.done.append(self._rng.choice(NAMES if self._since_broken >= APART else WHOLE))
                if self.done[-1] not in WHOLE:
                    self._since_broken = 0
                return FAULTS[self.done[-1]]
        return good


def arena(folder: Path, standin: StandIn) -> Path:
    """The ten shipped traders in slots of a second, their models at the endpoint, and four more that ask there."""
    models = {
        name: {
            "type": "openai",
            "provider": "stand-in",
            "model_name": f"{name}-momentum",
            "base_url": standin.base_url,
            "api_key": "${NO_SUCH_KEY:-}",
            "max_completion_tokens": 4096,
            "prices": {"input_usd": 1, "output_usd": 2},
        }
        for name in ("shaky", "steady", "locked")
    }
    shipped = [
        {**trader, **({"model": "shaky"} if "model" in trader else {}), "allocation_pct": 5}
        for trader in shipped_traders()
    ]
    more = [{**scripted(name, name.split("_")[0]), "allocation_pct": 5} for name in (*STEADY, LOCKED)]
    thrifty = {**scripted(THRIFTY, "steady"), "allocation_pct": 5, "budget": {"daily_usd_limit": float(DAILY_USD)}}
    return write_arena(
        folder,
        {
            "llm": {"models": models, "late_answer_wait": "2s", "budget": {"daily_token_limit": 100_000_000}},
            "executor": {"decision_timeout": "900ms"},
            "manager": {"traders": [*shipped, *more, thrifty]},
        },
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> "Runs":
    """One run without faults and one with them."""
    return Runs(tmp_path_factory.mktemp("asked"), int(request.config.option.seed))


class Runs:
    """What two arenas left: the same traders at an endpoint that works, and at one that fails."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed = seed
        self.faults: list[str] = []
        self.calls = 0
        self.sound, _ = self._run(folder / "sound", 0.0, 60)
        self.faulty, self.config = self._run(folder / "faulty", FAULTY_SHARE, SLOTS)

    def _run(self, folder: Path, share: float, slots: int) -> tuple[list[Entry], Path]:
        chooser = Chooser(self.seed, share)
        with aside(chooser, restless) as standin:
            config = arena(folder, standin)
            with running(config, folder / "log.txt"):
                eventually(lambda: count(config) >= slots, f"{slots} slots", seconds=120)
        self.faults, self.calls = chooser.done, len(standin.asked)
        return entries_of(config), config


def count(config: Path) -> int:
    """In how many slots a model was asked."""
    return sum(isinstance(entry.record, r.SlotOpened) and entry.record.asks > 0 for entry in entries_of(config))


def closed(entries: list[Entry], trader: str) -> list[r.SlotClosed]:
    return [entry.record for entry in entries if entry.trader == trader and isinstance(entry.record, r.SlotClosed)]


def test_every_slot_has_exactly_one_outcome_whatever_the_endpoint_does(runs: Runs) -> None:
    everybody = {str(entry.trader) for entry in runs.faulty if isinstance(entry.record, r.SlotClosed)}
    assert len(everybody) == 14
    for trader in sorted(everybody):
        opened = [
            entry.record.slot_ms
            for entry in runs.faulty
            if entry.trader == trader and isinstance(entry.record, r.SlotOpened)
        ]
        outcomes = closed(runs.faulty, trader)
        slots = [slot for end in outcomes for slot in range(end.slot_ms, (end.until_ms or end.slot_ms) + 1, 1_000)]
        assert len(slots) == len(set(slots)), f"seed {runs.seed}: {trader} has a slot with two outcomes"
        assert sorted(slots) == list(range(min(slots), max(slots) + 1, 1_000)), (
            f"seed {runs.seed}: {trader} lost a slot"
        )
        assert set(opened) <= set(slots)
        assert all(end.why for end in outcomes if end.outcome in ("failed", "skipped"))
    assert len(runs.faults) >= 0.3 * runs.calls, f"seed {runs.seed}: too few faults to tell anything"
    assert {"failed", "acted"} <= {end.outcome for trader in SHAKY for end in closed(runs.faulty, trader)}


def test_the_faults_of_one_model_cost_the_others_less_than_a_second(runs: Runs) -> None:
    def latencies(entries: list[Entry]) -> list[int]:
        return sorted(end.latency_ms for trader in STEADY for end in closed(entries, trader))

    before, during = latencies(runs.sound), latencies(runs.faulty)

    assert median(during) <= median(before) + 1_000
    assert during[int(0.95 * len(during))] <= before[int(0.95 * len(before))] + 1_000
    assert not [end for trader in STEADY for end in closed(runs.faulty, trader) if end.outcome == "failed"]


def test_a_budget_stops_its_own_trader_before_it_is_passed(runs: Runs) -> None:
    replies = [
        entry.record for entry in runs.faulty if entry.trader == THRIFTY and isinstance(entry.record, r.Answered)
    ]
    ends = closed(runs.faulty, THRIFTY)

    assert 0 < sum(reply.cost_usd for reply in replies) <= DAILY_USD
    first = next(place for place, end in enumerate(ends) if end.why.startswith("budget: thrifty may use"))
    assert first == len(replies) > 0
    assert {end.outcome for end in ends[first:]} == {"skipped"}
    said = [entry.record.what for entry in runs.faulty if isinstance(entry.record, r.Incident)]
    assert said.count("budget_exhausted") == 1


def test_a_key_that_is_refused_pauses_its_own_trader_and_no_other(runs: Runs) -> None:
    pauses = [
        (entry.trader, entry.record.command)
        for entry in runs.faulty
        if isinstance(entry.record, r.Control) and entry.record.by == "engine"
    ]

    assert pauses == [(LOCKED, "pause")]
    assert {end.why for end in closed(runs.faulty, LOCKED)[5:]} == {"paused"}


def test_the_journal_of_it_verifies(runs: Runs) -> None:
    verified = call("journal", "verify", "--config", runs.config)

    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_an_engine_that_is_killed_while_models_think_asks_nobody_twice_for_a_slot(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    with aside(always(good), restless, latency_s=0.3) as standin:
        config = arena(tmp_path, standin)
        for _ in range(4):
            with started(config, tmp_path / "log.txt") as (engine, tail):
                tail.wait_for(b'"kind":"SlotOpened"', engine, rng.randint(1, 20))
                time.sleep(rng.uniform(0, 0.3))
        with running(config, tmp_path / "log.txt"):
            time.sleep(2)
        asked = Counter(str(asked.body["model"]) for asked in standin.asked)

    entries = entries_of(config)
    slots = [(entry.trader, entry.record.slot_ms) for entry in entries if isinstance(entry.record, r.SlotOpened)]
    ends = [end for trader in ASKING for end in closed(entries, trader)]
    assert len(slots) == len(set(slots)), f"seed {seed}"
    for name, traders in (("shaky", SHAKY), ("steady", [*STEADY, THRIFTY]), ("locked", [LOCKED])):
        opened = sum(trader in traders for trader, _ in slots)
        assert 0 < asked[f"{name}-momentum"] <= opened, f"seed {seed}"
    assert {"interrupted", "acted"} <= {end.outcome for end in ends}, f"seed {seed}"
    assert call("journal", "verify", "--config", config).returncode == 0
