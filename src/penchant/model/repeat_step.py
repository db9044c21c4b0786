"""What was wanted before, in numpy: the step form of ``heads.RepeatHead`` and of openness."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.dials import openness
from penchant.model.encoders.numeric import silu
from penchant.model.entries import items_of
from penchant.model.histories import FloatArray
from penchant.model.repeat import Memory, Setting, features, setting


class Repeats:
    """Scores of what a person wanted before, and what that tells of new things.

    ``weights`` are those of a snapshot, ``places`` the items that a state remembers at most.
    """

    def __init__(self, weights: Mapping[str, NDArray[Any]], places: int) -> None:
        self._weights = weights
        self._places = places

    def lift(self, memory: Memory, *, whole: bool, events: float) -> np.float32:
        """What openness adds to the score of each new item, of who wanted something ``events`` times.

        By ``memory``: the ``whole`` record, or what a state remembers, where a full one tells too little (0).
        """
        if not whole and len(memory) >= self._places:
            return np.float32(0)
        known = openness(np.array(len(memory)), np.array(events))
        return np.float32(known @ self._weights["open"])

    def scores(  # noqa: PLR0917
        self,
        memory: Memory,
        place: NDArray[np.int64],
        items: tuple[FloatArray, FloatArray],
        h: FloatArray,
        now: float,
        events: float,
    ) -> FloatArray:
        """Repeat scores (k,) of the entries ``memory[place]`` of ``memory`` (m,) at ``now``.

        ``items`` are vectors (N, D) and trend (N, lifetimes) of all items, ``h`` (D,) behaviour.
        """
        vectors, trend = items
        entries, whose = memory[place], np.zeros(len(place), np.int64)
        rows = items_of(entries)
        at = setting(memory[None], np.array([now]), np.array([events]), whose, place, trend[rows])
        return self._head(entries, vectors[rows], h, at)

    def _head(self, entries: Memory, vectors: FloatArray, h: FloatArray, at: Setting) -> FloatArray:
        weights = self._weights
        items, person = vectors @ weights["repeat.item.weight"].T, weights["repeat.person.weight"] @ h
        person = np.broadcast_to(person, (len(entries), len(person)))
        suits = vectors @ np.stack([weights["repeat.both.weight"] @ h, h], axis=1)
        x = np.concatenate([features(entries, at), items, person, suits], 1)
        hidden = silu(x @ weights["repeat.hidden.weight"].T + weights["repeat.hidden.bias"])
        return (hidden @ weights["repeat.out.weight"].T + weights["repeat.out.bias"])[:, 0]
