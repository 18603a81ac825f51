"""The model gives the same output under any PYTHONHASHSEED, shown by running it under several."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
from decimal import Decimal
from random import Random

from engine.model.account import Account, with_fill
from engine.model.book import Book, funding_shares, gross_notional_by_coin, net_quantities
from engine.model.ids import client_order_id, turn
from engine.model.order import Fill

chance = Random(SEED)
traders = [f"trader-{number}" for number in range(7)]
coins = ["BTC", "ETH", "SOL", "DOGE", "XRP"]
book = Book(account="sim", traders={trader: Account(trader=trader) for trader in traders})
for number in range(300):
    trader = chance.choice(traders)
    fill = Fill(
        trade_id=str(number),
        order_id=number,
        client_order_id=client_order_id("arena", "sim", trader, "decision", str(number), 0),
        coin=chance.choice(coins),
        side=chance.choice(["buy", "sell"]),
        quantity=Decimal(chance.randint(1, 9)),
        price=Decimal(chance.randint(90, 110)),
        fee_usd=Decimal("0.01"),
        time_ms=number,
    )
    book.traders[trader], realized = with_fill(book.traders[trader], fill, 5)
    print(fill.client_order_id, realized)
print(net_quantities(book), gross_notional_by_coin(book, lambda coin: Decimal(100)))
owners = [account for account in book.accounts() if "BTC" in account.positions]
held = {account.trader: account.positions["BTC"].quantity for account in owners}
print(funding_shares(Decimal("-0.000001"), held, Decimal(1), Decimal("1E-9") / 3))
print(sorted(traders, key=lambda trader: turn(3_600_000, trader)), book)
"""


def output(hash_seed: str, seed: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("SEED", str(seed))],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_ledger_does_not_depend_on_the_hash_seed(seed: int) -> None:
    outputs = [output(hash_seed, seed) for hash_seed in ("0", "1", "4711")]

    assert len(outputs[0].splitlines()) == 303
    assert outputs[0] == outputs[1] == outputs[2]
