"""Selections: how a selector weighs its strategies, and what each of them would hold if it were alone."""

from decimal import Decimal

from msgspec import Struct


class Sleeve(Struct, frozen=True, kw_only=True, gc=False):
    """What one strategy holds of one coin as long as nobody scales it; prices in USD.

    ``quantity`` is signed, in coins, at full weight; ``entry`` is the mark at which the strategy asked for it, and stop
    and target are those that it gave. ``why`` is its own reason.
    """

    strategy: str
    coin: str
    quantity: Decimal
    entry: Decimal
    stop_loss: Decimal | None = None
    profit_target: Decimal | None = None
    leverage: int | None = None
    confidence: float | None = None
    why: str = ""


class Selection(Struct, frozen=True, kw_only=True):
    """The weights in force and the sleeves of the strategies that have one.

    ``weights`` are fractions by strategy that add up to 1, or none at all: then nothing is held. ``weighed_ms`` is the
    slot of which they are, -1 before the first; ``by`` says who gave them. ``regimes`` are what the market of each coin
    was called then, ``library`` names version and digest of the file that the strategies come from.
    """

    weighed_ms: int = -1
    by: str = ""
    weights: dict[str, float] = {}
    regimes: dict[str, str] = {}
    library: str = ""
    sleeves: tuple[Sleeve, ...] = ()


UNWEIGHED = Selection()
