"""Solvency: until which bar no account can come near liquidation, so that it need not be worked out at each."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial

import numpy as np

from engine.manager.arena import Arena
from engine.manager.desk import Desk
from engine.manager.feed import mark_of
from engine.market.bars import Bars, Floats
from engine.model.account import Account, account_liquidation_price
from engine.model.book import Book
from engine.model.ids import AccountId
from engine.model.instrument import Instrument
from engine.model.position import ZERO

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
        self._moves: memoryview = np.maximum.reduce([moves_ahead(of_coin) for of_coin in bars.values()]).data
        self._count = max((len(of_coin) for of_coin in bars.values()), default=0)
        self.gateway = arena.gateways[account]
        self._instruments = self.gateway.exchange.instruments
        self._traded_usd = ZERO

    def holds(self, row: int) -> bool:
        """Whether the promise still covers everything up to the open of ``row``."""
        return self.calm and row <= self.until_row and self.gateway.traded_usd <= self._traded_usd

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
            self._traded_usd = self.gateway.traded_usd
            return
        move = self._moves[row]
        rate = max(_maintenance_rate(instrument) for instrument in self._instruments.values())
        loss = 2 * move + rate * (1 + 2 * move)
        prices = {coin: self._opens[coin][row] for coin in held}
        room = min(equity / loss - gross for equity, gross in _worths(book, prices)) * MARGIN
        if room > 0:
            self.calm = True
            self._traded_usd = self.gateway.traded_usd + Decimal(room)

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


def calm_until(promises: Sequence[Solvency]) -> int:
    """The row up to which all promises hold; -1 where one of them could not be made."""
    until = promises[0].until_row
    for promise in promises:
        if not promise.calm:
            return -1
        if promise.until_row < until:
            until = promise.until_row
    return until


def moves_ahead(bars: Bars) -> Floats:
    """How far, as a fraction of its open, the price goes from each bar to the end of the bar's block, in the worse way.

    Infinity where there is no price to measure by, or none in the rest of the block.
    """
    blocks = -(-len(bars) // BLOCK)
    missing = blocks * BLOCK - len(bars)
    lows = np.concatenate((bars.low, np.full(missing, np.nan))).reshape(blocks, BLOCK)
    highs = np.concatenate((bars.high, np.full(missing, np.nan))).reshape(blocks, BLOCK)
    low = np.fmin.accumulate(lows[:, ::-1], axis=1)[:, ::-1].reshape(-1)[: len(bars)]
    high = np.fmax.accumulate(highs[:, ::-1], axis=1)[:, ::-1].reshape(-1)[: len(bars)]
    known = (bars.open > 0) & (low > 0)
    opened = np.where(known, bars.open, 1.0)
    moves: Floats = np.where(known, np.maximum(high / opened - 1, 1 - low / opened), np.inf)
    return moves


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
