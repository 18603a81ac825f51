"""Checkpoints: what was written down agrees with every later replay, proves nothing, or stops the start."""

import errno
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.cli.journal import verify_journal
from engine.journal.chain import BODY_KIND
from engine.journal.checkpointer import Checkpointer, CheckpointThread, Shelf, Taken
from engine.journal.checkpoints import (
    CHECKPOINTS,
    LAYOUT,
    Checkpoint,
    Proof,
    decode,
    encode,
    name_of,
    put,
    sealed,
)
from engine.journal.disk import LocalDisk
from engine.journal.errors import CheckpointDisagrees, CheckpointUnusable
from engine.journal.inline import InlineJournal
from engine.journal.reader import read
from engine.journal.writer import JournalWriter
from engine.manager.fold import apply
from engine.manager.record import Control, Entry
from engine.manager.recorder import replay
from engine.manager.state import State
from engine.model.ids import TraderId
from engine.simulation.plan import drawn_plan
from engine.simulation.process import entries_of
from engine.simulation.universe import Universe
from tests.arena.scripts import buy, close
from tests.arena.small_arena import SmallArena
from tests.journal.faulty_disk import FaultyDisk, PowerCut

PROJECT_ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("journal")
HOME = FOLDER / CHECKPOINTS
EVERY = 10
SCRIPT = {1: buy(quantity="2"), 3: close(), 5: buy(quantity="0.3")}

Files = dict[Path, bytes]


def ran(script: Any = SCRIPT, *, minutes: int = 8, files: Files | None = None, config: str = "the first") -> Files:
    """What is on the disk once ann and bob have played a journal with a checkpoint every ten records."""
    disk = FaultyDisk(files)
    journal, _ = InlineJournal.open(FOLDER, fs=disk)
    arena = SmallArena({"ann": script, "bob": SCRIPT}, journal=journal, start=False)
    proof = Proof(FOLDER, arena.state, refuse=True, fs=disk)
    shelf = Shelf(FOLDER, proof, fs=disk)

    def written(taken: Taken) -> None:
        journal.durable_now(taken.seq)
        shelf.put(taken)

    arena.recorder.sinks.append(
        Checkpointer(arena.state, proof, head=lambda: journal.appended, hand_over=written, every=EVERY)
    )
    arena.start(config)
    arena.play(minutes)
    journal.close()
    return disk.files


def checkpoints_in(files: Files) -> list[Path]:
    """The checkpoints among the files, oldest first."""
    return sorted(path for path in files if path.parent == HOME and path.suffix == ".json")


def replayed(files: Files, *, refuse: bool = True) -> tuple[Proof, State]:
    """What a start makes of the files."""
    disk, state = FaultyDisk(files), State()
    proof = Proof(FOLDER, state, refuse=refuse, fs=disk)
    replay(entries_of(proof.following(read(FOLDER, fs=disk))), state)
    return proof, state


def without(files: Files) -> State:
    """What the journal folds to where there are no checkpoints."""
    return replayed({path: content for path, content in files.items() if path.parent != HOME})[1]


def forged(content: bytes, **changes: Any) -> bytes:
    """The file with something else in it, and a digest that fits."""
    return sealed(encode(replace(decode(content), **changes)))


@pytest.fixture(scope="module")
def files() -> Files:
    return ran()


# What agrees


def test_a_replay_leads_to_the_state_of_each_checkpoint_and_the_two_newest_stay(files: Files) -> None:
    proof, state = replayed(files)

    first, second = proof.agreed
    assert (second // EVERY) - (first // EVERY) == 1
    assert [path.name for path in checkpoints_in(files)] == [name_of(first), name_of(second)]
    assert (proof.ignored, proof.differences) == ([], [])
    assert state == without(files)


def test_a_checkpoint_names_its_journal_and_its_place_in_the_chain(files: Files) -> None:
    newest = decode(files[checkpoints_in(files)[-1]])

    frames = {frame.seq: frame for frame in read(FOLDER, fs=FaultyDisk(files))}

    assert newest.journal == frames[1].hash
    assert newest.hash == frames[newest.seq].hash
    assert newest.layout == LAYOUT


@pytest.mark.parametrize("seed", [1, 3, 5, 8, 11])
def test_a_state_that_was_written_down_is_the_same_state_and_folds_on_to_the_same(seed: int) -> None:
    universe = Universe(drawn_plan(seed, 30))
    universe.run()
    frames = list(read(FOLDER, fs=FaultyDisk({path: file.content for path, file in universe.disk.names.items()})))
    entries, end, rest = list(entries_of(frames)), State(), State()

    for place, entry in enumerate(entries):
        apply(end, entry)
        apply(rest, entry)
        if place % 23 == 0:  # from here on the one that went through the file is folded on with
            again = through_a_file(rest)
            assert again == rest, f"seed {seed}, record {entry.seq}"
            assert msgspec.json.encode(again) == msgspec.json.encode(rest), f"seed {seed}, record {entry.seq}"
            rest = again

    assert len(entries) > 50
    assert rest == end


def through_a_file(state: State) -> State:
    checkpoint = Checkpoint(layout=LAYOUT, journal="j", seq=1, hash="h", state=state)
    return decode(sealed(encode(checkpoint))).state


def test_a_universe_that_crashes_has_checkpoints_that_agree() -> None:
    universe = Universe(drawn_plan(2, 120))
    outcome = universe.run()

    proof, _ = replayed({path: file.content for path, file in universe.disk.names.items()})

    assert outcome.starts > 3
    assert len(proof.agreed) == 2
    assert proof.ignored == []


# What proves nothing


def test_no_byte_of_a_checkpoint_can_be_changed_or_be_missing(files: Files) -> None:
    content = files[checkpoints_in(files)[0]]

    for place in range(len(content)):
        for damaged in (content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :], content[:place]):
            with pytest.raises(CheckpointUnusable, match="torn or changed"):
                decode(damaged)


