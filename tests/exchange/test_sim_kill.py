"""The simulated venue under ``kill -9``, and the wall between its accounting and the engine's books."""

import ast
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from engine.exchange.sim.settings import SimSettings
from engine.model.order import Accepted
from tests.exchange.tape import Account, Tape, answer

ROOT = Path(__file__).resolve().parents[2]
TERMS = SimSettings(initial_balance_usd=Decimal(10_000))

LIFE = """
import sys
from pathlib import Path
from tests.exchange.test_sim_kill import TERMS
from tests.exchange.tape import Account, Tape
account = Account(Tape(BTC=[100]), TERMS, folder=Path(sys.argv[1]))
while True:
    order = account.order("buy", "0.1")
    account.send(order)
    print(order.client_order_id, flush=True)
"""


def test_every_answer_given_before_a_kill_is_still_true_after_it(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", LIFE, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    answered = [process.stdout.readline().strip() for _ in range(25)]
    process.send_signal(signal.SIGKILL)
    answered += [line.strip() for line in process.stdout if line.endswith("\n")]
    process.stdout.close()
    process.wait()

    again = Account(Tape(BTC=[100]), TERMS, folder=tmp_path)

    assert all(isinstance(answer(again.sim.find(name)), Accepted) for name in answered)
    assert len(answered) <= len(again.fills) <= len(answered) + 1
    assert again.held() == Decimal("0.1") * len(again.fills)


def test_the_venue_shares_no_accounting_with_the_books_it_judges() -> None:
    shared = ("engine.model.position", "engine.model.account", "engine.model.book", "engine.model.trade")
    found = [
        f"{path.name}: {node.module}"
        for path in sorted((ROOT / "engine" / "exchange" / "sim").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        if node.module in shared
        or any(
            alias.name in ("maintenance_margin_usd", "position", "account", "book")
            for alias in node.names
            if (node.module or "").startswith("engine.model")
        )
    ]

    assert found == []
