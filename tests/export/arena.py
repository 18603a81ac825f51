"""A tiny arena that is told record by record: fold, then projection, as the recorder does it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from engine.export.projection import Projection
from engine.manager import record as r
from engine.manager.fold import apply
from engine.manager.state import State
from engine.model.decision import Decision, ExitPlan, Verdict
from engine.model.instrument import Instrument, hyperliquid_instrument
from engine.model.order import Envelope, Fill, Order, Side

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_760_054_400_000  # 2025-10-10 00:00 UTC
INSTRUMENTS: dict[str, Instrument] = {
    "BTC": hyperliquid_instrument("BTC", 5, 40),
    "ETH": hyperliquid_instrument("ETH", 4, 25),
}


def terms(trader: str, *, kind: Any = "direct", benchmark: bool = False, account: str = "sim") -> r.TraderTerms:
    return r.TraderTerms(
        trader=trader,
        name=trader,
        account=account,
        kind=kind,
        decider=trader,
        interval_ms=180_000,
        benchmark=benchmark,
    )


class Arena:
    """Says records at the instant ``now_ms``, which the test moves; remembers every entry."""

    def __init__(self, *traders: r.TraderTerms) -> None:
        self.now_ms = START_MS
        self.state = State()
        self.entries: list[r.Entry] = []
        self.projection = self.new_projection(self.state)
        self._orders = 0
        self.say(r.Configured(config="", version=1, traders=traders))

    def new_projection(self, state: State) -> Projection:
        return Projection(state, instruments={"sim": INSTRUMENTS})

    def say(self, record: r.Record, trader: str | None = None) -> None:
        entry = r.Entry(seq=len(self.entries) + 1, ts=self.now_ms, trader=trader, record=record)
        self.entries.append(entry)
        apply(self.state, entry)
        self.projection.entry(entry)

    def fund(self, trader: str, usd: int, *, equity_before: int = 0, account: str = "sim") -> None:
        self.say(
            r.Transferred(
                account=account,
                source="reserve",
                target=trader,
                usd=Decimal(usd),
                target_equity_usd=Decimal(equity_before),
                why="test",
            )
        )

    def price(self, **prices: float) -> None:
        self.say(r.Priced(prices={coin: Decimal(str(price)) for coin, price in prices.items()}))

    def fill(
        self,
        trader: str,
        coin: str,
        quantity: float,
        price: float,
        *,
        fee: float = 0,
        leverage: int = 1,
        plan: ExitPlan | None = None,
        cause: r.Cause = "decision",
        account: str = "sim",
    ) -> None:
        """An order and its only fill; ``quantity`` is signed."""
        self._orders += 1
        order_id = f"0x{self._orders:032x}"
        side: Side = "buy" if quantity > 0 else "sell"
        size = Decimal(str(abs(quantity)))
        order = Order(
            client_order_id=order_id,
            coin=coin,
            side=side,
            quantity=size,
            style="market_ioc",
            limit_price=Decimal(str(price)),
        )
        self.say(
            r.Intended(
                account=account,
                client_order_id=order_id,
                cause=cause,
                reference="",
                envelope=Envelope(action=order, nonce=self._orders),
                leverage=leverage,
                plan=plan,
            ),
            trader,
        )
        fill = Fill(
            trade_id=str(1000 + self._orders),
            order_id=self._orders,
            client_order_id=order_id,
            coin=coin,
            side=side,
            quantity=size,
            price=Decimal(str(price)),
            fee_usd=Decimal(str(fee)),
            time_ms=self.now_ms,
        )
        self.say(r.Filled(account=account, fill=fill), trader)

    def mark(self, trader: str, equity: float, unrealized: float = 0, **prices: float) -> None:
        self.say(
            r.Marked(
                equity_usd=Decimal(str(equity)),
                unrealized_usd=Decimal(str(unrealized)),
                margin_used_usd=Decimal(0),
                nav=0.0,
                prices={coin: Decimal(str(price)) for coin, price in prices.items()},
            ),
            trader,
        )

    def slot(
        self,
        trader: str,
        *decisions: Decision,
        raw: str = "",
        verdicts: Sequence[Verdict] = (),
        prompt: str = "",
        summary: str = "",
        thoughts: str = "",
        outcome: r.Outcome = "acted",
        why: str = "",
    ) -> None:
        """One slot from opening to outcome, within a second; ``raw`` is a model's reply."""
        slot_ms = self.now_ms
        self.say(r.SlotOpened(slot_ms=slot_ms), trader)
        self.now_ms += 1000
        if raw:
            self.say(r.Answered(slot_ms=slot_ms, model="some-model", raw=raw), trader)
        self.say(
            r.Planned(
                slot_ms=slot_ms,
                first_look=slot_ms,
                second_look=self.now_ms,
                decisions=decisions,
                verdicts=tuple(verdicts),
                prompt=prompt,
                summary=summary,
                thoughts=thoughts,
            ),
            trader,
        )
        self.say(r.SlotClosed(slot_ms=slot_ms, outcome=outcome, why=why), trader)

    def hours(self, count: int) -> None:
        self.now_ms += count * HOUR_MS

    def document(self, name: str) -> Any:
        return msgspec.json.decode(self.projection.documents()[name])

    def totals(self, trader: str) -> list[dict[str, Any]]:
        """The rows of one trader in account-totals, in their order."""
        return [row for row in self.document("account-totals")["accountTotals"] if row["model_id"] == trader]

    def newest(self, trader: str) -> dict[str, Any]:
        return self.totals(trader)[-1]


