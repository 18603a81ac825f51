"""Shrinking: from a failing seed to the few faults that it takes, and the story they make."""

from collections.abc import Callable, Collection, Sequence

import msgspec
from msgspec import Struct

from engine.simulation.faults import Key
from engine.simulation.outcome import Outcome
from engine.simulation.universe import simulate_seed

RUNS = 300


class Story(Struct, frozen=True, kw_only=True):
    """A failure as small as it gets: the seed, how long it runs, the faults it needs, and the promise it breaks."""

    seed: int
    minutes: int
    keep: tuple[Key, ...]
    promise: str
    detail: str = ""


def shrink(outcome: Outcome, runs: int = RUNS) -> Story:
    """The fewest faults found with which the same promise is broken, by at most so many runs.

    First the time after the failure is cut off, then whole kinds of faults, then what is left by halves (ddmin).
    Source: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input (2002).
    """
    assert outcome.violation is not None, "there is nothing to shrink"
    promise = outcome.violation.promise
    left = runs

    def fails(minutes: int, keep: Collection[Key]) -> bool:
        nonlocal left
        left -= 1
        found = simulate_seed(outcome.seed, minutes, keep).violation
        return found is not None and found.promise == promise

    keep = list(dict.fromkeys((fired.kind, fired.number) for fired in outcome.fired))
    minutes = outcome.minutes
    shorter = outcome.violation.at_ms // 60_000 + 2
    if shorter < minutes and fails(shorter, keep):
        minutes = shorter
    for kind in dict.fromkeys(kind for kind, _ in keep):
        without = [key for key in keep if key[0] != kind]
        if left > 0 and len(without) < len(keep) and fails(minutes, without):
            keep = without
    keep = _ddmin(keep, lambda some: left > 0 and fails(minutes, some))
    last = simulate_seed(outcome.seed, minutes, keep).violation
    detail = "" if last is None else last.detail
    return Story(seed=outcome.seed, minutes=minutes, keep=tuple(keep), promise=promise, detail=detail)


def _ddmin(keys: list[Key], fails: Callable[[Sequence[Key]], bool]) -> list[Key]:
    """A subset that still fails and of which no tried part can be left out."""
    parts = 2
    while len(keys) >= 2:
        size = -(-len(keys) // parts)
        chunks = [keys[start : start + size] for start in range(0, len(keys), size)]
        for chunk in chunks:
            rest = [key for key in keys if key not in chunk]
            if fails(rest):
                keys, parts = rest, max(2, parts - 1)
                break
        else:
            if parts >= len(keys):
                break
            parts = min(len(keys), 2 * parts)
    if keys and fails([]):
        return []
    return keys


def replay_story(story: Story) -> Outcome:
    """Run a story again."""
    return simulate_seed(story.seed, story.minutes, story.keep)


def told(outcome: Outcome) -> str:
    """What happened, by virtual time: processes, faults, and the promise that was broken."""
    lines = [(at_ms, what) for at_ms, what in outcome.story]
    lines += [(fired.at_ms, f"fault: {fired.kind} #{fired.number} {fired.detail}".rstrip()) for fired in outcome.fired]
    lines.sort(key=lambda line: line[0])
    return "\n".join(f"{at_ms / 1000:10.3f} s  {what}" for at_ms, what in lines)


def encoded(story: Story) -> bytes:
    """The story as a file of a seed folder holds it."""
    return msgspec.json.format(msgspec.json.encode(story), indent=1) + b"\n"


def decoded(content: bytes) -> Story:
    """The story in a file of a seed folder."""
    return msgspec.json.decode(content, type=Story)
