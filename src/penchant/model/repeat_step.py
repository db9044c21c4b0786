"""The repeat head in numpy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.encoders.numeric import silu
from penchant.model.histories import FloatArray
from penchant.model.repeat import Memory, Setting, features


def again(
    weights: Mapping[str, NDArray[Any]],
    memory: Memory,
    vectors: FloatArray,
    h: FloatArray,
    at: Setting,
) -> FloatArray:
    """Repeat scores (m,) of the entries ``memory`` (m,): the step form of ``heads.RepeatHead``.

    Args:
        weights: of a snapshot.
        memory: entries.
        vectors: (m, D) of their items.
        h: (D,) behaviour of their person.
        at: of the entries.
    """
    items, person = vectors @ weights["repeat.item.weight"].T, weights["repeat.person.weight"] @ h
    person = np.broadcast_to(person, (len(memory), len(person)))
    suits = vectors @ np.stack([weights["repeat.both.weight"] @ h, h], axis=1)
    x = np.concatenate([features(memory, at), items, person, suits], 1)
    hidden = silu(x @ weights["repeat.hidden.weight"].T + weights["repeat.hidden.bias"])
    return (hidden @ weights["repeat.out.weight"].T + weights["repeat.out.bias"])[:, 0]
