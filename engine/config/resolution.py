"""Do the files fit together? Every rule that spans two keys, and the settings that follow when all of them hold."""

from collections.abc import Sequence

from engine.config.capital import accounts_in_use, capital_usd, check_capital, shares_pct
from engine.config.desk import Desk
from engine.config.endpoints import check_endpoint
from engine.config.exchange import Exchanges, SimExchange
from engine.config.executor import Executor
from engine.config.faults import Fault
from engine.config.llm import Llm, OpenAiModel, ScriptedModel
from engine.config.manager import Manager, TraderEntry
from engine.config.market import Markets, SyntheticMarket
from engine.config.noted import Noted
from engine.config.sections import Sections
from engine.config.settings import Settings, TraderSettings
from engine.config.trader import TraderReading
from engine.llm.scripted import STYLES
from engine.market.instruments import InstrumentFault, instrument_table
from engine.market.world import PROFILES

_RESERVED_IDS = ("house", "reserve")
_NEEDED_BY = {
    "crossing": "a matcher of opposite intents, which this version does not have",
    "subaccounts": "one venue account a trader, which the simulated venue does not have",
}
_EXECUTOR_OWN = {
    "major_coin_leverage": "major_coin_leverage",
    "altcoin_leverage": "altcoin_leverage",
    "min_confidence": "min_confidence",
    "min_risk_reward_ratio": "min_risk_reward",
    "max_positions": "max_positions",
}


def resolve(sections: Sections, faults: list[Fault]) -> tuple[Settings | None, frozenset[str]]:
    """The settings (``None`` when a whole file is missing or nothing fits) and which entries somebody uses.

    An entry is named ``section.name``; ``llm:openai`` says that the endpoint of ``llm.yaml`` is needed.
    """
    noted = Noted(faults, sections)
    match sections:
        case Sections(
            root=root, llm=Llm() as llm, executor=Executor() as executor, exchanges=Exchanges() as exchanges,
            markets=Markets() as markets, manager=Manager() as manager,
        ) if root is not None:  # fmt: skip
            pass
        case _:
            return None, frozenset()
    desk = Desk(
        root=root,
        llm=llm,
        executor=executor,
        exchanges=exchanges.providers,
        markets=markets.providers,
        default_exchange=exchanges.default,
        default_market=markets.default,
        declared=sections.declared,
        manager_folder=sections.paths["manager"].parent,
    )
    _check_ids(manager.traders, noted)
    _check_defaults(sections, desk, noted)
    _check_providers(desk, noted)
    _check_executor(executor, manager.traders, noted)
    check_capital(manager.manager, noted)

    used: list[str] = []
    traders: list[TraderSettings] = []
    shares = shares_pct(manager.manager, manager.traders, noted) if manager.traders else []
    for index, (entry, share) in enumerate(zip(manager.traders, shares, strict=True)):
        reading = TraderReading(index, entry, desk, noted)
        trader = reading.settings(capital_usd(manager.manager, share), share)
        used += reading.used
        if trader is not None:
            _check_market(index, trader, traders, noted)
            traders.append(trader)
    settings = Settings(
        folder=sections.paths["root"].parent,
        files=tuple(sections.paths.values()),
        root=root,
        llm=llm,
        executor=executor,
        exchanges=exchanges,
        markets=markets,
        manager=manager,
        traders=tuple(traders),
        accounts=accounts_in_use(manager.manager, traders, exchanges.providers, noted),
    )
    return settings, frozenset(used)


def _check_ids(traders: Sequence[TraderEntry], noted: Noted) -> None:
    if not traders:
        noted("manager", "traders", "is empty: an arena needs at least one trader")
    first: dict[str, int] = {}
    for index, trader in enumerate(traders):
        key = f"traders[{index}].id"
        if not trader.id:
            noted("manager", key, "is missing")
        elif trader.id in _RESERVED_IDS:
            noted("manager", key, f"was {trader.id!r}, a name the books need themselves")
        elif trader.id in first:
            noted("manager", key, f"was {trader.id!r}, which is traders[{first[trader.id]}] already")
        first.setdefault(trader.id, index)


