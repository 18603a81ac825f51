"""The shipped table of instruments, and how a user's own file adds to it."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from engine.market.instruments import InstrumentFault, instrument_table
from engine.model.instrument import maintenance_margin_usd, round_price


def own_file(folder: Path, content: object) -> Path:
    path = folder / "instruments.json"
    path.write_text(json.dumps(content))
    return path


def test_the_shipped_table_has_hyperliquids_lots_and_leverages() -> None:
    table = instrument_table()

    shipped = {coin: (of_coin.size_decimals, of_coin.max_leverage) for coin, of_coin in table.items()}

    assert shipped == {
        "BTC": (5, 40),
        "ETH": (4, 25),
        "SOL": (2, 20),
        "BNB": (3, 10),
        "DOGE": (0, 10),
        "XRP": (0, 20),
        "HYPE": (2, 10),
    }
    assert round_price(Decimal("0.123456789"), table["DOGE"], "down") == Decimal("0.12345")


def test_a_file_of_the_users_own_adds_coins_and_overrides_shipped_ones(tmp_path: Path) -> None:
    tiers = [{"notional_usd": "0", "max_leverage": 40}, {"notional_usd": "150000000", "max_leverage": 20}]
    own = own_file(
        tmp_path,
        {
            "SUI": {"size_decimals": 1, "max_leverage": 10},
            "BTC": {"size_decimals": 5, "max_leverage": 40, "min_notional_usd": "11", "tiers": tiers},
        },
    )

    table = instrument_table(own)

    assert (table["SUI"].lot, table["SUI"].max_price_decimals, table["ETH"].max_leverage) == (Decimal("0.1"), 5, 25)
    assert table["BTC"].min_notional_usd == 11
    # 150 M at 1/80, 50 M more at 1/40
    assert maintenance_margin_usd(Decimal(200_000_000), table["BTC"].tiers) == 1_875_000 + 1_250_000


@pytest.mark.parametrize(
    ("terms", "complaint"),
    [
        ({"size_decimals": 9, "max_leverage": 10}, "SUI: size_decimals must lie in 0..6"),
        ({"size_decimals": 1, "max_leverage": 0}, "SUI: max_leverage must lie in 1..1000"),
        ({"size_decimals": 1}, "missing required field `max_leverage`"),
        ({"size_decimals": 1, "max_leverage": 5, "tick": 1}, "unknown field `tick`"),
        ({"size_decimals": 1, "max_leverage": 5, "min_notional_usd": "NaN"}, "min_notional_usd must be 0 or more"),
        (
            {"size_decimals": 1, "max_leverage": 5, "tiers": [{"notional_usd": "1", "max_leverage": 5}]},
            "the first tier is max_leverage from 0 USD",
        ),
        (
            {
                "size_decimals": 1,
                "max_leverage": 5,
                "tiers": [{"notional_usd": "0", "max_leverage": 5}, {"notional_usd": "9", "max_leverage": 6}],
            },
            "leverage must fall from tier to tier",
        ),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(tmp_path: Path, terms: object, complaint: str) -> None:
    own = own_file(tmp_path, {"SUI": terms})

    with pytest.raises(InstrumentFault) as refused:
        instrument_table(own)

    assert complaint in str(refused.value)
    assert str(own) in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstrumentFault, match="cannot be read"):
        instrument_table(tmp_path / "none.json")
