"""A trader's virtual account: its own capital, positions, profits and costs, and nobody else's."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec import Struct

from engine.model.ids import TraderId
from engine.model.instrument import Instrument
from engine.model.market import Marks
from engine.model.order import Fill, MarginMode
from engine.model.position import (
    ZERO,
    Position,
    apply_fill,
    initial_margin_usd,
    liquidation_price,
    maintenance_usd,
    notional_usd,
    unrealized_usd,
)

Mark = Callable[[str], Decimal]  # the mark of a coin in USD; asked only for coins that are held


class Account(Struct, frozen=True, kw_only=True, gc=False):
    """The virtual account of one trader on one venue account; every amount in USD.

    cash = capital + realised - fees + funding; equity = cash + unrealised. Model cost is a memo line: it never leaves
    the venue. ``units`` are shares of the account at net asset value: a transfer buys or redeems units, so that
    equity / units measures trading alone.
    """

    trader: TraderId
    capital_usd: Decimal = ZERO
    realized_usd: Decimal = ZERO
    fees_usd: Decimal = ZERO
    funding_usd: Decimal = ZERO
    model_cost_usd: Decimal = ZERO
    units: Decimal = ZERO
    positions: dict[str, Position] = {}

    @property
    def cash_usd(self) -> Decimal:
        """Money that is not bound up in the value of positions."""
        return self.capital_usd + self.realized_usd - self.fees_usd + self.funding_usd


def with_fill(account: Account, fill: Fill, leverage: int, mode: MarginMode = "cross") -> tuple[Account, Decimal]:
    """The account after one of its fills, and the profit the fill realised (fees excluded)."""
    position, realized = apply_fill(
        account.positions.get(fill.coin),
        coin=fill.coin,
        signed_quantity=fill.signed_quantity,
        price=fill.price,
        time_ms=fill.time_ms,
        leverage=leverage,
        mode=mode,
    )
    positions = account.positions.copy()
    if position is None:
        del positions[fill.coin]
    else:
        positions[fill.coin] = position
    after = Account(
        trader=account.trader,
        capital_usd=account.capital_usd,
        realized_usd=account.realized_usd + realized,
        fees_usd=account.fees_usd + fill.fee_usd,
        funding_usd=account.funding_usd,
        model_cost_usd=account.model_cost_usd,
        units=account.units,
        positions=positions,
    )
    return after, realized


def with_funding(account: Account, usd: Decimal) -> Account:
    """The account after funding was received (positive) or paid (negative)."""
    return _changed(account, funding_usd=account.funding_usd + usd)


def with_model_cost(account: Account, usd: Decimal) -> Account:
    """The account after a model was paid for; equity does not change."""
    return _changed(account, model_cost_usd=account.model_cost_usd + usd)


def with_transfer(account: Account, usd: Decimal, equity_before_usd: Decimal) -> Account:
    """The account after capital moved in (positive) or out (negative), its units bought or redeemed at net asset value.

    Money for an account without units or without equity has no such value to go by and buys one unit a dollar.
    """
    if account.units > 0 and equity_before_usd > 0:
        units = account.units + usd * account.units / equity_before_usd
    else:
        units = account.units + usd
    return _changed(account, capital_usd=account.capital_usd + usd, units=units)


def without_position(account: Account, coin: str, price: Decimal) -> tuple[Account, Decimal]:
    """The account after a position was taken from it at a price, and the profit that realised."""
    position = account.positions[coin]
    realized = position.quantity * price - position.cost_usd
    positions = {held: kept for held, kept in account.positions.items() if held != coin}
    return _changed(account, realized_usd=account.realized_usd + realized, positions=positions), realized


class Valuation(Struct, frozen=True, gc=False):
    """What an account is worth at some marks, all of it from one pass over the positions; USD.

    ``gross_usd`` is the sum of the absolute values of all positions.
    """

    equity_usd: Decimal
    unrealized_usd: Decimal
    gross_usd: Decimal


def valued(account: Account, marks: Marks) -> Valuation | None:
    """The account at the marks; ``None`` when a position's coin has none."""
    unrealized = gross = ZERO
    for coin, position in account.positions.items():
        mark = marks[coin]
        if mark is None:
            return None
        worth = position.quantity * mark
        unrealized += worth - position.cost_usd
        gross += abs(worth)
    return Valuation(account.cash_usd + unrealized, unrealized, gross)


def equity_usd(account: Account, mark: Mark) -> Decimal:
    """Cash plus unrealised profit of every position."""
    equity = account.cash_usd
    for position in account.positions.values():
        equity += position.quantity * mark(position.coin) - position.cost_usd
    return equity


def unrealized_total_usd(account: Account, mark: Mark) -> Decimal:
    """Unrealised profit of all positions, fees excluded."""
    return sum((unrealized_usd(held, mark(held.coin)) for held in account.positions.values()), ZERO)


def gross_notional_usd(account: Account, mark: Mark) -> Decimal:
    """Sum of the absolute values of all positions."""
    return sum((notional_usd(held, mark(held.coin)) for held in account.positions.values()), ZERO)


def margin_used_usd(account: Account, mark: Mark) -> Decimal:
    """Initial margin tied up by all positions."""
    return sum((initial_margin_usd(held, mark(held.coin)) for held in account.positions.values()), ZERO)


def maintenance_total_usd(account: Account, mark: Mark, instruments: Mapping[str, Instrument]) -> Decimal:
    """Maintenance margin of all positions."""
    return sum(
        (maintenance_usd(held, mark(held.coin), instruments[held.coin]) for held in account.positions.values()), ZERO
    )


def cross_backing_usd(account: Account, mark: Mark, instruments: Mapping[str, Instrument]) -> Decimal:
    """What stands behind the crossed positions beyond their maintenance margin; below 0 they are liquidated.

    An isolated position has its own margin set aside: neither that nor its profit backs the others.
    """
    backing = account.cash_usd
    for held in account.positions.values():
        at = mark(held.coin)
        if held.mode == "isolated":
            backing -= initial_margin_usd(held, at)
        else:
            backing += unrealized_usd(held, at) - maintenance_usd(held, at, instruments[held.coin])
    return backing


def account_liquidation_price(
    account: Account, coin: str, mark: Mark, instruments: Mapping[str, Instrument]
) -> Decimal | None:
    """The mark of ``coin`` that liquidates the account's position in it; ``None`` when no price above 0 does."""
    position = account.positions[coin]
    backing = cross_backing_usd(account, mark, instruments)
    return liquidation_price(position, mark(coin), instruments[coin], backing)


def net_asset_value(account: Account, equity: Decimal) -> Decimal:
    """Value of one unit: 1 at the start; 0 for an account that never held money."""
    return equity / account.units if account.units > 0 else ZERO


def _changed(
    account: Account,
    *,
    capital_usd: Decimal | None = None,
    realized_usd: Decimal | None = None,
    funding_usd: Decimal | None = None,
    model_cost_usd: Decimal | None = None,
    units: Decimal | None = None,
    positions: dict[str, Position] | None = None,
) -> Account:
    return Account(
        trader=account.trader,
        capital_usd=account.capital_usd if capital_usd is None else capital_usd,
        realized_usd=account.realized_usd if realized_usd is None else realized_usd,
        fees_usd=account.fees_usd,
        funding_usd=account.funding_usd if funding_usd is None else funding_usd,
        model_cost_usd=account.model_cost_usd if model_cost_usd is None else model_cost_usd,
        units=account.units if units is None else units,
        positions=account.positions if positions is None else positions,
    )
