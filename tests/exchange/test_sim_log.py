"""The simulated venue survives its process: whatever line it died after, it goes on with the same account."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.exchange.sim.log import ACCOUNT, CHANGES, SimLogFault
from engine.exchange.sim.settings import SimSettings
from engine.model.order import Accepted, Cancel, SetLeverage, VenueAccount
from tests.exchange.tape import HOUR_MS, MINUTE_MS, START_MS, Account, Tape

TERMS = SimSettings(initial_balance_usd=Decimal(10_000), latency_jitter_ms=100)


def a_market() -> Tape:
    tape = Tape(ETH=[1000] * 130)
    tape.rates["BTC", START_MS + HOUR_MS] = Decimal("0.0003")
    tape.rates["BTC", START_MS + 2 * HOUR_MS] = Decimal("-0.0001")
    for minute in range(130):
        middle = 100.0 + (minute * 7) % 13 - 6
        tape.add("BTC", (middle, middle + 4, middle - 5, middle + 1))
    return tape


def a_busy_life(account: Account) -> None:
    account.send(SetLeverage(coin="ETH", leverage=10, mode="isolated"))
    account.buy("12")
    account.rest("sell", "5", "stop_market", "88", reduce_only=True)
    account.rest("buy", "30", "limit_gtc", "91")
    account.minutes(20)
    account.buy("2", coin="ETH")
    account.buy("1", limit="40")
    account.rest("sell", "3", "take_profit_market", "116", expires_ms=START_MS + 50 * MINUTE_MS)
    account.minutes(45)
    order = account.rest("buy", "1", "post_only", "50")
    account.sim.manual_trade("BTC", "sell", Decimal("0.5"))
    account.send(Cancel(client_order_id=order.client_order_id, coin="BTC"))
    account.sim.deposit(Decimal(77))
    account.sell("1", coin="ETH", reduce_only=True)
    account.minutes(60)


def state(account: Account) -> bytes:
    return msgspec.json.encode(account.sim._ledger)


def seen(account: Account) -> VenueAccount:
    return account.sim.snapshot()


def test_another_process_finds_the_account_as_it_was(tmp_path: Path) -> None:
    account = Account(a_market(), TERMS, folder=tmp_path)
    a_busy_life(account)
    account.sim.close()

    again = Account(a_market(), TERMS, folder=tmp_path, now_ms=account.clock.now_ms())

    assert seen(again) == seen(account)
    assert again.fills == account.fills
    assert state(again) == state(account)


def test_memory_and_disk_make_the_same_account(tmp_path: Path) -> None:
    in_memory, on_disk = Account(a_market(), TERMS), Account(a_market(), TERMS, folder=tmp_path)
    for account in (in_memory, on_disk):
        a_busy_life(account)

    assert in_memory.fills == on_disk.fills
    assert seen(in_memory) == seen(on_disk)


def test_a_first_start_that_is_cut_off_anywhere_leaves_the_account_its_money_once(tmp_path: Path) -> None:
    whole = Account(a_market(), TERMS, folder=tmp_path / "whole")
    whole.sim.close()
    written = (tmp_path / "whole" / CHANGES).read_bytes()
    assert written.count(b"\n") == 4  # the deposit, and a leverage for each of three coins

    for size in range(len(written) + 1):
        folder = tmp_path / str(size)
        folder.mkdir()
        (folder / CHANGES).write_bytes(written[:size])
        again = Account(a_market(), TERMS, folder=folder)

        assert seen(again) == seen(whole), f"cut off after {size} of {len(written)} bytes"
        again.sim.close()


def test_killed_after_any_line_it_plays_what_it_missed_to_the_same_end(tmp_path: Path) -> None:
    whole = Account(a_market(), TERMS, folder=tmp_path / "whole")
    whole.buy("12")
    whole.rest("sell", "5", "stop_market", "93", reduce_only=True)
    whole.rest("buy", "30", "limit_gtc", "91")
    placed = (tmp_path / "whole" / CHANGES).read_bytes().count(b"\n")
    for _ in range(120):
        whole.minutes(1)
    lines = (tmp_path / "whole" / CHANGES).read_bytes().splitlines(keepends=True)
    assert len(whole.fills) > 2
    assert len(lines) > placed + 3

    for count in range(placed, len(lines) + 1):
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / CHANGES).write_bytes(b"".join(lines[:count]) + b'[{"number":')
        again = Account(a_market(), TERMS, folder=folder, now_ms=whole.clock.now_ms())
        again.sim.advance(whole.clock.now_ms())
        assert seen(again) == seen(whole), f"killed after line {count}"
        assert again.fills == whole.fills, f"killed after line {count}"
        again.sim.close()


def test_every_line_alone_gives_the_account_of_that_moment(tmp_path: Path) -> None:
    moments: dict[int, bytes] = {}
    account = Account(a_market(), TERMS, folder=tmp_path / "live")
    log = tmp_path / "live" / CHANGES
    for step in range(12):
        account.send(account.order("buy" if step % 3 else "sell", str(1 + step)))
        moments[log.read_bytes().count(b"\n")] = state(account)

    lines = log.read_bytes().splitlines(keepends=True)
    for count, expected in moments.items():
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / CHANGES).write_bytes(b"".join(lines[:count]))
        assert state(Account(a_market(), TERMS, folder=folder)) == expected


def test_an_answered_order_is_found_after_a_crash_and_not_taken_twice(tmp_path: Path) -> None:
    account = Account(a_market(), TERMS, folder=tmp_path)
    order = account.order("buy", "1")
    envelope = account.sim.prepare(order, START_MS)
    report = account.send(order)
    account.sim.close()

    again = Account(a_market(), TERMS, folder=tmp_path)

    assert isinstance(report, Accepted)
    assert again.found(order) == report
    assert again.send(order) == report
    assert again.held() == 1
    assert again.sim.prepare(order, START_MS).nonce > envelope.nonce


def test_a_stop_that_was_passed_while_the_process_was_down_has_fired(tmp_path: Path) -> None:
    tape = Tape(BTC=[100, (100, 100, 80, 100), 100, 100])
    account = Account(tape, TERMS, folder=tmp_path)
    account.buy("1")
    stop = account.rest("sell", "1", "stop_market", "90", reduce_only=True)
    account.sim.close()

    again = Account(tape, TERMS, folder=tmp_path, now_ms=START_MS + 3 * MINUTE_MS)

    assert isinstance(again.found(stop), Accepted)
    assert again.sim.is_flat
    assert again.fills[1].time_ms == START_MS + 2 * MINUTE_MS - 1


def test_compaction_keeps_the_account_and_shortens_the_log(tmp_path: Path) -> None:
    account = Account(a_market(), TERMS, folder=tmp_path, compact_after=5)
    a_busy_life(account)
    before, fills = seen(account), account.fills
    account.sim.close()

    again = Account(a_market(), TERMS, folder=tmp_path, now_ms=account.clock.now_ms())

    assert (tmp_path / ACCOUNT).exists()
    assert (tmp_path / CHANGES).read_bytes().count(b"\n") <= 5
    assert (seen(again), again.fills) == (before, fills)


def test_a_crash_between_the_two_steps_of_a_compaction_counts_nothing_twice(tmp_path: Path) -> None:
    account = Account(a_market(), TERMS, folder=tmp_path, compact_after=1_000)
    a_busy_life(account)
    lines = (tmp_path / CHANGES).read_bytes()
    (tmp_path / ACCOUNT).write_bytes(state(account))
    account.sim.close()
    assert lines

    again = Account(a_market(), TERMS, folder=tmp_path, now_ms=account.clock.now_ms())

    assert state(again) == state(account)


def test_one_process_at_a_time_holds_an_account(tmp_path: Path) -> None:
    first = Account(a_market(), TERMS, folder=tmp_path)

    with pytest.raises(SimLogFault, match="another process holds"):
        Account(a_market(), TERMS, folder=tmp_path)
    first.sim.close()


@pytest.mark.parametrize("damage", [b'{"no": "list"}\n', b"\0\0\0\n", b"[]x\n"])
def test_a_damaged_line_refuses_to_start_and_is_named(tmp_path: Path, damage: bytes) -> None:
    account = Account(a_market(), TERMS, folder=tmp_path)
    account.buy("1")
    account.sim.close()
    log = tmp_path / CHANGES
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + damage + b"".join(lines[1:]))

    with pytest.raises(SimLogFault, match=r"changes\.jsonl line 2"):
        Account(a_market(), TERMS, folder=tmp_path)


def test_a_missing_line_refuses_to_start(tmp_path: Path) -> None:
    account = Account(a_market(), TERMS, folder=tmp_path)
    account.buy("1")
    account.sim.close()
    log = tmp_path / CHANGES
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + b"".join(lines[2:]))

    with pytest.raises(SimLogFault, match="change 3 follows 1"):
        Account(a_market(), TERMS, folder=tmp_path)


def test_a_disk_that_fails_is_not_answered_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(a_market(), TERMS, folder=tmp_path)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("engine.exchange.sim.log.os.fdatasync", full)
        with pytest.raises(SimLogFault, match="No space left"):
            account.buy("1")

    with pytest.raises(SimLogFault, match="restart"):
        account.buy("1")
    with pytest.raises(SimLogFault, match="restart"):
        _ = account.fills
