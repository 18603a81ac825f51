"""A statement of a simulated account as it lies on disk, for audits: what it holds, and its money without positions."""

from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from engine.exchange.sim.ledger import Ledger
from engine.exchange.sim.log import SimLog
from engine.exchange.sim.margin import account_value_usd

ZERO = Decimal(0)


class Statement(Struct, frozen=True, kw_only=True):
    """Signed quantities by coin, and what the account would be worth if every price were zero, USD."""

    quantities: dict[str, Decimal]
    settled_usd: Decimal


def read_statement(folder: Path) -> Statement:
    """The statement of the account in ``folder``. Raises ``SimLogFault``, also while a running engine holds it."""
    log = SimLog(folder)
    try:
        ledger = log.recover(Ledger(next_order_id=0, next_trade_id=0))
    finally:
        log.close()
    quantities = {coin: holding.size for coin, holding in ledger.holdings.items()}
    return Statement(quantities=quantities, settled_usd=account_value_usd(ledger, dict.fromkeys(quantities, ZERO)))
