"""The prompt in the documents: word for word what a model was asked, and every number in it that of the ledger."""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from engine.executor.tokens import tokens_in
from engine.manager.record import Funded, Planned
from engine.model.order import Fill
from tests.arena.scripts import MINUTE_MS, T0
from tests.arena.small_arena import SmallArena
from tests.manager.worked_prompt import ANSWERS, BTC_PATH, END, ETH_PATH, START, prices_of, worked

GOLDEN = Path(__file__).parent / "golden" / "worked-prompt.txt"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "prompts.md"
SHOWN = re.compile(r"<!-- worked prompt -->\n.*?<!-- end of it -->\n", re.DOTALL)
CENT = Decimal("0.01")
ROUND_TRIPS = ((0, 1, 0), (2, 3, 45), (4, 5, 75))  # places of entry and exit among the fills, and the entry's minute

played = cache(worked)


def arena() -> SmallArena:
    return played()[0]


def user_message() -> str:
    return played()[1][1].content


def section(heading: str) -> list[str]:
    """The lines of one section that say something in numbers or in the model's own words."""
    body = user_message().split(f"\n# {heading}")[1].split("\n# ")[0]
    return [line for line in body.split("\n")[1:] if re.search(r"\d|own note", line)]


def fills() -> list[Fill]:
    found = arena().fills()
    assert len(found) == 7
    return found


def funding_usd(coin: str, from_ms: int, to_ms: int) -> Decimal:
    """What ann was paid for a coin within a span, by the venue's own statements."""
    return sum(
        (
            paid.shares.get("ann", Decimal(0))
            for paid in arena().records(Funded)
            if paid.coin == coin and from_ms < paid.time_ms <= to_ms
        ),
        Decimal(0),
    )


def net_usd(entry: Fill, exit_: Fill) -> Decimal:
    moved = (exit_.price - entry.price) * entry.quantity
    return (moved if entry.side == "buy" else -moved) - entry.fee_usd - exit_.fee_usd


def text(value: Decimal, signed: bool = True) -> str:
    return f"{value.quantize(CENT):+}" if signed else f"{value.quantize(CENT)}"


def clock(ms: int) -> str:
    minutes = ms // 60_000 - T0 // 60_000
    return f"2025-10-{20 + minutes // 1440} {minutes // 60 % 24:02}:{minutes % 60:02} UTC"


def test_the_prompt_is_as_it_was(golden: Callable[[Path, str], None]) -> None:
    messages = played()[1]

    golden(GOLDEN, "".join(f"=== {message.role} ===\n{message.content}" for message in messages))


def test_the_account_is_that_of_the_fills() -> None:
    last = fills()[-1]
    mark = Decimal(ETH_PATH[123])
    fees = sum((fill.fee_usd for fill in fills()), Decimal(0))
    turnover = sum((fill.quantity * fill.price for fill in fills()), Decimal(0))
    nets = [net_usd(fills()[entry], fills()[exit_]) for entry, exit_, _ in ROUND_TRIPS]
    funding = funding_usd("BTC", 0, END * MINUTE_MS + T0) + funding_usd("ETH", 0, END * MINUTE_MS + T0)
    cash = 10_000 + sum(nets, Decimal(0)) - last.fee_usd + funding
    equity = cash + (last.price - mark) * last.quantity
    margin = last.quantity * mark / 5

    assert section("Account") == [
        f"equity: {text(equity, False)} USD",
        f"cash: {text(cash, False)} USD (without unrealised profit)",
        f"margin used: {text(margin, False)} USD ({100 * margin / equity:.1f} % of equity)",
        f"margin free: {text(equity - margin, False)} USD",
        f"return since the start: {text(equity / 100 - 100)} %",
        f"fees paid: {text(fees, False)} USD",
        f"funding received: {text(funding)} USD",
        f"closed trades: 3, {sum(net > 0 for net in nets)} of them with a profit, the last 2 with a loss",
        f"today: 4 entries, turnover {text(turnover, False)} USD, fees {text(fees, False)} USD",
    ]
    assert (equity, funding) == (Decimal("9983.0471"), Decimal("0.1458"))


def test_the_fee_that_is_told_is_the_fee_that_is_paid() -> None:
    rates = {100 * fill.fee_usd / (fill.quantity * fill.price) for fill in fills()}

    assert rates == {Decimal("0.1")}
    assert "Each fill pays a fee of 0.1 % of" in played()[1][0].content


def test_the_position_is_that_of_its_fill_with_the_plan_that_was_decided() -> None:
    last, planned = fills()[-1], ANSWERS[105]
    mark = Decimal(ETH_PATH[123])
    profit = (last.price - mark) * last.quantity
    equity = Decimal("9983.0471")

    lines = [line for line in section("Positions") if not line.startswith("liquidation price")]

    assert lines == [
        f"quantity: {last.quantity}",
        "leverage: 5",
        f"entry: {last.price}, {(END - START) - 105} minutes ago",
        f"mark: {mark}",
        f"unrealised profit: {text(profit)} USD",
        f"price move in favour: {text(100 * profit / (last.price * last.quantity))} %",
        f"profit on margin: {text(500 * profit / (last.price * last.quantity))} %",
        f"profit on equity: {text(100 * profit / equity)} %",
        f"stop: {planned['stop_loss']}",
        f"target: {planned['profit_target']}",
        f"risk stated at entry: {planned['risk_usd']}.00 USD",
        f"confidence stated at entry: {100 * planned['confidence']:.0f} %",
        f'invalid when (your own note): "{planned["invalidation_condition"]}"',
    ]


