"""Who decides for a trader: a model that is known, a strategy whose settings its library takes, or a selector."""

from collections.abc import Callable

from msgspec import Struct

from engine.config.desk import Desk
from engine.config.endpoints import needed_endpoints
from engine.config.faults import ConfigFaults
from engine.config.library import read_library
from engine.config.llm import OpenAiModel, RecordedModel
from engine.config.manager import TraderEntry, TraderKind
from engine.config.noted import Noted
from engine.config.settings import SelectorSettings, StrategyChoice
from engine.config.strategies import strategy_refusal

BASELINES = ("cash", "buy_and_hold", "equal_weight", "random")

NoteFault = Callable[[str, str], None]  # a key of the trader's entry, and what is wrong with it


class Deciding(Struct, frozen=True, kw_only=True):
    """Kind, model, strategy and selection of a trader; no kind when they cannot be told."""

    kind: TraderKind | None = None
    model: str | None = None
    strategy: StrategyChoice | None = None
    selector: SelectorSettings | None = None
    asks_model: bool = False


def decider(entry: TraderEntry, desk: Desk, fault: NoteFault, noted: Noted, used: list[str]) -> Deciding:
    """Who decides by an entry.

    A trader that names neither model, strategy nor selector asks the default model; a selector that names no model goes
    by scores. What it refers to is added to ``used``.
    """
    if entry.selector is not None or entry.kind == "selector":
        return _selecting(entry, desk, fault, noted, used)
    if entry.strategy and entry.model:
        fault("strategy", "stands beside a model; a trader has one or the other")
        return Deciding()
    if entry.strategy:
        choice = _strategy(entry, fault)
        if choice is None:
            return Deciding()
        if entry.kind == "direct":
            fault("kind", "was 'direct', which asks a model, and this trader names a strategy")
        return Deciding(kind=entry.kind or ("baseline" if choice.name in BASELINES else "strategy"), strategy=choice)
    if entry.kind not in (None, "direct"):
        fault("strategy", f"is missing: a trader of kind {entry.kind} decides by one")
        return Deciding()
    return Deciding(kind="direct", model=_model(entry, desk, fault, noted, used), asks_model=True)


def _selecting(entry: TraderEntry, desk: Desk, fault: NoteFault, noted: Noted, used: list[str]) -> Deciding:
    """A selector with its library; the strategies come from there and from nowhere else."""
    written = entry.selector
    asks_model = bool(entry.model)
    model = _model(entry, desk, fault, noted, used) if asks_model else None
    if entry.kind not in (None, "selector"):
        fault("kind", f"was {entry.kind!r}, and this trader has a selector")
    if entry.strategy:
        fault("strategy", "stands beside a selector; its strategies are those of its library")
    if written is None or written.library is None:
        fault("selector.library", "is missing: a selector weighs the strategies of one")
        return Deciding()
    try:
        library = read_library(written.library)
    except ConfigFaults as e:
        found = "; ".join(f"{each.key} {each.message}".strip() for each in e.faults[:3])
        fault("selector.library", f"is {written.library}, which cannot be used: {found}")
        return Deciding()
    file = library.file
    if not file.reviewed_by.strip():
        fault("selector.library", f"is {written.library}, which nobody has reviewed: its reviewed_by is empty")
    if not asks_model and not any(strategy.scores for strategy in file.strategies.values()):
        fault("model", f"is missing, and {written.library} holds no scores to go by (engine backtest --scores)")
    selector = SelectorSettings(
        library=library,
        top=written.top,
        reweigh_ms=written.reweigh_interval_ms,
        least_change_pct=written.least_change_pct,
    )
    return Deciding(kind="selector", model=model, selector=selector, asks_model=asks_model)


def _strategy(entry: TraderEntry, fault: NoteFault) -> StrategyChoice | None:
    settings = dict(entry.strategy)
    name, seed = settings.pop("name", None), settings.pop("seed", 0)
    if not isinstance(name, str):
        fault("strategy.name", "is missing" if name is None else f"was {name!r}; expected a name")
        return None
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        fault("strategy.seed", f"was {seed!r}; expected a whole number, at least 0")
        return None
    refusal = strategy_refusal(name, settings, seed)
    if refusal:
        fault("strategy", refusal)
        return None
    return StrategyChoice(name=name, settings=settings, seed=seed)


def _model(entry: TraderEntry, desk: Desk, fault: NoteFault, noted: Noted, used: list[str]) -> str | None:
    declared = desk.declared["llm"]
    name = entry.model or desk.llm.default_model
    if not name:
        fault("model", "is missing, and so are a strategy and llm.yaml's default_model")
        return None
    if name not in declared:
        fault("model", f"was {name!r}; known: {', '.join(declared)}")
        return None
    used.append(f"llm.{name}")
    model = desk.llm.models.get(name)
    if isinstance(model, OpenAiModel):
        used += needed_endpoints(desk.llm, name)
    if isinstance(model, RecordedModel) and not model.folder.is_dir():
        noted("llm", f"models.{name}.folder", f"is {model.folder}, where there is no folder")
    return name
