"""Conversations, signals and invocations: what the slots of a trader become on the wire."""

from decimal import Decimal

import msgspec

from engine.export.prompts import Prompts
from engine.manager.record import Answered, Planned, SlotClosed, SlotOpened
from engine.model.decision import Decision, Denied
from tests.export.arena import START_MS, Arena, terms, two_models

BUY = Decision(
    symbol="BTC",
    signal="buy_to_enter",
    quantity=Decimal("0.5"),
    leverage=10,
    stop_loss=Decimal(90),
    profit_target=Decimal(120),
    risk_usd=Decimal(50),
    confidence=0.75,
    justification="The trend is up.",
)
HOLD = Decision(symbol="ETH", signal="hold", confidence=0.25)
PROMPT = {
    "s": msgspec.json.encode({"role": "system", "content": "You trade."}),
    "u": msgspec.json.encode({"role": "user", "content": "BTC is at 100."}),
}


def test_a_conversation_has_the_flat_fields_and_the_chat_log() -> None:
    arena = Arena(terms("alpha"))
    arena.fund("alpha", 5_000)
    for reference, body in PROMPT.items():
        arena.projection.prompts.keep(reference, body)
    arena.slot("alpha", BUY, HOLD, raw='{"decisions":[]}', prompt="s,u", summary="I buy.", thoughts="First the trend.")

    [conversation] = arena.document("conversations")["conversations"]

    asked_s = START_MS / 1000
    assert conversation == {
        "id": f"alpha_{asked_s}",
        "model_id": "alpha",
        "timestamp": asked_s,
        "inserted_at": asked_s + 1,
        "run_id": "20251010000000",
        "cycle_id": 1,
        "skill": "",
        "cot_trace_summary": "I buy.",
        "user_prompt": "BTC is at 100.",
        "cot_trace": "First the trend.",
        "llm_response": {
            "BTC": {
                "coin": "BTC",
                "signal": "buy_to_enter",
                "quantity": 1,
                "confidence": 0.75,
                "leverage": 10,
                "profit_target": 120,
                "stop_loss": 90,
                "risk_usd": 100,
                "invalidation_condition": "n/a",
                "justification": "The trend is up.",
            },
            "ETH": {
                "coin": "ETH",
                "signal": "hold",
                "quantity": 0,
                "confidence": 0.25,
                "leverage": 0,
                "profit_target": None,
                "stop_loss": None,
                "risk_usd": 0,
                "invalidation_condition": "n/a",
                "justification": "",
            },
        },
        "messages": [
            {"role": "system", "content": "You trade.", "timestamp": asked_s},
            {"role": "user", "content": "BTC is at 100.", "timestamp": asked_s},
            {"role": "assistant", "content": '{"decisions":[]}', "timestamp": asked_s + 1},
        ],
    }


def test_the_newest_ten_of_each_model_are_kept_newest_first() -> None:
    arena = two_models()
    for _ in range(13):
        arena.slot("alpha", HOLD, raw="{}")
    arena.slot("beta", HOLD, raw="{}")

    cycles = [(row["model_id"], row["cycle_id"]) for row in arena.document("conversations")["conversations"]]

    assert cycles == [("alpha", cycle) for cycle in range(13, 3, -1)] + [("beta", 1)]


def test_a_prompt_that_is_not_at_hand_leaves_the_rest_of_the_conversation() -> None:
    arena = two_models()

    arena.slot("alpha", HOLD, raw="{}", prompt="s,u", summary="I wait.")

    [conversation] = arena.document("conversations")["conversations"]
    assert (conversation["cot_trace_summary"], conversation["user_prompt"]) == ("I wait.", "")


def test_a_system_prompt_that_is_referred_to_stays_while_user_prompts_pass_by() -> None:
    prompts = Prompts()
    prompts.keep("system", b"s")
    for number in range(2_000):
        prompts.keep(str(number), b"u")
        assert prompts.find("system") == b"s"

    assert prompts.find("0") is None
    assert prompts.find("1999") == b"u"


