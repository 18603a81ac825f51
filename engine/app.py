"""The composition root: settings become adapters, adapters become desks. It alone knows every adapter."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from engine.clock import Clock
from engine.config import AccountSettings, Settings, TraderSettings, secrets_in
from engine.config.allowance import allowance_of
from engine.config.endpoints import model_terms
from engine.config.exchange import SimExchange as SimSettingsFile
from engine.config.library import library_of
from engine.config.llm import OpenAiModel as OpenAiEntry
from engine.config.llm import RecordedModel as RecordedEntry
from engine.config.llm import ScriptedModel as ScriptedEntry
from engine.config.market import HistoryMarket as HistoryEntry
from engine.config.market import SyntheticMarket as SyntheticEntry
from engine.config.settings import SelectorSettings
from engine.exchange.sim.exchange import SimExchange
from engine.exchange.sim.settings import SimSettings
from engine.executor import risk
from engine.executor.contract import decision_schema
from engine.executor.ports import ChatModel, Strategy
from engine.executor.prompt import prompt_columns
from engine.executor.prompt_files import PromptFiles
from engine.executor.selector.reply import weights_schema
from engine.executor.selector.selector import Selector
from engine.executor.strategies import build
from engine.llm.cache import Cached, ReplyCache
from engine.llm.concurrency import Limited
from engine.llm.deadline import Bounded, Late
from engine.llm.models import Models
from engine.llm.recorded import Paced, RecordedModel, Recording
from engine.llm.scripted import ScriptedModel
from engine.llm.structured import Schema
from engine.llm.transcript import Transcribed
from engine.manager.allocation import Allocation
from engine.manager.arena import Arena
from engine.manager.budget import set_aside
from engine.manager.desk import Decider, Desk, ModelDecider
from engine.manager.feed import Feed
from engine.manager.gateway import Gateway
from engine.manager.halt import KillSwitch
from engine.manager.mandate import Mandate
from engine.manager.ports import MarketProvider
from engine.manager.record import TraderTerms
from engine.manager.recorder import Recorder
from engine.market.history import HistoryMarket
from engine.market.instruments import instrument_table
from engine.market.synthetic import SyntheticMarket
from engine.model.ids import AccountId, TraderId
from engine.model.instrument import Instrument
from engine.model.market import Column

Market = HistoryMarket | SyntheticMarket


class Assembly(Struct, kw_only=True):
    """An arena and the adapters it was built from."""

    arena: Arena
    markets: dict[str, Market]
    venues: dict[AccountId, SimExchange]
    models: Models


def open_market(settings: Settings, name: str) -> Market:
    """The market provider of that name. Raises ``HistoryFault`` when recorded data is not sound."""
    entry = settings.markets.providers[name]
    match entry:
        case SyntheticEntry():
            return SyntheticMarket(entry.seed, entry.coins, bar_ms=entry.bar_interval_ms)
        case HistoryEntry():
            return HistoryMarket.load(
                entry.folder,
                coins=entry.coins,
                base_interval_ms=entry.base_interval_ms,
                allow_gaps=entry.allow_gaps,
            )
        case _:
            raise AssertionError(f"market provider {name} passed the configuration though nothing can build it")


def assemble(
    settings: Settings,
    recorder: Recorder,
    *,
    clock: Clock,
    markets: Mapping[str, Market] | None = None,
    state_folder: Path | None = None,
    switch: KillSwitch | None = None,
    bounded: Callable[[ChatModel], ChatModel] = lambda model: model,
    recordings: Path | None = None,
) -> Assembly:
    """Build what the traders use and nothing else.

    ``markets`` replaces configured providers (a backtest's recording); without ``state_folder`` the simulated venues
    keep nothing on disk. ``bounded`` surrounds every model (``in_real_time``). Exchanges with models are recorded in
    the folder ``recordings``, in which no other process may be recording.
    """
    opened = dict(markets) if markets is not None else {}
    for account in settings.accounts:
        if account.market not in opened:
            opened[account.market] = open_market(settings, account.market)
    venues: dict[AccountId, SimExchange] = {}
    feeds: dict[AccountId, Feed] = {}
    gateways: dict[AccountId, Gateway] = {}
    desks: list[Desk] = []

    def has_room(trader: str, usd: Decimal) -> bool:
        return set_aside(recorder.state, TraderId(trader), usd)

    models = Models(model_terms(settings.llm), has_room, secrets_in(settings))
    kept = settings.llm.cache
    cache = ReplyCache(ttl_ms=kept.ttl_ms, max_entries=kept.max_entries, now_ms=clock.now_ms) if kept.ttl_ms else None

    def surrounded(model: ChatModel) -> ChatModel:
        if isinstance(model, RecordedModel):  # it calls nobody: there is nothing to spare and nothing to record
            return bounded(model)
        asked = model if cache is None else Cached(model, cache)
        return bounded(asked if recordings is None else Recording(asked, recordings, clock.now_ms))

    for account in settings.accounts:
        market = opened[account.market]
        venue = open_venue(account, market, clock, state_folder)
        traders = [trader for trader in settings.traders if trader.account == account.id]
        feed = Feed(market, venue)
        gateway = Gateway(
            account.id,
            venue,
            recorder,
            venue.instruments,
            {trader.id: Mandate(coins=_coins_of(trader, market), limits=trader.limits) for trader in traders},
            feed.look,
            switch,
        )
        venues[account.id], feeds[account.id], gateways[account.id] = venue, feed, gateway
        desks += [
            _desk(settings, account, trader, market, feed, gateway, venue.instruments, models, surrounded)
            for trader in traders
        ]
    arena = Arena(recorder, desks, gateways, feeds, settings.root.arena.deployment)
    return Assembly(arena=arena, markets=opened, venues=venues, models=models)


def in_real_time(
    settings: Settings, real: Callable[[], bool], late: Late | None = None
) -> Callable[[ChatModel], ChatModel]:
    """What surrounds every model while time is real: so many at a time, a deadline, and a transcript if asked for.

    Each model has places of its own: one that hangs keeps nobody waiting who asks another.
    ``late`` is told of answers that come after the deadline. Recorded models take the time that they took once.
    """
    places: dict[str, asyncio.Semaphore] = {}

    def surrounded(model: ChatModel) -> ChatModel:
        free = places.setdefault(model.name, asyncio.Semaphore(settings.executor.max_concurrent_decisions))
        paced = Paced(model, real) if isinstance(model, RecordedModel) else model
        heard = Transcribed(paced, real) if settings.root.logging.verbose_llm else paced
        return Limited(Bounded(heard, real, late_wait_ms=settings.llm.late_wait_ms, late=late), free, real)

    return surrounded


def open_venue(account: AccountSettings, market: Market, clock: Clock, state_folder: Path | None) -> SimExchange:
    """The simulated venue account, with what it remembers from its last run."""
    provider: SimSettingsFile = account.provider
    terms = provider.sim
    table = instrument_table(terms.instruments)
    return SimExchange(
        account.id,
        market,
        {coin: table[coin] for coin in market.coins},
        SimSettings(
            initial_balance_usd=account.initial_balance_usd,
            maker_fee_bps=terms.maker_fee_bps,
            taker_fee_bps=terms.taker_fee_bps,
            spread_bps=terms.spread_bps,
            impact_bps=terms.impact_bps,
            max_participation_pct=terms.max_participation_pct,
            latency_ms=terms.latency_ms or 0,
            funding=terms.funding,
            margin_mode=terms.margin_mode,
        ),
        seed=terms.seed,
        clock=clock,
        folder=None if state_folder is None else state_folder / "venues" / account.id,
    )


def instruments_of(settings: Settings) -> dict[str, Mapping[str, Instrument]]:
    """Every instrument of each venue account, by coin."""
    return {account.id: instrument_table(account.provider.sim.instruments) for account in settings.accounts}


def terms_of(settings: Settings) -> tuple[TraderTerms, ...]:
    """What the journal must know of each trader."""
    return tuple(
        TraderTerms(
            trader=trader.id,
            name=trader.name,
            account=trader.account,
            kind=trader.kind,
            decider=_decider_name(trader),
            interval_ms=trader.interval_ms,
            cooldown_ms=trader.limits.cooldown_ms,
            benchmark=trader.benchmark,
            auto_start=trader.auto_start,
        )
        for trader in settings.traders
    )


def capital_of(settings: Settings) -> dict[AccountId, dict[TraderId, Decimal]]:
    """What each trader starts with, by venue account."""
    capital: dict[AccountId, dict[TraderId, Decimal]] = {account.id: {} for account in settings.accounts}
    for trader in settings.traders:
        capital[trader.account][trader.id] = trader.capital_usd
    return capital


def allocations_of(settings: Settings) -> dict[AccountId, Allocation]:
    """How capital moves afterwards, by venue account."""
    rules = settings.manager.manager
    allocation = Allocation(
        strategy=rules.allocation_strategy,
        rebalance_ms=rules.rebalance_interval_ms,
        floor_pct=rules.allocation_floor_pct,
        cap_pct=rules.allocation_cap_pct,
        hysteresis_pct=rules.allocation_hysteresis_pct,
        min_trades=rules.allocation_min_trades,
    )
    return {account.id: allocation for account in settings.accounts}


def _desk(
    settings: Settings,
    account: AccountSettings,
    trader: TraderSettings,
    market: MarketProvider,
    feed: Feed,
    gateway: Gateway,
    instruments: Mapping[str, Instrument],
    models: Models,
    bounded: Callable[[ChatModel], ChatModel],
) -> Desk:
    coins = _coins_of(trader, market)
    decider, columns = _decider(settings, trader, coins, market, models, bounded)
    market.declare([*columns, *risk.columns(trader.limits)])
    return Desk(
        trader=trader.id,
        account=account.id,
        interval_ms=trader.interval_ms,
        coins=coins,
        decider=decider,
        limits=trader.limits,
        account_limits=account.limits,
        instruments=instruments,
        feed=feed,
        gateway=gateway,
        order_style=trader.order_style,
        slippage_bps=trader.slippage_bps,
        order_expiry_ms=trader.order_expiry_ms,
        margin_mode=account.provider.sim.margin_mode,
        max_account_age_ms=max(120_000, 2 * trader.interval_ms),
        candidate_limit=trader.candidate_limit,
    )


def _coins_of(trader: TraderSettings, market: MarketProvider) -> tuple[str, ...]:
    """What the trader may trade: its own list, or all, as far as the market knows them."""
    return tuple(coin for coin in (trader.coins or market.coins) if coin in market.coins)


def _decider(
    settings: Settings,
    trader: TraderSettings,
    coins: Sequence[str],
    market: MarketProvider,
    models: Models,
    bounded: Callable[[ChatModel], ChatModel],
) -> tuple[Decider, Sequence[Column]]:
    if trader.strategy is not None:
        strategy: Strategy = build(trader.strategy.name, trader.strategy.settings, seed=trader.strategy.seed)
        return strategy, strategy.columns
    selector = None if trader.selector is None else _selector(trader.selector)
    if selector is not None and trader.model is None:
        return selector, selector.columns
    assert trader.model is not None, f"{trader.id} passed the configuration with neither a model nor a strategy"
    assert trader.system_template is not None, f"{trader.id} has no system template"
    assert trader.user_template is not None, f"{trader.id} has no user template"
    schema = decision_schema(coins) if selector is None else weights_schema(selector.library.labels)
    decider = ModelDecider(
        model=bounded(_model(settings, trader.model, models, schema)),
        prompts=PromptFiles(trader.system_template, trader.user_template, trader.strategy_template),
        timeout_ms=trader.timeout_ms,
        series_interval_ms=trader.series_interval_ms,
        long_interval_ms=trader.long_interval_ms,
        allowance=allowance_of(settings.llm, trader),
        live_only=isinstance(settings.llm.models[trader.model], OpenAiEntry),
        selector=selector,
    )
    shown = prompt_columns(trader.series_interval_ms, trader.long_interval_ms, market.lacks)
    return decider, shown if selector is None else (*shown, *selector.columns)


def _selector(settings: SelectorSettings) -> Selector:
    return Selector(
        library=library_of(settings.library),
        top=settings.top,
        reweigh_ms=settings.reweigh_ms,
        least_change=settings.least_change_pct / 100,
    )


def _decider_name(trader: TraderSettings) -> str:
    """The model, or else the strategy, or the library of a selector that goes by scores."""
    if trader.model is not None:
        return trader.model
    if trader.strategy is not None:
        return trader.strategy.name
    return "" if trader.selector is None else trader.selector.library.path.stem


def _model(settings: Settings, name: str, models: Models, schema: Schema) -> ChatModel:
    entry = settings.llm.models[name]
    match entry:
        case ScriptedEntry():
            return ScriptedModel(name, seed=entry.seed, style=entry.style)
        case RecordedEntry():
            return RecordedModel.load(name, entry.folder)
        case OpenAiEntry():
            return models.model(name, schema)
