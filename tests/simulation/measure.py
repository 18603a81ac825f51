"""Measure the mutants anew: in how many seeds each is found, by which promise, and which seeds show it soonest.

``python -m tests.simulation.measure 0-499 [name,…]`` from the project's root; writes ``mutants.json`` beside this file
and ``docs/mutants.md``, which shows it to people.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from engine.cli.simulate import read_seeds
from engine.simulation.universe import simulate_seed
from tests.simulation.mutants import MUTANTS

TABLE = Path(__file__).with_name("mutants.json")
PAGE = Path(__file__).parents[2] / "docs" / "mutants.md"
ENOUGH = 8  # seeds that show a mutant: more are not looked for
KEPT = 3
HEADING = """# Mutants

Written by `python -m tests.simulation.measure`. Defects that are switched on one at a time in [the
simulation](simulation.md); `R-nn` are those of the Go reference. Seeds of two virtual hours are tried from 0 on until
eight have shown the defect or there are none left.

| defect | whose | shown by | seeds needed, on average | broken promises |
|---|---|---:|---:|---|"""


def one_mutant(name: str, seeds: list[int]) -> dict[str, Any]:
    """What the seeds show of one mutant, until there is enough."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == name)
    found: list[tuple[int, int]] = []
    promises: dict[str, int] = {}
    tried = 0
    with mutant.on():
        for seed in seeds:
            tried += 1
            try:
                violation = simulate_seed(seed).violation
            except KeyError:  # it left a journal that cannot even be folded again: not counted, no checker spoke
                continue
            if violation is None:
                continue
            found.append((violation.at_ms, seed))
            promises[violation.promise] = promises.get(violation.promise, 0) + 1
            if len(found) >= ENOUGH:
                break
    return {
        "whose": mutant.whose,
        "found": len(found),
        "of": tried,
        "promises": dict(sorted(promises.items())),
        "seeds": [seed for _, seed in sorted(found)[:KEPT]],
    }


def page(table: dict[str, Any]) -> str:
    """The table for people."""
    rows = [
        f"| `{name}` | {row['whose']} | {row['found']} of {row['of']} | {row['of'] / row['found']:.1f} | "
        f"{', '.join(f'{promise} {times}' for promise, times in row['promises'].items())} |"
        for name, row in table.items()
    ]
    return "\n".join([HEADING, *rows, ""])


def main(arguments: list[str]) -> None:
    """Measure and write the table."""
    seeds = read_seeds(arguments[0] if arguments else "0-499")
    names = arguments[1].split(",") if len(arguments) > 1 else [mutant.name for mutant in MUTANTS]
    table: dict[str, Any] = msgspec.json.decode(TABLE.read_bytes()) if TABLE.exists() else {}
    with ProcessPoolExecutor(2) as pool:
        for name, row in zip(names, pool.map(one_mutant, names, [seeds] * len(names)), strict=True):
            table[name] = row
            print(name, row, flush=True)
            ordered = {mutant.name: table[mutant.name] for mutant in MUTANTS if mutant.name in table}
            TABLE.write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")
            PAGE.write_text(page(ordered), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
