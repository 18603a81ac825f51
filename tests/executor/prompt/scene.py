"""A fixed slot to render: one trader with a position, a plan and a trade behind it, on two coins with whole columns."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import structs

from engine.executor.context import Context
from engine.executor.limits import AccountLimits, Limits
from engine.executor.prompt import PromptSet, Template, prompt_columns
from engine.model.account import Account
from engine.model.book import Book
from engine.model.decision import ExitPlan
from engine.model.ids import AccountId, TraderId
from engine.model.instrument import hyperliquid_instrument
from engine.model.lesson import Lesson, lesson_of
from engine.model.market import CoinSnapshot, Column, Window, snapshot_of
from engine.model.position import Position
from engine.model.standing import DAY_MS, Standing
from engine.model.trade import Trade

PROMPTS = Path(__file__).resolve().parents[3] / "prompts"
MINUTE_MS = 60_000
SERIES_MS, LONG_MS = 3 * MINUTE_MS, 240 * MINUTE_MS
NOW_MS = 1_760_961_600_000  # 2025-10-20 12:00 UTC
START_MS = NOW_MS - 120 * MINUTE_MS
ANN = TraderId("ann")


def prompt_set(strategy: str | None = None) -> PromptSet:
    """The templates that ship."""
    return PromptSet(
        system=Template.load(PROMPTS / "executor" / "default.j2"),
        user=Template.load(PROMPTS / "executor" / "user.j2"),
        strategy=None if strategy is None else Template.load(PROMPTS / "manager" / f"{strategy}.j2"),
    )


def window(coin: str, last_close: float, bars: int = 30) -> Window:
    """Columns in which each can be told from the others: a straight climb of one in a thousand a bar."""
    closes = [last_close * (1 - 0.001 * back) for back in reversed(range(bars))]
    columns: dict[Column, list[float]] = {}
    for place, column in enumerate(prompt_columns(SERIES_MS, LONG_MS)):
        match column.indicator:
            case "close":
                columns[column] = closes
            case "rsi":
                columns[column] = [50.0 + place + 0.1 * bar for bar in range(bars)]
            case "macd":
                columns[column] = [last_close * 0.0001 * (place + bar) for bar in range(bars)]
            case "atr":
                columns[column] = [last_close * 0.01 / column.period] * bars
            case "volume" | "volume_average":
                columns[column] = [120.0 + place] * bars
            case _:
                columns[column] = [close * (1 - 0.0001 * column.period) for close in closes]
    return Window(coin, columns, bars - 1)


def coin(name: str, mark: str, **fields: Any) -> CoinSnapshot:
    """A coin with every number that a market may have."""
    whole: dict[str, Any] = {
        "coin": name,
        "price_ms": NOW_MS,
        "mark": Decimal(mark),
        "mid": Decimal(mark),
        "funding_rate": Decimal("0.0000125"),
        "open_interest": 25_000.0,
        "open_interest_average": 24_800.5,
        "volume": 120.0,
        "volume_average": 96.5,
        "day_volume_usd": 1_234_567_890.0,
        "change_1h": 0.0052,
        "change_4h": -0.0125,
    }
    return CoinSnapshot(**{**whole, **fields})


def short_eth(entry: str = "4000", leverage: int = 10) -> Position:
    """Half an ETH sold short, an hour ago."""
    return Position(
        coin="ETH",
        quantity=Decimal("-0.5"),
        cost_usd=Decimal("-0.5") * Decimal(entry),
        leverage=leverage,
        opened_ms=NOW_MS - 60 * MINUTE_MS,
    )


def trade() -> Trade:
    """A BTC long that hit its target: 0.01 from 108,000 to 109,500, for 15 USD less 0.98 USD of fees."""
    return Trade(
        coin="BTC",
        quantity=Decimal("0.01"),
        entry_notional_usd=Decimal(1080),
        exit_notional_usd=Decimal(1095),
        entry_ms=NOW_MS - 100 * MINUTE_MS,
        exit_ms=NOW_MS - 70 * MINUTE_MS,
        entry_fee_usd=Decimal("0.486"),
        exit_fee_usd=Decimal("0.494"),
        funding_usd=Decimal(0),
        leverage=5,
        entry_order_id=1,
        exit_order_id=2,
        entry_trade_id="1",
        exit_trade_id="2",
        entry_crossed=True,
        exit_crossed=True,
        liquidation=False,
        reason="take_profit",
    )


def lesson() -> Lesson:
    """What that trade taught: 10 USD were risked for 15 USD, and the target came."""
    plan = ExitPlan(
        stop_loss=Decimal(107_000),
        profit_target=Decimal(109_500),
        justification="RSI14 turned up from 38 while the longer term rises",
        risk_usd=Decimal(10),
        confidence=0.7,
    )
    return lesson_of(trade(), plan)


def context(**changes: Any) -> Context:
    """The scene: 10,000 USD of capital, ETH short at 4,000 with the mark at 4,200, a BTC trade won."""
    account = Account(
        trader=ANN,
        capital_usd=Decimal(10_000),
        realized_usd=Decimal(15),
        fees_usd=Decimal("1.88"),
        funding_usd=Decimal("0.25"),
        units=Decimal(10_000),
        positions={"ETH": short_eth()},
    )
    scene = Context(
        trader=ANN,
        slot_ms=NOW_MS,
        now_ms=NOW_MS,
        interval_ms=SERIES_MS,
        coins=("BTC", "ETH"),
        instruments={"BTC": hyperliquid_instrument("BTC", 5, 40), "ETH": hyperliquid_instrument("ETH", 4, 25)},
        market=snapshot_of(
            NOW_MS,
            [coin("BTC", "110000"), coin("ETH", "4200")],
            {"BTC": window("BTC", 110_000.0), "ETH": window("ETH", 4_200.0)},
        ),
        account=account,
        known_equity_usd=Decimal("9913.37"),
        plans={
            "ETH": ExitPlan(
                stop_loss=Decimal(4300),
                profit_target=Decimal(3500),
                invalidation_condition="a daily close above 4250",
                risk_usd=Decimal(150),
                confidence=0.8,
            )
        },
        standing=Standing(
            started_ms=START_MS,
            slots=40,
            closed_ms={"BTC": NOW_MS - 70 * MINUTE_MS},
            day=NOW_MS // DAY_MS,
            day_turnover_usd=Decimal(4175),
            day_fees_usd=Decimal("1.88"),
            day_opens=2,
            trades=1,
            wins=1,
        ),
        limits=Limits(cooldown_ms=90 * MINUTE_MS),
        account_limits=AccountLimits(),
        book=Book(account=AccountId("sim")),
        recent_trades=(trade(),),
        lessons=(lesson(),),
    )
    return structs.replace(scene, **changes)
