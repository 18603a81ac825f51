"""Allowances: what the model of a trader may use up in a day, as the files say it."""

from engine.config.endpoints import candidates, prices_of
from engine.config.llm import Budget, Llm, OpenAiModel
from engine.config.settings import TraderSettings
from engine.llm.prices import BYTES_A_TOKEN, LONGEST_REPLY_TOKENS
from engine.manager.budget import Allowance, Ceiling
from engine.model.spending import Usage


def arena_ceiling(llm: Llm) -> Ceiling:
    """What all models together may use up in a UTC day."""
    budget = llm.budget or Budget()
    return Ceiling(tokens=budget.daily_token_limit, usd=budget.daily_usd_limit)


def allowance_of(llm: Llm, trader: TraderSettings) -> Allowance | None:
    """The trader's allowance; ``None`` where nobody is paid: no model, a scripted or a recorded one."""
    if trader.model is None or not isinstance(llm.models[trader.model], OpenAiModel):
        return None
    models = {name: model for name, model in llm.models.items() if isinstance(model, OpenAiModel)}
    asked = candidates(llm, trader.model)
    terms = [(prices_of(llm, name, models[name]), models[name].max_completion_tokens) for name in asked]
    budget = llm.budget or Budget()

    def worst_cases(prompt_bytes: int) -> tuple[Usage, ...]:
        """Of all who may be asked the dearest first: as many tokens as the bytes can be, and the longest reply."""
        prompt = -(-prompt_bytes // BYTES_A_TOKEN)
        calls = []
        for prices, most in terms:
            reply = LONGEST_REPLY_TOKENS if most is None else most
            dear = prompt if prices.cached_usd > prices.input_usd else 0
            calls.append(Usage(tokens=prompt + reply, usd=prices.cost_usd(prompt, reply, dear)))
        return tuple(
            Usage(tokens=max(call.tokens for call in calls if call.usd <= usd), usd=usd)
            for usd in sorted({call.usd for call in calls}, reverse=True)
        )

    return Allowance(
        worst_cases=worst_cases,
        arena=arena_ceiling(llm),
        trader=Ceiling(tokens=trader.daily_token_limit, usd=trader.daily_usd_limit),
        alert_pct=budget.alert_threshold_pct,
        strict=budget.strict_enforcement,
    )