def another_layout(files: Files) -> Files:
    path = checkpoints_in(files)[0]
    return {path: forged(files[path], layout=LAYOUT + 1)}


def torn(files: Files) -> Files:
    path = checkpoints_in(files)[0]
    return {path: files[path][:200]}


def flipped(files: Files) -> Files:
    path = checkpoints_in(files)[0]
    return {path: files[path].replace(b'"wins":0', b'"wins":1')}


def empty(files: Files) -> Files:
    return {checkpoints_in(files)[0]: b""}


def no_state(files: Files) -> Files:
    return {checkpoints_in(files)[0]: sealed(b'{"layout":%d,"state":7}' % LAYOUT)}


def no_json(files: Files) -> Files:
    return {checkpoints_in(files)[0]: sealed(b"\xff\xfe")}


def renamed(files: Files) -> Files:
    return {checkpoints_in(files)[0]: files[checkpoints_in(files)[1]]}


def of_another_journal(files: Files) -> Files:
    others = ran(minutes=8, config="the second")
    path = checkpoints_in(files)[0]
    return {path: forged(others[path], journal="0" * 64)}


def of_another_history(files: Files) -> Files:
    others = ran({2: buy()})
    path = checkpoints_in(files)[0]
    return {path: others[path]}


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (torn, "torn or changed"),
        (flipped, "torn or changed"),
        (empty, "torn or changed"),
        (another_layout, f"its layout is {LAYOUT + 1}; this engine reads layout {LAYOUT}"),
        (no_state, "it is no checkpoint"),
        (no_json, "it is no checkpoint"),
        (renamed, "renamed"),
        (of_another_journal, "it belongs to another journal"),
        (of_another_history, "another one than the journal has there"),
    ],
)
def test_what_proves_nothing_is_ignored_and_said(damage: Callable[[Files], Files], why: str, files: Files) -> None:
    damaged = files | damage(files)
    assert damaged != files

    proof, state = replayed(damaged)

    (said,) = proof.ignored
    assert said.startswith(f"{CHECKPOINTS}/{checkpoints_in(files)[0].name}: ")
    assert why in said
    assert len(proof.agreed) == 1, "the other one is as good as before"
    assert state == without(files)


def test_a_checkpoint_ahead_of_the_journal_is_ignored(files: Files) -> None:
    earlier = ran(minutes=4)

    proof, state = replayed(files | earlier)

    assert proof.agreed == [int(path.stem) for path in checkpoints_in(earlier)]
    assert [why.partition(": ")[2] for why in proof.ignored] == ["it is ahead of the journal"] * 2
    assert state == without(earlier)


def test_what_proves_nothing_goes_when_the_next_one_is_written(files: Files) -> None:
    ahead = {HOME / name_of(999_999): b"ahead of everything", HOME / "notes.txt": b"somebody's own"}

    after = ran(files=ahead)

    assert checkpoints_in(after) == checkpoints_in(files)
    assert HOME / "notes.txt" in after


# What stops the start


def test_a_checkpoint_of_this_journal_that_does_not_agree_stops_the_start_and_names_what_differs(files: Files) -> None:
    path = checkpoints_in(files)[0]
    state = decode(files[path]).state
    state.traders[TraderId("ann")].standing.wins += 1
    state.halted = "no_opens"

    with pytest.raises(CheckpointDisagrees) as refused:
        replayed(files | {path: forged(files[path], state=state)})

    assert str(refused.value) == (
        f"{CHECKPOINTS}/{path.name} does not agree with the replay of its journal: "
        "traders.ann.standing.wins was 1, after the replay 0; halted was 'no_opens', after the replay ''"
    )