def _check_defaults(sections: Sections, desk: Desk, noted: Noted) -> None:
    for section, key, name in (
        ("exchange", "default", desk.default_exchange),
        ("market", "default", desk.default_market),
        ("llm", "default_model", desk.llm.default_model),
    ):
        declared = sections.declared[section]
        if name and name not in declared:
            noted(section, key, f"was {name!r}; known: {', '.join(declared)}")
    budget, routing = desk.llm.budget, desk.llm.routing_defaults
    for model in budget.cost_per_million_tokens if budget is not None else ():
        if model not in sections.declared["llm"]:
            noted(
                "llm",
                f"budget.cost_per_million_tokens.{model}",
                f"names no model; known: {', '.join(sections.declared['llm'])}",
            )
    if routing.preference and not routing.available_models:
        noted("llm", "routing_defaults.preference", "has no effect without available_models")


def _check_providers(desk: Desk, noted: Noted) -> None:
    for name, exchange in desk.exchanges.items():
        if exchange.policy in _NEEDED_BY:
            needed = _NEEDED_BY[exchange.policy]
            noted(
                "exchange",
                f"providers.{name}.policy",
                f"was {exchange.policy!r}, which needs {needed}; known: netting, exclusive",
            )
        if isinstance(exchange, SimExchange) and exchange.sim.instruments is not None:
            try:
                instrument_table(exchange.sim.instruments)
            except InstrumentFault as e:
                noted("exchange", f"providers.{name}.sim.instruments", f"cannot be used: {e}")
    for name, model in desk.llm.models.items():
        if isinstance(model, ScriptedModel) and model.style not in STYLES:
            noted("llm", f"models.{name}.style", f"was {model.style!r}; known: {', '.join(STYLES)}")
        if isinstance(model, OpenAiModel):
            check_endpoint(desk.llm, name, model, noted)
    for name, market in desk.markets.items():
        for index, coin in enumerate(market.coins):
            if coin in market.coins[:index]:
                noted("market", f"providers.{name}.coins[{index}]", f"was {coin!r}, which stands there already")
            elif isinstance(market, SyntheticMarket) and coin not in PROFILES:
                noted("market", f"providers.{name}.coins[{index}]", f"was {coin!r}; known: {', '.join(PROFILES)}")
        if not market.coins:
            noted("market", f"providers.{name}.coins", "is empty: a market needs at least one coin")


def _check_executor(executor: Executor, traders: Sequence[TraderEntry], noted: Noted) -> None:
    ids = [trader.id for trader in traders]
    known = ", ".join(ids)
    for key, own in _EXECUTOR_OWN.items():
        if getattr(executor.risk_params, key) is not None:
            noted("executor", f"risk_params.{key}", f"is written in this file as {own}")
    for name in executor.overrides:
        if name not in ids:
            noted(
                "executor", f"overrides.{name}", f"names no trader, and thresholds are held per trader; known: {known}"
            )
    for index, name in enumerate(executor.allowed_trader_ids):
        if name not in ids:
            noted("executor", f"allowed_trader_ids[{index}]", f"was {name!r}; known: {known}")
    if executor.allowed_trader_ids:
        for index, trader in enumerate(traders):
            if trader.id and trader.id not in executor.allowed_trader_ids:
                noted(
                    "manager",
                    f"traders[{index}].id",
                    f"was {trader.id!r}, which executor.yaml allowed_trader_ids leaves out",
                )
    validation = executor.prompt_validation
    if validation.strict_mode and not executor.prompt_schema_version:
        noted(
            "executor",
            "prompt_schema_version",
            "is empty, and prompt_validation.strict_mode compares templates with it",
        )
    if executor.prompt_schema_version and not validation.strict_mode:
        noted("executor", "prompt_schema_version", "has no effect without prompt_validation.strict_mode")


def _check_market(index: int, trader: TraderSettings, others: Sequence[TraderSettings], noted: Noted) -> None:
    """A simulated account fills on one market: all traders on it must name the same."""
    first = next((other for other in others if other.account == trader.account), None)
    if first is not None and first.market != trader.market:
        noted(
            "manager",
            f"traders[{index}].market_provider",
            f"was {trader.market!r}; {first.id} on the same account {trader.account} names {first.market!r}, "
            "and a simulated account fills on one market",
        )
