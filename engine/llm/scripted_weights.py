"""What a scripted model answers when it is to weigh strategies: what their scores suggest, in its temper."""

import json
import re
from collections.abc import Mapping

_ASKED = re.compile(r'^  "weights": \{$', re.MULTILINE)
_CANDIDATE = re.compile(r"^## ([a-z][a-z0-9_]*)\n(.*?)(?=^##? |\Z)", re.MULTILINE | re.DOTALL)
_SUGGESTED = re.compile(r"^weight by its scores alone: ([0-9.]+)$", re.MULTILINE)
HELD_BACK = {"cautious": 0.5, "contrarian": 0.25}  # share of the weights that goes to cash where there is some


def asked_for_weights(text: str) -> bool:
    """Whether the prompt wants weights for strategies, as the shipped template for selectors asks for them."""
    return _ASKED.search(text) is not None


def weights_answer(text: str, style: str, said: str) -> str:
    """The answer to such a prompt. ``said`` is what the model says of itself first."""
    suggested = _suggested(text)
    weights = dict(suggested)
    back = HELD_BACK.get(style, 0.0)
    if back and "cash" in weights:
        weights = {label: round((1 - back) * weight, 4) for label, weight in suggested.items()}
        weights["cash"] = round(weights["cash"] + back, 4)
    best = max(weights, key=lambda label: weights[label], default="")
    thoughts = f"{said}\nBy their scores in the regimes that are told: {_listed(suggested)}."
    if weights != suggested:
        thoughts += f"\nOf that, {100 * back:g} % stay in cash, as a {style} script does."
    leading = f"{best} leads" if best and weights[best] > 0 else "nothing scored here, so nothing is held"
    return json.dumps(
        {
            "chain_of_thought": thoughts,
            "weights": weights,
            "summary": f"{leading.capitalize()}. (No model called.)",
        }
    )


def _suggested(text: str) -> dict[str, float]:
    found = {}
    for label, body in _CANDIDATE.findall(text):
        weight = _SUGGESTED.search(body)
        if weight is not None:
            found[label] = float(weight[1])
    return found


def _listed(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{label} {weight:g}" for label, weight in weights.items() if weight > 0) or "nothing"
