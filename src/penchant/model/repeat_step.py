"""The repeat head in numpy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.encoders.numeric import silu
from penchant.model.histories import FloatArray
from penchant.model.repeat import Memory, Setting, features


def again(
    weights: Mapping[str, NDArray[Any]], memory: Memory, vectors: FloatArray, h: FloatArray, at: Setting
) -> FloatArray:
    """Repeat scores (m,) of the entries ``memory`` (m,): the step form of ``heads.RepeatHead``.

    Args:
        weights: of a snapshot.
        memory: entries.
        vectors: (m, D) of their items.
        h: (m, D) behaviour.
        at: of the entries.
    """
    seen = features(memory, at)
    items, person = vectors @ weights["repeat.item.weight"].T, h @ weights["repeat.person.weight"].T
    x = np.concatenate([seen, items, person], 1)
    hidden = silu(x @ weights["repeat.hidden.weight"].T + weights["repeat.hidden.bias"])
    return (hidden @ weights["repeat.out.weight"].T + weights["repeat.out.bias"])[:, 0]
