"""Points: from conditions over whole columns to the bars at which a strategy may want to act."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def begins(state: Mask, usable: Mask) -> Mask:
    """The usable bars at which a state is there and was not at the usable bar before; the first bar counts."""
    found: Mask = np.zeros(len(state), dtype=np.bool_)
    rows = np.flatnonzero(usable)
    now = state[rows]
    found[rows] = now & ~np.concatenate((np.zeros(min(1, len(now)), dtype=np.bool_), now[:-1]))
    return found