def two_models() -> Arena:
    """``alpha`` with 10,000 USD and ``beta`` with 5,000, BTC at 100 and ETH at 10."""
    arena = Arena(terms("alpha"), terms("beta"))
    arena.fund("alpha", 10_000)
    arena.fund("beta", 5_000)
    arena.price(BTC=100, ETH=10)
    return arena


def eventful(hours: int) -> Arena:
    """Two models, a strategy and a benchmark: trades of both sides, funding, transfers, conversations in every hour."""
    arena = Arena(terms("alpha"), terms("beta"), terms("rules", kind="strategy"), terms("cash", benchmark=True))
    for trader, usd in (("alpha", 10_000), ("beta", 5_000), ("rules", 2_000), ("cash", 1_000)):
        arena.fund(trader, usd)
    plan = ExitPlan(stop_loss=Decimal(90), profit_target=Decimal(120), confidence=0.7)
    for hour in range(hours):
        price = 100 + hour * 7 % 13
        arena.price(BTC=price, ETH=price / 10)
        if hour == 3:
            arena.fund("beta", 2_500, equity_before=5_000)
        buys = Decision(symbol="BTC", signal="buy_to_enter", quantity=Decimal(1), leverage=3, confidence=0.6)
        sells = Decision(symbol="ETH", signal="close", confidence=0.4)
        arena.slot("alpha", buys, raw="{}", summary="Up.", thoughts="Because.")
        arena.slot("rules", sells)
        arena.fill("alpha", "BTC", 1, price, fee=0.05, leverage=3, plan=plan)
        arena.fill("beta", "ETH", -2, price / 10, fee=0.01)
        arena.now_ms += HOUR_MS // 2
        arena.price(BTC=price + 3, ETH=price / 10 + 1)
        arena.fill("beta", "ETH", 2, price / 10 + 1, fee=0.01)
        if hour % 2:
            arena.fill("alpha", "BTC", -2, price + 3, fee=0.1, cause="target")
        arena.say(
            r.Funded(
                account="sim",
                coin="BTC",
                time_ms=arena.now_ms,
                total_usd=Decimal("-0.01"),
                shares={"alpha": Decimal("-0.01")},
                house_usd=Decimal(0),
            )
        )
        arena.now_ms = START_MS + (hour + 1) * HOUR_MS
    return arena