def test_a_strategy_speaks_only_when_it_wants_to_do_something() -> None:
    arena = Arena(terms("rules", kind="strategy"))
    arena.fund("rules", 100)
    arena.slot("rules", HOLD, outcome="held")
    arena.slot("rules", outcome="held")

    arena.slot("rules", BUY, Decision(symbol="ETH", signal="close"))

    [conversation] = arena.document("conversations")["conversations"]
    assert conversation["cot_trace_summary"] == "Long BTC: The trend is up. Close ETH."
    assert conversation["llm_response"]["ETH"]["signal"] == "close_position"
    assert conversation["messages"] == []


def test_a_denial_is_told_with_the_summary() -> None:
    arena = two_models()
    denied = Denied(symbol="BTC", signal="buy_to_enter", rule="leverage", detail="10 is above 5")

    arena.slot("alpha", BUY, raw="{}", verdicts=[denied], summary="I buy.", outcome="denied")

    assert arena.document("conversations")["conversations"][0]["cot_trace_summary"] == "I buy. Denied: BTC (leverage)."


def test_a_reply_that_cannot_be_used_is_shown_as_a_failure() -> None:
    arena = two_models()

    arena.slot("alpha", raw="I would rather not.", outcome="failed", why="reply: no JSON object")

    [conversation] = arena.document("conversations")["conversations"]
    assert conversation["cot_trace_summary"] == "Failed: reply: no JSON object"
    assert (conversation["cot_trace"], conversation["llm_response"]) == ("I would rather not.", {})


def test_a_model_that_did_not_answer_has_no_conversation_but_was_invoked() -> None:
    arena = two_models()

    arena.slot("alpha", outcome="failed", why="model: unreachable")

    assert arena.document("conversations")["conversations"] == []
    assert arena.document("since-inception-values")["sinceInceptionValues"][0]["num_invocations"] == 1


def test_a_slot_that_is_skipped_meanwhile_does_not_end_the_one_under_way() -> None:
    arena = two_models()
    slot, busy = START_MS, START_MS + 180_000
    arena.say(SlotOpened(slot_ms=slot), "alpha")
    arena.say(SlotClosed(slot_ms=busy, outcome="skipped", why="busy"), "alpha")
    arena.say(Answered(slot_ms=slot, model="m", raw="{}"), "alpha")
    arena.say(
        Planned(slot_ms=slot, first_look=slot, second_look=slot, decisions=(), verdicts=(), summary="Done."), "alpha"
    )
    arena.say(SlotClosed(slot_ms=slot, outcome="held"), "alpha")

    assert [row["cot_trace_summary"] for row in arena.document("conversations")["conversations"]] == ["Done."]


def test_decisions_count_as_signals_and_slots_as_invocations() -> None:
    arena = two_models()
    arena.slot("alpha", BUY, HOLD, raw="{}")
    arena.fill("alpha", "BTC", 0.5, 100)
    arena.now_ms += 119_000
    arena.slot("alpha", HOLD, raw="{}")

    row = arena.document("analytics")["analytics"][0]

    signals, breaks = row["signals_breakdown_table"], row["invocation_breakdown_table"]
    assert (signals["total_signals"], signals["num_long_signals"], signals["num_hold_signals"]) == (3, 1, 2)
    assert (signals["median_confidence"], signals["avg_leverage_long"]) == (0.25, 10)
    assert (signals["mins_long_combined"], signals["mins_flat_combined"]) == (2, 2)
    assert (breaks["num_invocations"], breaks["avg_invocation_break_mins"]) == (2, 2)
    assert row["last_convo_doc_id"] == arena.document("conversations")["conversations"][0]["id"]
    assert row["updated_at"] == arena.now_ms / 1000


def test_since_inception_values_give_the_start_and_the_number_of_invocations() -> None:
    arena = two_models()
    arena.slot("beta", HOLD, raw="{}")

    rows = arena.document("since-inception-values")["sinceInceptionValues"]

    assert [(row["model_id"], row["nav_since_inception"], row["num_invocations"]) for row in rows] == [
        ("alpha", 10_000, 0), ("beta", 10_000, 1), ("buynhold_btc", 10_000, 0),
    ]  # fmt: skip
    assert {row["inception_date"] for row in rows} == {START_MS / 1000}
