"""Who decides for a trader: a model that is known, or a strategy whose settings its library takes."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.config.desk import Desk
from engine.config.llm import OpenAiModel, RecordedModel
from engine.config.manager import TraderEntry, TraderKind
from engine.config.noted import Noted
from engine.config.settings import StrategyChoice

BASELINES = ("cash", "buy_and_hold", "equal_weight", "random")

NoteFault = Callable[[str, str], None]  # a key of the trader's entry, and what is wrong with it


def decider(
    entry: TraderEntry, desk: Desk, fault: NoteFault, noted: Noted, used: list[str]
) -> tuple[TraderKind | None, str | None, StrategyChoice | None]:
    """Kind, model and strategy of an entry; no kind when they cannot be told.

    A trader that names neither model nor strategy asks the default model. What it refers to is added to ``used``.
    """
    if entry.kind == "selector":
        fault("kind", "was 'selector'; this version has traders that decide alone: direct, strategy, baseline")
        return None, None, None
    if entry.strategy and entry.model:
        fault("strategy", "stands beside a model; a trader has one or the other")
        return None, None, None
    if entry.strategy:
        choice = _strategy(entry, fault)
        if choice is None:
            return None, None, None
        if entry.kind == "direct":
            fault("kind", "was 'direct', which asks a model, and this trader names a strategy")
        return entry.kind or ("baseline" if choice.name in BASELINES else "strategy"), None, choice
    if entry.kind not in (None, "direct"):
        fault("strategy", f"is missing: a trader of kind {entry.kind} decides by one")
        return None, None, None
    return "direct", _model(entry, desk, fault, noted, used), None


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
        used.append("llm:openai")
        offline = [other for other, known in desk.llm.models.items() if not isinstance(known, OpenAiModel)]
        fault(
            "model",
            f"was {name!r}, a model of type openai, which this version does not call; "
            f"scripted and recorded models: {', '.join(offline) or 'none'}",
        )
    if isinstance(model, RecordedModel) and not model.folder.is_dir():
        noted("llm", f"models.{name}.folder", f"is {model.folder}, where there is no folder")
    return name


def strategy_refusal(name: str, settings: Mapping[str, Any], seed: int) -> str:
    """Why the library has no such strategy or refuses its settings; empty when it takes them."""
    from engine.executor.strategies import build  # numpy and TA-Lib: only when a strategy is named

    try:
        build(name, settings, seed=seed)
    except ValueError as e:
        return f"was {name!r}; {e}"
    return ""
