"""The report of a backtest: figures per trader as values, as JSON, as text and as a plot."""

from pathlib import Path

import msgspec
from msgspec import Struct

from engine.backtest.tally import Tally, TraderTally
from engine.manager.state import State
from engine.model.performance import performance


class TraderReport(Struct, frozen=True, kw_only=True):
    """One trader's figures. Percentages in percent, money in USD; ``None`` where a figure is undefined.

    ``exposure_pct`` is the mean gross notional over equity at the marks, ``turnover_multiple`` what was traded over the
    mean equity; Sharpe, Sortino and Calmar ratios are annualised from the marks.
    """

    trader: str
    decider: str
    equity_usd: float
    return_pct: float
    max_drawdown_pct: float
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    profit_factor: float | None
    win_rate_pct: float | None
    trades: int
    fills: int
    exposure_pct: float
    turnover_multiple: float
    fees_usd: float
    funding_usd: float
    model_cost_usd: float
    slots: dict[str, int]
    denials: dict[str, int]


class Counts(Struct, frozen=True, kw_only=True):
    """What happened in the run, so that a quiet one cannot pass for a good one."""

    slots: int
    orders: int
    fills: int
    partial_fills: int
    opposite_positions: int
    stops: int
    targets: int
    liquidations: int
    funding_stamps: int
    denials: int
    rejections: dict[str, int]
    incidents: int
    identity_checks: int
    identity_drifts: int


class Report(Struct, frozen=True, kw_only=True):
    """The whole run: its span in ms UTC, what happened, and one line a trader, best return first."""

    from_ms: int
    to_ms: int
    counts: Counts
    traders: tuple[TraderReport, ...]


def report_of(
    state: State, tally: Tally, *, from_ms: int, to_ms: int, mark_ms: int, checks: int, drifts: int
) -> Report:
    """The figures of a finished run."""
    traders = [_trader(state, name, tally.of(name), mark_ms) for name in state.traders]
    traders.sort(key=lambda found: (-found.return_pct, found.trader))
    kinds = tally.kinds
    counts = Counts(
        slots=kinds["SlotClosed"],
        orders=tally.orders,
        fills=kinds["Filled"],
        partial_fills=tally.partial_fills,
        opposite_positions=tally.opposite_positions,
        stops=tally.causes["stop"],
        targets=tally.causes["target"],
        liquidations=kinds["Liquidated"],
        funding_stamps=kinds["Funded"],
        denials=sum(sum(found.denials.values()) for found in tally.traders.values()),
        rejections=dict(tally.rejections),
        incidents=kinds["Incident"],
        identity_checks=checks,
        identity_drifts=drifts,
    )
    return Report(from_ms=from_ms, to_ms=to_ms, counts=counts, traders=tuple(traders))


def _trader(state: State, name: str, tally: TraderTally, mark_ms: int) -> TraderReport:
    ledger = state.ledger(name)
    figures = performance(tally.nav, mark_ms, [float(trade.net_usd) for trade in tally.trades])
    mean_equity = sum(tally.equity_usd) / len(tally.equity_usd) if tally.equity_usd else 0.0
    return TraderReport(
        trader=name,
        decider=state.traders[name].terms.decider,  # type: ignore[index]
        equity_usd=tally.equity_usd[-1] if tally.equity_usd else 0.0,
        return_pct=figures.return_pct,
        max_drawdown_pct=figures.max_drawdown_pct,
        sharpe=figures.sharpe,
        sortino=figures.sortino,
        calmar=figures.calmar,
        profit_factor=figures.profit_factor,
        win_rate_pct=figures.win_rate_pct,
        trades=len(tally.trades),
        fills=tally.fills,
        exposure_pct=100 * sum(tally.exposure) / len(tally.exposure) if tally.exposure else 0.0,
        turnover_multiple=float(tally.turnover_usd) / mean_equity if mean_equity > 0 else 0.0,
        fees_usd=float(ledger.fees_usd),
        funding_usd=float(ledger.funding_usd),
        model_cost_usd=float(ledger.model_cost_usd),
        slots=dict(sorted(tally.slots.items())),
        denials=dict(sorted(tally.denials.items())),
    )


def write_json(report: Report, path: Path) -> None:
    """The report as indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("equity", "equity_usd", ",.2f"),
    ("return %", "return_pct", "+.2f"),
    ("max dd %", "max_drawdown_pct", ".2f"),
    ("Sharpe", "sharpe", ".2f"),
    ("Sortino", "sortino", ".2f"),
    ("Calmar", "calmar", ".2f"),
    ("pf", "profit_factor", ".2f"),
    ("win %", "win_rate_pct", ".1f"),
    ("trades", "trades", "d"),
    ("fills", "fills", "d"),
    ("expo %", "exposure_pct", ".1f"),
    ("turnover", "turnover_multiple", ".1f"),
    ("fees", "fees_usd", ",.2f"),
    ("funding", "funding_usd", "+,.2f"),
)


def text_of(report: Report) -> str:
    """The report as plain text: one line a trader, then what happened."""
    rows = [["trader", *(title for title, _, _ in COLUMNS)]]
    for found in report.traders:
        cells = [found.trader]
        for _, field, form in COLUMNS:
            value = getattr(found, field)
            cells.append("-" if value is None else format(value, form))
        rows.append(cells)
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.append("")
    for field in report.counts.__struct_fields__:
        value = getattr(report.counts, field)
        if isinstance(value, dict):
            value = ", ".join(f"{key} {count}" for key, count in sorted(value.items())) or "none"
        lines.append(f"{field.replace('_', ' '):<20} {value}")
    return "\n".join(lines) + "\n"


def plot(tally: Tally, path: Path) -> None:
    """The equity curves of all traders as a picture; the format follows the file name's ending."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.dates import DateFormatter

    figure, axes = pyplot.subplots(figsize=(12, 6))
    for name, found in tally.traders.items():
        if found.times_ms:
            days = [moment / 86_400_000 for moment in found.times_ms]
            axes.plot(days, [100 * (nav - 1) for nav in found.nav], label=name, linewidth=1.2)
    axes.xaxis.set_major_formatter(DateFormatter("%Y-%m-%d"))  # type: ignore[no-untyped-call]
    axes.set_ylabel("return, %")
    axes.axhline(0, color="grey", linewidth=0.6)
    axes.legend(fontsize="small", ncols=2)
    axes.grid(alpha=0.3)
    figure.autofmt_xdate()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight")
    pyplot.close(figure)