def test_the_liquidation_price_is_where_equity_meets_the_maintenance_margin() -> None:
    [line] = [line for line in section("Positions") if line.startswith("liquidation price")]
    price = Decimal(line.partition(": ")[2])
    short = fills()[-1]
    equity_there = Decimal("9983.0471") - (price - ETH_PATH[123]) * short.quantity
    maintenance = price * short.quantity / (2 * 25)  # half of the initial margin at the highest leverage

    assert abs(equity_there - maintenance) < 1


@pytest.mark.parametrize("number", range(len(ROUND_TRIPS)))
def test_a_closed_trade_is_that_of_its_two_fills_and_its_lesson_that_of_its_plan(number: int) -> None:
    entry, exit_ = (fills()[place] for place in ROUND_TRIPS[number][:2])
    decided = ANSWERS[ROUND_TRIPS[number][2]]
    stop, target = Decimal(decided["stop_loss"]), Decimal(decided["profit_target"])
    net, size = net_usd(entry, exit_), entry.quantity
    risk, reward = abs(entry.price - stop) * size, abs(target - entry.price) * size
    held = (exit_.time_ms - entry.time_ms) // MINUTE_MS
    funding = funding_usd(entry.coin, entry.time_ms, exit_.time_ms)
    ended, outcome = [
        ("take profit", f"the target was reached, filled {(exit_.price - target) * size:.2f} USD better than planned"),
        ("stop loss", f"the stop was hit, filled {(exit_.price - stop) * size:.2f} USD worse than planned"),
        ("decision", "you closed it with a loss, 50 % of the way to the stop"),
    ][number]

    lines = section("Recently closed trades")[4 * number : 4 * number + 4]

    assert lines == [
        f"- {entry.coin} {'long' if entry.side == 'buy' else 'short'} {size}: {entry.price} to {exit_.price}, "
        f"{text(net)} USD after fees, held {held} minutes, closed {clock(exit_.time_ms)} by {ended}, "
        f"funding {text(funding)} USD",
        f"  plan: stop {stop}, target {target}, risking {text(risk, False)} USD for {text(reward, False)} USD, "
        f"confidence {100 * decided['confidence']:.0f} %",
        f"  outcome: {outcome}; {text(net / risk)} times the planned risk, after fees",
        f'  reason at entry (your own note): "{decided["justification"]}"',
    ]


def test_what_all_trades_taught_is_the_average_over_them() -> None:
    multiples = []
    for entry, exit_, minute in ROUND_TRIPS:
        stop = Decimal(ANSWERS[minute]["stop_loss"])
        bought = fills()[entry]
        multiples.append(text(net_usd(bought, fills()[exit_]) / (abs(bought.price - stop) * bought.quantity)))
    average = sum((Decimal(multiple) for multiple in multiples), Decimal(0)) / 3

    assert section("Recently closed trades")[-3:] == [
        "Plan against outcome, over the last 3: 1 reached the target, 1 hit the stop, "
        "you closed 0 early with a profit and 1 early with a loss.",
        f"Average result: {text(average)} times the planned risk.",
        "Average confidence at entry: 70 %; of those trades 33 % made a profit.",
    ]


def test_prices_and_series_are_those_of_the_market() -> None:
    text_of_market = user_message().split("\n# Account")[0]
    for coin, path, base in (("BTC", BTC_PATH, (110_000.0, 10.0)), ("ETH", ETH_PATH, (4_000.0, 1.0))):
        part = text_of_market.split(f"\n## {coin}\n")[1].split("\n## ")[0]
        [closes] = re.findall(r"  close: (.+)", part)
        minutes = prices_of(path, *base)
        bars = [minutes[END - 1 - 3 * back] for back in reversed(range(10))]  # each ends with its third minute

        assert f"mark: {path[123]}\n" in part
        assert [float(close) for close in closes.split(", ")] == bars


def test_the_time_is_that_of_the_slot() -> None:
    first = user_message().split("\n")[0]

    assert first == (
        f"It is {clock(T0 + END * MINUTE_MS)}. You have been trading for {END - START} minutes; "
        f"this is decision {(END - START) // 3 + 1}."
    )


def test_the_record_names_the_prompt_that_was_sent() -> None:
    last = arena().records(Planned, "ann")[-1]

    assert last.prompt_version == "executor/default 1.1.0, executor/user 1.1.0, manager/crowd_fader 1.0.0"
    assert len(last.prompt_digest) == len(last.prompt_templates) == 32


def test_the_documents_show_this_prompt_and_its_size(update_golden: bool) -> None:
    system, user = played()[1]
    sizes = tokens_in(system.content), tokens_in(user.content)
    shown = (
        f"<!-- worked prompt -->\nAbout {sum(sizes):,} tokens: {sizes[0]:,} of the system message, {sizes[1]:,} of the "
        f"user message, which is this:\n\n```\n{user.content}```\n<!-- end of it -->\n"
    )
    if update_golden:
        PAGE.write_text(SHOWN.sub(lambda _: shown, PAGE.read_text()))

    assert SHOWN.findall(PAGE.read_text()) == [shown]