def test_an_audit_goes_on_after_a_difference_and_finds_those_of_the_others(files: Files) -> None:
    changed = {}
    for path in checkpoints_in(files):
        state = decode(files[path]).state
        state.config_version += 1
        changed[path] = forged(files[path], state=state)

    proof, state = replayed(files | changed, refuse=False)

    assert [said.partition(": ")[2] for said in proof.differences] == ["config_version was 2, after the replay 1"] * 2
    assert state == without(files)


def lost_trader(state: State) -> None:
    del state.traders[TraderId("bob")]


def new_coin(state: State) -> None:
    state.prices["DOGE"] = state.prices["BTC"]


def other_order(state: State) -> None:
    state.traders = dict(reversed(state.traders.items()))


def longer_list(state: State) -> None:
    state.unended_starts = (*state.unended_starts, 1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lost_trader, "traders.bob is there after the replay alone"),
        (new_coin, "prices.DOGE is not there after the replay"),
        (other_order, "traders has another order after the replay"),
        (longer_list, "unended_starts had 2 entries, after the replay 1"),
    ],
)
def test_every_kind_of_difference_has_its_words(change: Callable[[State], None], named: str, files: Files) -> None:
    path = checkpoints_in(files)[1]
    state = decode(files[path]).state
    change(state)

    with pytest.raises(CheckpointDisagrees, match=named):
        replayed(files | {path: forged(files[path], state=state)})


def test_a_state_that_was_changed_by_no_record_is_found_at_the_next_start() -> None:
    disk = FaultyDisk()
    journal, _ = InlineJournal.open(FOLDER, fs=disk)
    arena = SmallArena({"ann": SCRIPT}, journal=journal, start=False)
    proof = Proof(FOLDER, arena.state, refuse=True, fs=disk)
    arena.recorder.sinks.append(
        Checkpointer(
            arena.state, proof, head=lambda: journal.appended, hand_over=Shelf(FOLDER, proof, fs=disk).put, every=EVERY
        )
    )
    arena.start()
    arena.state.traders[TraderId("ann")].standing.loss_streak = 3
    arena.play(8)
    journal.close()

    with pytest.raises(CheckpointDisagrees, match=r"traders.ann.standing.loss_streak was [0-9], after the replay"):
        replayed(disk.files)


# How it is written


def taken_from(files: Files, number: int) -> Taken:
    path = checkpoints_in(files)[number]
    return Taken(seq=int(path.stem), encoded=encode(decode(files[path])))


@pytest.mark.parametrize("kept", ["nothing", "all", "torn", "bytes", "removals"])
def test_a_power_cut_in_any_step_of_writing_one_is_as_good_as_none(kept: str, files: Files) -> None:
    newest, older = taken_from(files, 1), checkpoints_in(files)[0]
    stale = HOME / name_of(1)
    before = {path: content for path, content in files.items() if path != HOME / name_of(newest.seq)}
    before[stale] = b"an old one"
    steps = FaultyDisk(before)
    put(steps, FOLDER, newest.seq, newest.encoded, [int(older.stem)])
    assert steps.operations > 8

    for step in range(steps.operations):
        disk = FaultyDisk(before, cut_at=step)
        with pytest.raises(PowerCut):
            put(disk, FOLDER, newest.seq, newest.encoded, [int(older.stem)])
        left = disk.restarted(kept).files
        proof, state = replayed(left)
        again = FaultyDisk(left)
        put(again, FOLDER, newest.seq, newest.encoded, [int(older.stem)])

        assert int(older.stem) in proof.agreed, step
        assert proof.differences == [], step
        assert all(name_of(1) in why for why in proof.ignored), step
        assert state == without(files), step
        assert again.files == files, step


