"""The repeat head in numpy, and what it says without one event of the past."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.encoders.numeric import silu
from penchant.model.histories import FloatArray
from penchant.model.repeat import Memory, features, remember_all, surroundings
from penchant.model.tokens import wanted


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """When a person is asked: unix seconds, wanted events so far, surroundings (1, 3) of the memory."""

    now: float
    events: float
    around: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Left:
    """Which events are left out one by one: the ``last`` ones, and what ``item`` then scores at ``now``."""

    item: int
    last: int
    places: int
    now: float


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


def entries_left(
    items: NDArray[np.int32], types: NDArray[np.int8], times: NDArray[np.float64], left: Left
) -> Iterator[tuple[int, Memory, Moment]]:
    """Repeat entry (1,) of one item without each of the last events (L,), and with all; led by its place.

    Nothing where the memory would not hold the item.
    """
    counted = wanted(items, types)
    start = len(counted) - left.last
    for place in range(left.last + 1):
        keep = counted.copy()
        keep[start + place : start + place + 1] = False  # nothing, after the last event
        memory = remember_all(items[keep], types[keep], times[keep], left.places)
        entry = memory[memory["item"] == left.item]
        if len(entry):
            around = surroundings(memory[None], np.array([left.now]))
            yield place, entry, Moment(left.now, float(keep.sum()), around)
