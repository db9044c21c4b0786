"""The repeat head in numpy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.encoders.numeric import silu
from penchant.model.histories import FloatArray
from penchant.model.repeat import Memory, features


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """When a person is asked: unix seconds, wanted events so far, surroundings (1, 3) of the memory."""

    now: float
    events: float
    around: NDArray[np.float64]


def again(
    weights: Mapping[str, NDArray[Any]], memory: Memory, vectors: FloatArray, h: FloatArray, at: Moment
) -> FloatArray:
    """Repeat scores (m,) of the entries ``memory`` (m,): the step form of ``heads.RepeatHead``.

    Args:
        weights: of a snapshot.
        memory: entries.
        vectors: (m, D) of their items.
        h: (m, D) behaviour.
        at: the moment, the same for all.
    """
    count = len(memory)
    around = np.repeat(at.around, count, 0)
    seen = features(memory, np.full(count, at.now), np.full(count, at.events), around)
    items, person = vectors @ weights["repeat.item.weight"].T, h @ weights["repeat.person.weight"].T
    x = np.concatenate([seen, items, person], 1)
    hidden = silu(x @ weights["repeat.hidden.weight"].T + weights["repeat.hidden.bias"])
    return (hidden @ weights["repeat.out.weight"].T + weights["repeat.out.bias"])[:, 0]