@pytest.mark.parametrize("operation", ["append", "write", "fdatasync", "rename", "fsync_dir", "unlink", "listdir"])
def test_a_disk_that_fails_costs_one_checkpoint_and_nothing_else(
    operation: str, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    bare = {path: content for path, content in files.items() if path.parent != HOME} | {HOME / name_of(1): b"old"}
    disk = FaultyDisk(bare, failures={(operation, 0): OSError(errno.EIO, "no")})
    shelf = Shelf(FOLDER, Proof(FOLDER, State(), refuse=True, fs=FaultyDisk(bare)), fs=disk)

    shelf.put(taken_from(files, 0))
    shelf.put(taken_from(files, 1))

    assert [record.message for record in caplog.records] == ["checkpoint not written"]
    assert checkpoints_in(files)[1] in disk.files
    assert replayed(disk.files)[0].differences == []
    assert HOME / name_of(1) not in disk.files


class HangingDisk(LocalDisk):
    """The disk of this machine, whose syncs wait until the gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.waiting = threading.Event()

    def fdatasync(self, handle: int) -> None:
        self.waiting.set()
        self.gate.wait(30)
        super().fdatasync(handle)


@pytest.fixture
def hanging() -> Iterator[HangingDisk]:
    disk = HangingDisk()
    yield disk
    disk.gate.set()


def test_nobody_waits_for_a_checkpoint_and_one_too_many_is_left_out(
    tmp_path: Path, hanging: HangingDisk, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(tmp_path, Proof(tmp_path, State(), refuse=True), fs=hanging)
    thread = CheckpointThread(shelf, lambda seq: None)
    first, second = taken_from(files, 0), taken_from(files, 1)

    with thread:
        thread.hand_over(first)
        assert hanging.waiting.wait(10)
        thread.hand_over(second)
        thread.hand_over(Taken(seq=second.seq + EVERY, encoded=second.encoded))
        hanging.gate.set()

    assert sorted(path.name for path in (tmp_path / CHECKPOINTS).iterdir()) == [name_of(first.seq), name_of(second.seq)]
    assert [record.message for record in caplog.records] == ["checkpoint left out, the disk is behind"]


def test_a_checkpoint_is_written_after_its_record_is_on_disk(tmp_path: Path, hanging: HangingDisk) -> None:
    hanging.gate.set()
    journal, _ = JournalWriter.open(tmp_path, fs=hanging)
    hanging.waiting.clear()
    state = State()
    proof = Proof(tmp_path, state, refuse=True)
    thread = CheckpointThread(Shelf(tmp_path, proof), journal.durable_now)
    checkpointer = Checkpointer(state, proof, head=lambda: journal.appended, hand_over=thread.hand_over, every=1)
    record = Control(command="halt", reason="", by="us")

    with journal, thread:
        hanging.gate.clear()
        seq = journal.append("Control", msgspec.json.encode(record), 5, None)
        entry = Entry(seq=seq, ts=5, trader=None, record=record)
        apply(state, entry)
        checkpointer.entry(entry)
        assert hanging.waiting.wait(10)
        ahead = list(tmp_path.glob(f"{CHECKPOINTS}/*"))
        hanging.gate.set()
    again = State()
    held = Proof(tmp_path, again, refuse=True)
    replay(entries_of(held.following(read(tmp_path))), again)

    assert ahead == []
    assert held.agreed == [1]


def test_a_change_of_the_states_shape_has_to_raise_the_layout() -> None:
    """When this fails: raise ``LAYOUT``, so that older checkpoints are ignored, and note the new shape here."""
    schema = msgspec.json.schema(State)
    for definition in schema["$defs"].values():
        definition.pop("description", None)

    digest = blake2b(msgspec.json.encode(schema, order="deterministic"), digest_size=8).hexdigest()

    assert (LAYOUT, digest) == (3, "263941759530bd75")


# What an audit says of them


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The configuration of a copy of the sample arena, whose journal has a checkpoint of its record 200."""
    folder = tmp_path / "journal" / "sample"
    shutil.copytree(PROJECT_ROOT / "journal" / "sample", folder)
    shutil.copytree(PROJECT_ROOT / "mcp_data" / "sample", tmp_path / "mcp_data" / "sample")
    shutil.copytree(PROJECT_ROOT / "prompts", tmp_path / "prompts")
    frames = [frame for frame in read(folder) if frame.kind != BODY_KIND and frame.seq <= 200]
    state = replay(entries_of(frames), State())
    checkpoint = Checkpoint(
        layout=LAYOUT, journal=frames[0].hash, seq=frames[-1].seq, hash=frames[-1].hash, state=state
    )
    put(LocalDisk(), folder, checkpoint.seq, encode(checkpoint), [])
    return folder / "etc" / "nof0.yaml"


def test_an_audit_counts_the_checkpoints_that_agree(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = verify_journal(sample)

    said = capsys.readouterr().out.splitlines()
    assert (code, said[-1]) == (0, "clean")
    assert "state      folded anew, 1 checkpoints agree" in said


def test_an_audit_says_which_checkpoint_proves_nothing(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (sample.parents[1] / CHECKPOINTS).iterdir()
    path.write_bytes(path.read_bytes()[:-5])

    code = verify_journal(sample)

    said = capsys.readouterr().out.splitlines()
    assert (code, said[-1]) == (0, "clean")
    assert (
        f"           not compared: {CHECKPOINTS}/{path.name}: its bytes are not those that were written"
        in "\n".join(said)
    )


def test_an_audit_fails_where_a_checkpoint_does_not_agree(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (sample.parents[1] / CHECKPOINTS).iterdir()
    state = decode(path.read_bytes()).state
    state.epoch = 7
    path.write_bytes(forged(path.read_bytes(), state=state))

    code = verify_journal(sample)

    said = capsys.readouterr()
    assert (code, said.out.splitlines()[-1]) == (1, "1 faults")
    assert "epoch was 7, after the replay 1" in said.err
