"""What a trader is worth on the wire, where everybody starts with 10,000 USD whatever capital is really behind it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from engine.model.account import Account
from engine.model.position import ZERO

START_USD = Decimal(10_000)
MICRO_DOLLAR = Decimal("0.000001")  # the quantum of money on the wire, as on nof1

Mark = Callable[[str], Decimal]


class Worth(Struct, frozen=True, kw_only=True, gc=False):
    """One trader at one instant, USD on the wire's scale, whole micro-dollars."""

    equity_usd: Decimal
    unrealized_usd: Decimal

    @property
    def realized_usd(self) -> Decimal:
        """Everything that is not unrealised: closed profit, fees paid (also of what is still open), funding."""
        return self.equity_usd - START_USD - self.unrealized_usd


def scale_of(account: Account) -> Decimal:
    """Wire dollars per dollar of the account: 10,000 over its units, 0 before it holds any.

    The first money in an account buys one unit a dollar, so this is 10,000 over the starting capital until capital is
    moved in or out. Then units are bought or redeemed at net asset value: equity on the wire does not jump, and
    positions and later trades keep their proportion to it.
    """
    return START_USD / account.units if account.units > 0 else ZERO


def worth_of(account: Account, mark: Mark) -> Worth:
    """The account's worth at the given marks; the account has units."""
    unrealized = ZERO
    for held in account.positions.values():
        unrealized += held.quantity * mark(held.coin) - held.cost_usd
    return worth_at(account, account.cash_usd + unrealized, unrealized)


def worth_at(account: Account, equity_usd: Decimal, unrealized_usd: Decimal) -> Worth:
    """The worth of an account whose own figures are known."""
    scale = scale_of(account)
    return Worth(equity_usd=wire_usd(equity_usd * scale), unrealized_usd=wire_usd(unrealized_usd * scale))


def wire_usd(amount: Decimal) -> Decimal:
    """To the micro-dollar, half to even: sums of such amounts are exact in the decimals that travel."""
    return amount.quantize(MICRO_DOLLAR, rounding=ROUND_HALF_EVEN)


class Marks:
    """The latest known price of every coin, and those at which each trader was last marked."""

    def __init__(self) -> None:
        self.coins: dict[str, tuple[Decimal, int]] = {}
        self._own: dict[str, tuple[Mapping[str, Decimal], int]] = {}

    def take(self, prices: Mapping[str, Decimal], at_ms: int) -> None:
        """Prices of the arena; what is not a price is left out."""
        for coin, price in prices.items():
            if price.is_finite() and price > 0:
                self.coins[coin] = (price, at_ms)

    def take_own(self, trader: str, prices: Mapping[str, Decimal], at_ms: int) -> None:
        """Prices at which a trader was marked on its own venue."""
        self._own[trader] = (prices, at_ms)

    def of(self, account: Account) -> Mark:
        """The mark of a coin that this account holds: its own unless the arena's is newer, else its entry price."""
        own, own_ms = self._own.get(account.trader, ({}, -1))

        def mark(coin: str) -> Decimal:
            mine = own.get(coin)
            shared = self.coins.get(coin)
            if shared is not None and (mine is None or shared[1] > own_ms):
                return shared[0]
            return mine if mine is not None else account.positions[coin].entry_price

        return mark


def seconds(at_ms: int) -> float:
    """The wire's unit of time."""
    return at_ms / 1000


def human_time(at_ms: int) -> str:
    """``2025-10-25 19:03:11.842000``, UTC."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{at_ms % 1000:03d}000"
