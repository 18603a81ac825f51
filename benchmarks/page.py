"""The page that the benchmarks write: ratios, which hold on any machine, and what was checked about the runs."""

from collections.abc import Mapping, Sequence

from benchmarks.arena import Outcome
from benchmarks.checks import Check
from benchmarks.rounds import Ratio

INTRODUCTION = """# Benchmarks

Written by `make bench`. Seconds differ from machine to machine, so only ratios stand here: both sides ran in turns in
one process, and a ratio is that of the medians of their processor time; in brackets the smallest and the largest of one
round.

## Backtest

The tape: six coins of {bars} one-minute bars each. The strategy `ema_cross` turns a fixed quantity around when EMA 12
and EMA 26 cross, at the open of the next bar, for a fee of 0.045 %: {fills} fills. Every one is proposed, judged by
every rule in force, intended, checked again by the gateway, taken by the simulated venue, reported, filled and
folded into the book, by the code that trades live.

- **A1**: the strategy is called on every bar of every coin.
- **A2**: the strategy declares its indicator columns and its decision points, and is called there.
"""


def page(at_points: Outcome, ratios: Mapping[str, Ratio], rounds: int, checks: Sequence[Check]) -> str:
    """The whole page as Markdown; ``ratios`` by what they compare."""
    lines = [
        INTRODUCTION.format(bars=f"{at_points.bars // 6:,}", fills=f"{at_points.fills:,}"),
        f"| compared, {rounds} rounds | times faster | on the clock |",
        "|---|---:|---:|",
    ]
    for name, found in ratios.items():
        lines.append(f"| {name} | {found.cpu:.1f} ({found.least:.1f} to {found.most:.1f}) | {found.wall:.1f} |")
    lines += ["", "### What was checked", "", "| check | found | |", "|---|---|---|"]
    for check in checks:
        verdict = {True: "holds", False: "**fails**", None: "not looked at"}[check.holds]
        lines.append(f"| {check.name} | {check.found} | {verdict} |")
    return "\n".join(lines) + "\n"
