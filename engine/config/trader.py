"""One trader of ``manager.yaml`` with everything it refers to: as it will run, or what keeps it from running."""

import re
from decimal import Decimal
from pathlib import Path

from engine.config.decider import Deciding, decider
from engine.config.desk import Desk
from engine.config.duration import format_duration
from engine.config.endpoints import unpriced
from engine.config.exchange import Exchange, SimExchange, venue_of
from engine.config.executor import Thresholds
from engine.config.leaf import rooted
from engine.config.limits import limits_in_force
from engine.config.llm import Budget
from engine.config.manager import TraderBudget, TraderEntry
from engine.config.market import LACKS, HistoryMarket, Market, SyntheticMarket, bar_ms
from engine.config.noted import Noted
from engine.config.root import Environment
from engine.config.settings import SelectorSettings, TraderSettings
from engine.executor.limits import Limits
from engine.market.instruments import InstrumentFault, instrument_table
from engine.model.ids import AccountId, TraderId

SYSTEM_TEMPLATE = Path("../prompts/executor/default.j2")
SELECTOR_TEMPLATE = Path("../prompts/executor/selector.j2")
USER_TEMPLATE = Path("../prompts/executor/user.j2")

_VERSION = re.compile(r"Version:\s*([^\s#}-]\S*)")
_HEADER_CHARACTERS = 8192


