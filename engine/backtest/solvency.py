"""Solvency: until which bar no virtual account can come near liquidation, so that it need not be computed at each."""

from collections.abc import Mapping
from functools import partial

from engine.manager.arena import Arena
from engine.manager.desk import Desk
from engine.manager.feed import mark_of
from engine.market.bars import Bars
from engine.market.touch import Extremes
from engine.model.account import account_liquidation_price
from engine.model.ids import TraderId

BLOCK = 256


class Solvency:
    """Keeps, per trader, the row up to which its account is safe whatever the bars do; rows index the span.

    A cross account with equity E, gross notional G and maintenance M stays solvent while no coin moves by more than
    x = (E - M) / (G + M) from where it is: its loss is at most xG, and M grows at most to (1 + x)M.
    """

    def __init__(self, arena: Arena, bars: Mapping[str, Bars]) -> None:
        self._arena = arena
        self._opens = {coin: of_coin.open.data for coin, of_coin in bars.items()}
        self._lows = {coin: of_coin.low.data for coin, of_coin in bars.items()}
        self._highs = {coin: of_coin.high.data for coin, of_coin in bars.items()}
        self._extremes = {coin: Extremes(of_coin) for coin, of_coin in bars.items()}
        self._count = max((len(of_coin) for of_coin in bars.values()), default=0)
        self._check: dict[TraderId, int] = {}
        self._blocks: dict[tuple[str, int], tuple[float, float]] = {}

    def next_row(self) -> int:
        """The first row in which some account must be looked at; the count of rows when none must."""
        return min(self._check.values(), default=self._count)

    def due(self, row: int) -> list[TraderId]:
        """The traders whose accounts must be looked at in ``row``."""
        return [trader for trader, at in self._check.items() if at <= row]

    def update(self, desk: Desk, row: int) -> None:
        """Find anew until when a trader is safe, its positions being as they are at the open of ``row``."""
        account = self._arena.state.accounts[desk.account].book.traders[desk.trader]
        if not account.positions or row >= self._count:
            self._check.pop(desk.trader, None)
            return
        equity = float(account.cash_usd)
        gross = maintenance = 0.0
        move = 0.0
        end = min(row - row % BLOCK + BLOCK, self._count)
        isolated = False
        for coin, position in account.positions.items():
            price = self._opens[coin][row]
            quantity = float(position.quantity)
            notional = abs(quantity) * price
            equity += quantity * price - float(position.cost_usd)
            gross += notional
            maintenance += notional / (2 * desk.instruments[coin].tiers[-1].max_leverage)
            isolated = isolated or position.mode == "isolated"
            low, high = self._block(coin, row // BLOCK)
            move = max(move, high / price - 1, 1 - low / price)
        room = (equity - maintenance) / (gross + maintenance)
        safe = move < room * 0.999 and not isolated
        self._check[desk.trader] = end if safe else row

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

    def _block(self, coin: str, block: int) -> tuple[float, float]:
        key = (coin, block)
        known = self._blocks.get(key)
        if known is None:
            first = block * BLOCK
            known = self._extremes[coin].over(first, min(first + BLOCK, self._count))
            self._blocks[key] = known
        return known
