"""Small documents that can be checked by head, and a published folder made of them."""

from pathlib import Path
from typing import Literal

from api.handoff.analytics import model_analytics
from api.handoff.generation import JournalHead, Publisher
from api.handoff.schema import (
    AccountTotal,
    AccountTotals,
    Analytics,
    CoinDecision,
    CoinPrice,
    Conversation,
    Conversations,
    CryptoPrices,
    Leaderboard,
    LeaderboardRow,
    ModelPositions,
    Position,
    Positions,
    SinceInceptionValue,
    SinceInceptionValues,
    Trade,
    Trades,
)
from api.handoff.wire import Wire, encode

INCEPTION_S = 1_760_000_000.0
HEAD = JournalHead(seq=41, hash="ab" * 32)
MODELS = ("gpt-5", "qwen3-max", "buynhold_btc")


def a_trade(
    *,
    id: str = "gpt-5_1",
    model_id: str = "gpt-5",
    side: Literal["long", "short"] = "long",
    quantity: float = 1,
    entry_price: float = 100,
    entry_time: float = INCEPTION_S,
    exit_time: float = INCEPTION_S + 3600,
    gross: float = 10,
    fee: float = 1,
    net: float = 9,
) -> Trade:
    return Trade(
        id=id,
        trade_id=f"{entry_time}_BTC_{exit_time}_{model_id}",
        model_id=model_id,
        symbol="BTC",
        side=side,
        trade_type=side,
        quantity=quantity,
        leverage=10,
        confidence=0.7,
        entry_price=entry_price,
        entry_time=entry_time,
        entry_human_time="2025-10-09 08:53:20.000000",
        entry_sz=abs(quantity),
        entry_oid=1,
        entry_tid=11,
        entry_crossed=True,
        entry_commission_dollars=fee / 2,
        entry_closed_pnl=-fee / 2,
        exit_price=entry_price + gross / quantity,
        exit_time=exit_time,
        exit_human_time="2025-10-09 09:53:20.000000",
        exit_sz=abs(quantity),
        exit_oid=2,
        exit_tid=22,
        exit_crossed=True,
        exit_commission_dollars=fee / 2,
        exit_closed_pnl=gross - fee / 2,
        realized_gross_pnl=gross,
        realized_net_pnl=net,
        total_commission_dollars=fee,
    )


def a_position(symbol: str) -> Position:
    return Position(
        entry_oid=7,
        symbol=symbol,
        entry_time=INCEPTION_S,
        entry_price=100,
        current_price=110,
        quantity=-2,
        leverage=5,
        margin=44,
        unrealized_pnl=-20,
    )


def an_account_total(model_id: str, hour: int, *, positions: dict[str, Position] | None = None) -> AccountTotal:
    return AccountTotal(
        id=f"{model_id}_{hour}",
        model_id=model_id,
        timestamp=INCEPTION_S + hour * 3600,
        dollar_equity=10_000 + hour,
        realized_pnl=hour,
        total_unrealized_pnl=0,
        cum_pnl_pct=hour / 100,
        sharpe_ratio=0,
        since_inception_hourly_marker=hour,
        since_inception_minute_marker=hour * 60,
        positions=positions or {},
    )


def account_totals(hours: int) -> AccountTotals:
    """Three models, ``hours`` hours each from marker 0 on, in the order of time; the newest rows hold positions."""
    held = {"BTC": a_position("BTC"), "ETH": a_position("ETH")}
    rows = [
        an_account_total(model, hour, positions=held if hour == hours - 1 and model != "buynhold_btc" else None)
        for hour in range(hours)
        for model in MODELS
    ]
    return AccountTotals(account_totals=tuple(rows), last_hourly_marker_read=hours - 1)


def wire_documents(*, hours: int = 4, price: float = 111_317.5) -> dict[str, Wire]:
    """All eight documents, telling apart one set from another by ``price``."""
    trades = (a_trade(), a_trade(id="gpt-5_2", side="short", quantity=-1, gross=-10, net=-11))
    held = {"BTC": a_position("BTC"), "ETH": a_position("ETH")}
    return {
        "crypto-prices": CryptoPrices(
            prices={"BTC": CoinPrice(symbol="BTC", price=price, timestamp=1_760_000_000_000)}
        ),
        "account-totals": account_totals(hours),
        "trades": Trades(trades=trades),
        "leaderboard": Leaderboard(leaderboard=(a_leaderboard_row(),)),
        "analytics": Analytics(
            analytics=tuple(model_analytics(model, INCEPTION_S, trades, [], []) for model in MODELS[:2])
        ),
        "conversations": Conversations(conversations=(a_conversation(),)),
        "positions": Positions(
            account_totals=tuple(ModelPositions(id=model, model_id=model, positions=held) for model in MODELS[:2])
        ),
        "since-inception-values": SinceInceptionValues(
            since_inception_values=(SinceInceptionValue(id="1", model_id="gpt-5", inception_date=INCEPTION_S),)
        ),
    }


def documents(*, hours: int = 4, price: float = 111_317.5) -> dict[str, bytes]:
    return {name: encode(document) for name, document in wire_documents(hours=hours, price=price).items()}


def published(folder: Path, *, now_ms: int = 1_760_000_000_000) -> Path:
    Publisher(folder).publish(documents(), HEAD, now_ms)
    return folder


def a_leaderboard_row() -> LeaderboardRow:
    return LeaderboardRow(
        id="gpt-5",
        num_trades=2,
        sharpe=0,
        win_dollars=9,
        num_losses=1,
        lose_dollars=-11,
        return_pct=-0.02,
        equity=9998,
        num_wins=1,
        model_cost_dollars=0.5,
        equity_after_model_cost=9997.5,
        return_pct_after_model_cost=-0.03,
        num_swapped_replies=0,
        stand_in="",
    )


def a_conversation() -> Conversation:
    return Conversation(
        id="gpt-5_1760000000.0",
        model_id="gpt-5",
        timestamp=INCEPTION_S,
        inserted_at=INCEPTION_S,
        run_id="20251009085320",
        cycle_id=1,
        cot_trace_summary="BTC looks strong.",
        user_prompt="It has been 3 minutes.",
        cot_trace="First the trend.",
        llm_response={"BTC": CoinDecision(coin="BTC", signal="hold", confidence=0.7)},
    )
