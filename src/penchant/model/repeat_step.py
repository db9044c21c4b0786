"""What was wanted before, in numpy: the step form of ``heads.RepeatHead`` and of openness."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.breaks import outlived
from penchant.model.dials import openness
from penchant.model.encoders.numeric import silu
from penchant.model.entries import items_of
from penchant.model.histories import FloatArray
from penchant.model.repeat import Memory, Setting, empty_memory, features, setting


class Repeats:
    """Scores of what people wanted before, and what that tells of new things.

    ``weights`` are those of a snapshot, ``places`` the items that a state remembers at most.
    """

    def __init__(self, weights: Mapping[str, NDArray[Any]], places: int) -> None:
        self._weights = weights
        self._places = places

    def lift(
        self, memories: Sequence[Memory], whole: NDArray[np.bool_], events: NDArray[np.float64]
    ) -> FloatArray:
        """What openness adds to the score of each new item, (P,).

        By ``memories``: ``whole`` records (P,), or what states remember, where a full one tells too little
        (0); and by how often people wanted something, ``events`` (P,).
        """
        lengths = np.array([len(memory) for memory in memories])
        lift = openness(lengths, events) @ self._weights["open"]
        return np.where(whole | (lengths < self._places), lift, 0.0).astype(np.float32)

    def scores(
        self,
        memories: Sequence[Memory],
        items: tuple[FloatArray, FloatArray],
        h: FloatArray,
        now: float,
        events: NDArray[np.float64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
        """Person, item row and repeat score at ``now``, (C,) each, of all C entries of P ``memories``.

        ``items`` are vectors (N, D) and trend (N, lifetimes) of all items, ``h`` (P, D) behaviour,
        ``events`` (P,) wanted ones.
        """
        vectors, trend = items
        lengths = [len(memory) for memory in memories]
        most, count = max(lengths, default=0), sum(lengths)
        owner = np.repeat(np.arange(len(lengths)), lengths)
        # Free places come first.
        place = np.concatenate([np.arange(most - length, most) for length in lengths])
        padded = empty_memory(len(lengths), most)
        entries = np.concatenate(memories) if count else empty_memory(0)
        rows = items_of(entries)
        if not count:
            return owner, rows, np.zeros(0, np.float32)
        padded[owner, place] = entries
        moments = np.full(len(lengths), now)
        at = setting(padded, moments, events, owner, place, trend[rows])
        scores = self._head(entries, vectors[rows], h, owner, at)
        return owner, rows, scores - outlived(padded, moments)[owner, place]

    def _head(
        self, entries: Memory, vectors: FloatArray, h: FloatArray, owner: NDArray[np.int64], at: Setting
    ) -> FloatArray:
        weights = self._weights
        items, person = vectors @ weights["repeat.item.weight"].T, h @ weights["repeat.person.weight"].T
        both = np.stack([h @ weights["repeat.both.weight"].T, h], axis=-1)
        suits = np.einsum("cd,cdk->ck", vectors, both[owner])
        x = np.concatenate([features(entries, at), items, person[owner], suits], 1)
        hidden = silu(x @ weights["repeat.hidden.weight"].T + weights["repeat.hidden.bias"])
        return (hidden @ weights["repeat.out.weight"].T + weights["repeat.out.bias"])[:, 0]
