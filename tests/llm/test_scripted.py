"""The scripted model reads the prompt alone, answers like a model, and says that it is none."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from engine.executor.context import Context
from engine.executor.parse import Parsed, parse
from engine.executor.ports import Message, Reply
from engine.executor.prompt import Template, prompt_columns, render
from engine.llm.scripted import ScriptedModel, read
from engine.model.account import Account
from engine.model.market import Window, snapshot_of
from engine.model.position import Position
from engine.model.standing import Standing
from tests.executor.prompt.scene import ANN, LONG_MS, NOW_MS, SERIES_MS, coin, context, prompt_set, window


def prompt(mark: str = "110000", positions: Any = None, **changes: Any) -> tuple[Message, ...]:
    """The shipped prompt on a BTC that climbs, for an account of 10,000 USD."""
    scene: Context = context(
        coins=("BTC", "ETH"),
        market=snapshot_of(
            NOW_MS,
            [coin("BTC", mark), coin("ETH", "4200")],
            {"BTC": window("BTC", float(mark)), "ETH": window("ETH", 4_200.0)},
        ),
        account=Account(trader=ANN, capital_usd=Decimal(10_000), units=Decimal(10_000), positions=positions or {}),
        known_equity_usd=Decimal(10_000),
        plans={},
        standing=Standing(),
        **changes,
    )
    return render(scene, prompt_set(), SERIES_MS, LONG_MS).messages


async def ask(model: ScriptedModel, messages: tuple[Message, ...], trader: str = "ann", slot_ms: int = 0) -> Reply:
    return await model.complete(messages, trader=trader, slot_ms=slot_ms, timeout_ms=1000)


def understood(reply: Reply) -> Parsed:
    return parse(reply.raw, finish_reason=reply.finish_reason, coins=("BTC", "ETH"), confidence_scale="fraction")


async def entries(style: str, count: int = 200) -> list[Any]:
    """What a style enters over as many slightly different prompts."""
    model = ScriptedModel("s", style=style)
    found: list[Any] = []
    for step in range(count):
        reply = understood(await ask(model, prompt(mark=str(110_000 + step))))
        found += [decision for decision in reply.decisions if decision.opens]
    return found


async def test_the_reply_is_a_function_of_seed_and_text() -> None:
    messages = prompt()

    first = await ask(ScriptedModel("s", seed=7), messages, trader="ann", slot_ms=1)
    again = await ask(ScriptedModel("s", seed=7), messages, trader="bob", slot_ms=2)

    assert first == again
    assert (first.cost_usd, first.model) == (Decimal(0), "scripted/momentum")
    assert first.prompt_tokens == len("\n".join(message.content for message in messages)) // 4
    assert first.completion_tokens == len(first.raw) // 4


async def test_it_says_that_no_model_was_called() -> None:
    parsed = understood(await ask(ScriptedModel("script-1"), prompt()))

    assert parsed.thoughts.startswith("No language model was called")
    assert "'script-1'" in parsed.thoughts
    assert "No model called" in parsed.summary
    assert parsed.contract == "v2"
    assert parsed.repaired is False


async def test_one_price_in_the_text_changes_the_reply() -> None:
    model = ScriptedModel("s")
    messages = prompt()
    changed = tuple(
        Message(role=message.role, content=message.content.replace("mark: 110000", "mark: 108500"))
        for message in messages
    )

    rising, falling = understood(await ask(model, messages)), understood(await ask(model, changed))

    assert "+0.20 % from EMA20" in rising.thoughts  # 110,000 over an average of 109,780
    assert "-1.17 % from EMA20" in falling.thoughts


async def test_styles_and_seeds_trade_differently() -> None:
    prompts = [prompt(mark=str(110_000 + step)) for step in range(30)]

    traded: list[list[str]] = []
    for model in [ScriptedModel("s", seed=seed, style=style) for style in ("momentum", "cautious") for seed in (1, 2)]:
        replies = [understood(await ask(model, messages)) for messages in prompts]
        traded.append([decision.signal for reply in replies for decision in reply.decisions])

    assert all(signals.count("buy_to_enter") > 0 for signals in traded)
    assert all(traded.count(signals) == 1 for signals in traded)


async def test_most_entries_keep_the_limits_in_the_prompt_and_a_few_ask_for_too_much() -> None:
    found = await entries("momentum")

    too_large = [entry for entry in found if entry.position_size_usd > 5_000]
    fitting = [entry for entry in found if entry.position_size_usd <= 5_000]
    assert len(fitting) > 5 * len(too_large) > 0
    for entry in found:
        assert entry.signal == "buy_to_enter"
        assert entry.stop_loss < entry.entry_price < entry.profit_target
        assert (entry.profit_target - entry.entry_price) / (entry.entry_price - entry.stop_loss) >= 3
        assert entry.confidence >= 0.75
        assert entry.leverage <= 10


async def test_a_contrarian_sells_what_has_run_too_far() -> None:
    assert await signals_of("contrarian", rsi=90.0, standing=Standing()) == ["hold", "sell_to_enter"]


async def test_a_coin_that_rests_is_not_entered() -> None:
    assert await signals_of("contrarian", rsi=90.0, standing=context().standing) == ["hold"]


async def test_a_follower_closes_the_position_that_the_move_turns_against() -> None:
    short = Position(coin="BTC", quantity=Decimal("-0.01"), cost_usd=Decimal(-1100), leverage=2)

    assert await signals_of("momentum", rsi=60.0, standing=Standing(), positions={"BTC": short}) == ["close", "hold"]


async def signals_of(style: str, rsi: float, standing: Standing, positions: Any = None) -> list[str]:
    """The signals that sixty seeds give for a BTC that stands well above its average."""
    columns = {
        column: [rsi] * 30 if column.indicator == "rsi" else window("BTC", 110_000.0).last(column, 30)
        for column in prompt_columns(SERIES_MS, LONG_MS)
    }
    market = snapshot_of(NOW_MS, [coin("BTC", "110500")], {"BTC": Window("BTC", columns, 29)})
    account = Account(trader=ANN, capital_usd=Decimal(10_000), units=Decimal(10_000), positions=positions or {})
    scene = context(coins=("BTC",), market=market, account=account, plans={}, standing=standing)
    messages = render(scene, prompt_set(), SERIES_MS, LONG_MS).messages
    replies = [understood(await ask(ScriptedModel("s", seed=seed, style=style), messages)) for seed in range(60)]
    return sorted({decision.signal for reply in replies for decision in reply.decisions})


def test_it_reads_what_the_shipped_prompt_says() -> None:
    seen = read("\n".join(message.content for message in render(context(), prompt_set(), SERIES_MS, LONG_MS).messages))

    assert [(each.name, each.mark, each.leverage, each.resting) for each in seen.coins] == [
        ("BTC", 110_000, 20, True),
        ("ETH", 4_200, 20, False),
    ]
    assert seen.positions == {"ETH": -1}
    assert (seen.equity, seen.margin_free, seen.largest_position) == (9_913.37, 9_703.37, 5_000)
    assert (seen.most_positions, seen.reward_to_risk, seen.confidence, seen.scale) == (4, 3, 0.75, 1)


@pytest.mark.parametrize("text", ["", "no market here", "## BTC\nmark: cheap", "## BTC\nmark: 0\nEMA20: 1"])
async def test_a_prompt_that_it_cannot_read_gets_an_answer_without_decisions(text: str) -> None:
    reply = await ask(ScriptedModel("s"), (Message(role="user", content=text),))

    parsed = understood(reply)

    assert parsed.decisions == ()
    assert "no coin in the prompt that these rules can read" in parsed.thoughts


async def test_confidence_is_given_on_the_scale_of_the_prompt() -> None:
    shipped = prompt_set()
    source = shipped.system.source.replace("{# Confidence: 0-1 #}", "{# Confidence: 0-100 #}")
    percent = structs.replace(shipped, system=Template.of(source, path="percent.j2", name="percent"))
    messages = render(context(), percent, SERIES_MS, LONG_MS).messages

    reply = await ask(ScriptedModel("s"), messages)

    parsed = parse(reply.raw, confidence_scale=percent.confidence_scale)
    assert read(messages[0].content).confidence == 75
    assert [decision.confidence for decision in parsed.decisions] == [0.5, 0.5]  # both held, at 50 of 100


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(ValueError, match="style was 'bold'; known: momentum, contrarian, cautious"):
        ScriptedModel("s", style="bold")
