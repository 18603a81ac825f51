"""Since-inception values: when each trader started, with what, and how often it was asked since."""

from collections.abc import Mapping

from api.handoff import schema as wire
from engine.export.worth import seconds


def since_inception_of(started_ms: Mapping[str, int], invocations: Mapping[str, int]) -> wire.SinceInceptionValues:
    """One row per model in the order of ``started_ms``; the net asset value in it is that of the start."""
    return wire.SinceInceptionValues(
        since_inception_values=tuple(
            wire.SinceInceptionValue(
                id=trader,
                model_id=trader,
                inception_date=seconds(at_ms),
                num_invocations=invocations.get(trader, 0),
            )
            for trader, at_ms in started_ms.items()
        )
    )