class TraderReading:
    """Reads one entry; every fault goes to ``noted`` under the entry's own path."""

    def __init__(self, index: int, entry: TraderEntry, desk: Desk, noted: Noted) -> None:
        self._path = f"traders[{index}]"
        self._entry = entry
        self._desk = desk
        self._noted = noted
        self.used: list[str] = []  # "section.name" of what this trader refers to

    def settings(self, capital_usd: Decimal, allocation_pct: Decimal) -> TraderSettings | None:
        """The trader as it will run; ``None`` when something it cannot do without is unknown."""
        entry, desk = self._entry, self._desk
        executor = desk.executor
        account, exchange = self._exchange()
        market_name, market = self._market()
        deciding = decider(entry, desk, self._fault, self._noted, self.used)
        interval_ms = (
            executor.decision_interval_ms if entry.decision_interval_ms is None else entry.decision_interval_ms
        )
        limits = limits_in_force(
            executor, entry.risk_params, entry.exec_guards, executor.overrides.get(entry.id, Thresholds())
        )
        self._check_limits(limits)
        templates = self._templates(deciding)
        if entry.order_expiry_ms is not None and entry.order_style in ("market_ioc", "limit_ioc"):
            self._fault("order_expiry", f"has no effect: {entry.order_style} orders never rest; leave it out")
        if deciding.kind is not None and not deciding.asks_model and entry.budget != TraderBudget():
            self._fault("budget", "has no effect: this trader asks no model; leave it out")
        self._check_prices(deciding)
        coins: tuple[str, ...] = ()
        if market is not None:
            coins = self._coins(market, exchange)
            self._check_intervals(market, interval_ms, deciding.selector)
            self._check_lacks(market_name, market, limits)
        if not isinstance(exchange, SimExchange) or market is None or deciding.kind is None or not entry.id:
            return None
        journal = desk.root.journal.folder / "cycles" / entry.id if entry.journal_dir is None else entry.journal_dir
        budget, everybodys = entry.budget, desk.llm.budget or Budget()
        return TraderSettings(
            id=TraderId(entry.id),
            name=entry.name or entry.id,
            kind=deciding.kind,
            benchmark=entry.benchmark,
            account=AccountId(account),
            market=market_name,
            model=deciding.model,
            strategy=deciding.strategy,
            selector=deciding.selector,
            strategy_template=templates.get("prompt_template"),
            system_template=templates.get("executor_prompt_template"),
            user_template=templates.get("user_prompt_template"),
            interval_ms=interval_ms,
            timeout_ms=executor.decision_timeout_ms,
            series_interval_ms=entry.series_interval_ms,
            long_interval_ms=entry.long_interval_ms,
            order_style=entry.order_style,
            slippage_bps=entry.market_ioc_slippage_bps,
            order_expiry_ms=entry.order_expiry_ms,
            coins=coins,
            allocation_pct=allocation_pct,
            capital_usd=capital_usd,
            auto_start=entry.auto_start,
            cycles_folder=journal if entry.journal_enabled else None,
            candidate_limit=entry.exec_guards.candidate_limit or executor.exec_guards.candidate_limit,
            daily_token_limit=budget.daily_token_limit or everybodys.trader_daily_token_limit,
            daily_usd_limit=budget.daily_usd_limit or everybodys.trader_daily_usd_limit,
            limits=limits,
        )

    def _check_prices(self, deciding: Deciding) -> None:
        """A limit in dollars stops nobody whose tokens have no price."""
        everybodys = self._desk.llm.budget or Budget()
        limits = (self._entry.budget.daily_usd_limit, everybodys.trader_daily_usd_limit, everybodys.daily_usd_limit)
        if deciding.model is None or not any(limits):
            return
        for name in unpriced(self._desk.llm, deciding.model):
            self._noted(
                "llm",
                f"models.{name}.prices",
                "leaves out a price: no limit in USD would ever stop it; input_usd and output_usd, 0 where it is free",
            )

    def _fault(self, key: str, message: str) -> None:
        self._noted("manager", f"{self._path}.{key}", message)

    def _named(self, key: str, written: str, default: str, section: str) -> str:
        """The provider that the entry or else the file's default names."""
        name = written or default
        declared = self._desk.declared[section]
        if not name:
            self._fault(key, f"is missing, and {section}.yaml names no default; known: {', '.join(declared)}")
        elif name not in declared:
            self._fault(key, f"was {name!r}; known: {', '.join(declared)}")
        else:
            self.used.append(f"{section}.{name}")
        return name

    def _exchange(self) -> tuple[str, Exchange | None]:
        desk = self._desk
        name = self._named("exchange_provider", self._entry.exchange_provider, desk.default_exchange, "exchange")
        exchange = desk.exchanges.get(name)
        if exchange is None or isinstance(exchange, SimExchange):
            return name, exchange
        forbidden = _forbidden(desk.root.env, exchange)
        simulated = [other for other, known in desk.exchanges.items() if isinstance(known, SimExchange)]
        kind = exchange.__struct_config__.tag
        self._fault(
            "exchange_provider",
            f"was {name!r}, {forbidden or f'a venue of type {kind}, which this version cannot trade at'}; "
            f"simulated accounts: {', '.join(simulated) or 'none'}",
        )
        return name, exchange

    def _market(self) -> tuple[str, Market | None]:
        desk = self._desk
        name = self._named("market_provider", self._entry.market_provider, desk.default_market, "market")
        market = desk.markets.get(name)
        if isinstance(market, HistoryMarket) and not market.folder.is_dir():
            self._noted("market", f"providers.{name}.folder", f"is {market.folder}, where there is no folder")
        if market is not None and not isinstance(market, SyntheticMarket | HistoryMarket):
            offline = [o for o, known in desk.markets.items() if isinstance(known, SyntheticMarket | HistoryMarket)]
            self._fault(
                "market_provider",
                f"was {name!r}, a market of type {market.__struct_config__.tag}, which this version cannot read; "
                f"synthetic and recorded markets: {', '.join(offline) or 'none'}",
            )
        return name, market

    def _templates(self, deciding: Deciding) -> dict[str, Path]:
        entry, folder = self._entry, self._desk.manager_folder
        written = {
            key: getattr(entry, key) for key in ("prompt_template", "executor_prompt_template", "user_prompt_template")
        }
        if deciding.kind is not None and not deciding.asks_model:
            for key, path in written.items():
                if path is not None:
                    self._fault(key, "has no effect: this trader asks no model, and nobody reads it; leave it out")
            return {}
        written["executor_prompt_template"] = entry.executor_prompt_template or rooted(
            SELECTOR_TEMPLATE if deciding.kind == "selector" else SYSTEM_TEMPLATE, folder
        )
        written["user_prompt_template"] = entry.user_prompt_template or rooted(USER_TEMPLATE, folder)
        found = {key: path for key, path in written.items() if path is not None}
        for key, path in found.items():
            self._check_template(key, path)
        return found

    def _check_template(self, key: str, path: Path) -> None:
        try:
            header = path.read_bytes()[:_HEADER_CHARACTERS].decode(errors="replace")
        except OSError:
            self._fault(key, f"is {path}, where there is no file that can be read")
            return
        validation, wanted = self._desk.executor.prompt_validation, self._desk.executor.prompt_schema_version
        version = _VERSION.search(header)
        if version is None and (validation.require_version_header or validation.strict_mode):
            self._fault(
                key, f"is {path}, which has no 'Version:' header, and executor.yaml prompt_validation asks for one"
            )
        elif version is not None and validation.strict_mode and version[1] != wanted:
            self._fault(key, f"is {path}, version {version[1]}; executor.yaml prompt_schema_version is {wanted!r}")

    def _coins(self, market: Market, exchange: Exchange | None) -> tuple[str, ...]:
        written = self._entry.coins
        for index, coin in enumerate(written):
            if coin not in market.coins:
                self._fault(f"coins[{index}]", f"was {coin!r}; its market knows: {', '.join(market.coins)}")
            elif coin in written[:index]:
                self._fault(f"coins[{index}]", f"was {coin!r}, which stands there already")
        coins = written or market.coins
        if isinstance(exchange, SimExchange):
            unknown = [coin for coin in coins if coin in market.coins and coin not in tradable(exchange)]
            if unknown:
                self._fault("coins", f"hold {', '.join(unknown)}, for which the simulated venue has no instrument")
        return coins

    def _check_intervals(self, market: Market, interval_ms: int, selector: SelectorSettings | None) -> None:
        bar = bar_ms(market)
        for key, length_ms in (
            ("decision_interval", interval_ms),
            ("series_interval", self._entry.series_interval_ms),
            ("long_interval", self._entry.long_interval_ms),
        ):
            if length_ms % bar:
                self._fault(
                    key, f"is {format_duration(length_ms)}, no multiple of its market's bars of {format_duration(bar)}"
                )

        regime_ms = 0 if selector is None else selector.library.file.regime_interval_ms
        if regime_ms % bar:
            told = f"tells regimes by bars of {format_duration(regime_ms)}"
            self._fault("selector.library", f"{told}, no multiple of its market's bars of {format_duration(bar)}")
        if selector is not None and selector.reweigh_ms < interval_ms:
            told = f"is {format_duration(selector.reweigh_ms)}, shorter than its decision_interval"
            self._fault("selector.reweigh_interval", f"{told} of {format_duration(interval_ms)}")

    def _check_limits(self, limits: Limits) -> None:
        """Limits that could never bind are no limits: they are refused."""
        exits = limits.stop_loss_enabled and limits.take_profit_enabled
        if limits.min_risk_reward_ratio is not None and not exits:
            self._fault(
                "risk_params.min_risk_reward_ratio",
                f"is {limits.min_risk_reward_ratio} and needs stop_loss_enabled and take_profit_enabled; set it to 0",
            )
        if limits.max_risk_per_trade_pct is not None and not limits.stop_loss_enabled:
            self._fault(
                "risk_params.max_risk_per_trade_pct",
                f"is {limits.max_risk_per_trade_pct} and needs stop_loss_enabled; set it to 0",
            )
        for group in ("btceth", "alt"):
            low = getattr(limits, f"{group}_position_value_min_equity_multiple")
            high = getattr(limits, f"{group}_position_value_max_equity_multiple")
            if low is not None and high is not None and low > high:
                self._fault(
                    f"exec_guards.{group}_position_value_min_equity_multiple", f"is {low}, above the maximum of {high}"
                )
        if limits.sharpe_pause_threshold is not None and not limits.pause_ms:
            self._fault(
                "exec_guards.sharpe_pause_threshold",
                "has no effect without pause_duration_on_breach: set that as well, or this to 0",
            )

    def _check_lacks(self, name: str, market: Market, limits: Limits) -> None:
        if limits.liquidity_threshold_usd is not None and "open_interest" in LACKS[type(market)]:
            self._fault(
                "exec_guards.liquidity_threshold_usd",
                f"is {limits.liquidity_threshold_usd}, and market {name!r} never has open_interest; "
                "set it to 0 or enable_liquidity_guard to false",
            )


def tradable(exchange: SimExchange) -> tuple[str, ...]:
    """The coins for which a simulated venue has instruments; the table's own faults are found where it is checked."""
    try:
        return tuple(instrument_table(exchange.sim.instruments))
    except InstrumentFault:
        return tuple(instrument_table())


def _forbidden(env: Environment, exchange: Exchange) -> str:
    """Why this environment forbids the venue; empty when it does not."""
    venue = venue_of(exchange)
    if venue == "real" and env != "prod":
        return f"a venue with real money, which Env: {env} forbids"
    if venue == "testnet" and env == "test":
        return "a testnet, which Env: test forbids (dev allows it)"
    return ""
