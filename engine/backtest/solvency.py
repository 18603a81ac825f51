"""Solvency: until which bar no account can come near liquidation, so that it need not be worked out at each."""

from collections.abc import Mapping
from functools import partial

from engine.manager.arena import Arena
from engine.manager.desk import Desk
from engine.manager.feed import mark_of
from engine.market.bars import Bars
from engine.market.touch import Extremes
from engine.model.account import Account, account_liquidation_price
from engine.model.book import Book
from engine.model.ids import AccountId
from engine.model.instrument import Instrument

BLOCK = 256  # bars for which a promise is made at most
MARGIN = 0.95  # of what the bound below allows: floats, fees and funding are small beside the rest


class Solvency:
    """For one venue account and its traders: a promise that nobody is liquidated up to a bar. Rows index the span.

    From an anchor on, let r be the largest relative move of any coin up to the promised bar, m the highest maintenance
    rate, E an account's equity, G its gross notional and N everything traded since. Whatever is held in between has
    lost at most 2r of its value, and at most G + N is held, so that E - 2r(G + N) > m(1 + 2r)(G + N) keeps the account.
    The promise therefore holds until the bar, or until N has used up the room, whichever comes first.
    """

    def __init__(self, arena: Arena, account: AccountId, bars: Mapping[str, Bars]) -> None:
        self.account = account
        self.until_row = 0
        self.calm = False
        self._arena = arena
        self._opens = {coin: of_coin.open.data for coin, of_coin in bars.items()}
        self._lows = {coin: of_coin.low.data for coin, of_coin in bars.items()}
        self._highs = {coin: of_coin.high.data for coin, of_coin in bars.items()}
        self._extremes = {coin: Extremes(of_coin) for coin, of_coin in bars.items()}
        self._count = max((len(of_coin) for of_coin in bars.values()), default=0)
        self._gateway = arena.gateways[account]
        self._instruments = self._gateway.exchange.instruments
        self._traded_usd = 0.0

    def holds(self, row: int) -> bool:
        """Whether the promise still covers everything up to the open of ``row``."""
        return self.calm and row <= self.until_row and self._gateway.traded_usd <= self._traded_usd

    def anchor(self, row: int) -> None:
        """Make a new promise from the open of ``row`` on, the accounts being as they are."""
        self.until_row = min(row - row % BLOCK + BLOCK, self._count)
        self.calm = False
        if row >= self._count:
            return
        book = self._arena.state.accounts[self.account].book
        held = dict.fromkeys(coin for account in book.accounts() for coin in account.positions)
        if not held:
            self.calm = True
            self._traded_usd = self._gateway.traded_usd
            return
        move = max(self._move(coin, row) for coin in self._opens)
        rate = max(_maintenance_rate(instrument) for instrument in self._instruments.values())
        loss = 2 * move + rate * (1 + 2 * move)
        prices = {coin: self._opens[coin][row] for coin in held}
        room = min(equity / loss - gross for equity, gross in _worths(book, prices)) * MARGIN
        if room > 0:
            self.calm = True
            self._traded_usd = self._gateway.traded_usd + room

    def adverse(self, desk: Desk, row: int) -> list[tuple[str, float]]:
        """The coins whose bar goes beyond the price at which the account would be liquidated, with the bar's extreme.

        One coin moves at a time, the others standing at their open: the adverse extremes of all coins need not fall
        together.
        """
        arena = self._arena
        account = arena.state.accounts[desk.account].book.traders[desk.trader]
        snapshot = desk.feed.look(arena.recorder.clock.now_ms())
        found: list[tuple[str, float]] = []
        for coin, position in account.positions.items():
            price = account_liquidation_price(account, coin, partial(mark_of, snapshot), desk.instruments)
            if price is None:
                continue
            level, low, high = float(price), self._lows[coin][row], self._highs[coin][row]
            if position.is_long and low < level:
                found.append((coin, low))
            elif not position.is_long and high > level:
                found.append((coin, high))
        return found

    def _move(self, coin: str, row: int) -> float:
        price = self._opens[coin][row]
        low, high = self._extremes[coin].over(row, self.until_row)
        if not price > 0 or not low > 0:
            return float("inf")
        return max(high / price - 1, 1 - low / price)


def _maintenance_rate(instrument: Instrument) -> float:
    return max(1 / (2 * tier.max_leverage) for tier in instrument.tiers)


def _worths(book: Book, prices: Mapping[str, float]) -> list[tuple[float, float]]:
    """Equity and gross notional of every account that holds something, and of the venue account as a whole."""
    found: list[tuple[float, float]] = []
    total, net = float(book.reserve_usd), dict.fromkeys(prices, 0.0)
    for account in book.accounts():
        equity, gross = float(account.cash_usd), 0.0
        for coin, position in account.positions.items():
            quantity = float(position.quantity)
            equity += quantity * prices[coin] - float(position.cost_usd)
            gross += abs(quantity) * prices[coin]
            net[coin] += quantity
        total += equity
        if gross:
            found.append((_own(account, equity), gross))
    found.append((total, sum(abs(quantity) * prices[coin] for coin, quantity in net.items())))
    return found


def _own(account: Account, equity: float) -> float:
    """What stands behind an account's positions; an isolated one may fall by itself, so then nothing is promised."""
    return equity if all(position.mode == "cross" for position in account.positions.values()) else 0.0
