"""The item table as serving reads it: the step form of ``items.ItemTable``. Numpy only."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import FloatArray
from penchant.model.newcomers import Neighbours
from penchant.model.prices import fitting_prices, price_levels
from penchant.model.reading import fitting
from penchant.model.whitening import Whitening


@dataclass(frozen=True, slots=True, eq=False)
class ItemRows:
    """Items as they are read and scored.

    Attributes:
        vectors: (N, D) as tokens read them. scored: (N, D) as scores take them; the same array where
            nothing was learned since the encoder was. bias: (N,).
        known: by whom new items are placed. never: (N,) nobody took it before the model was made.
    """

    vectors: FloatArray
    scored: FloatArray
    bias: FloatArray
    known: Neighbours
    never: NDArray[np.bool_]


class ItemReader:
    """Makes vectors of texts, prices and what training knows; of a snapshot's ``input.`` weights."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], whitening: Whitening) -> None:
        self._weights = weights
        self._whitening = whitening

    def table(self, text: FloatArray, prices: NDArray[np.floating] | None) -> ItemRows:
        """All items, in the order of the id table."""
        sold, white = self._weights["input.sold"], self._white(text)
        vectors = self._alone(white, prices)
        vectors[sold] += self._weights["input.ids"]
        counts = np.zeros(len(text), np.float32)
        counts[sold] = self._weights["output.counts"]
        known = Neighbours.of(white, vectors, counts)
        never = counts == 0
        vectors[never] = known.place(white[never], vectors[never])
        bias = np.full(len(text), self._weights["output.newcomer"][0], np.float32)
        bias[sold] = self._weights["output.bias"]
        if "output.rows" not in self._weights:
            return ItemRows(vectors, vectors, bias, known, never)
        scored = vectors.copy()
        scored[self._weights["output.rows"]] += self._weights["output.delta"]
        return ItemRows(vectors, scored, bias, known, never)

    def longer(self, items: ItemRows, text: FloatArray, prices: NDArray[np.floating] | None) -> ItemRows:
        """``items`` and new ones after them."""
        white = self._white(text)
        new = items.known.place(white, self._alone(white, prices))
        vectors = np.concatenate([items.vectors, new])
        scored = vectors if items.scored is items.vectors else np.concatenate([items.scored, new])
        bias = np.append(items.bias, np.full(len(new), self._weights["output.newcomer"][0], np.float32))
        never = np.append(items.never, np.ones(len(new), dtype=bool))
        return replace(items, vectors=vectors, scored=scored, bias=bias, never=never)

    def retold(
        self,
        items: ItemRows,
        rows: NDArray[np.int64],
        text: FloatArray,
        prices: NDArray[np.floating] | None,
    ) -> ItemRows:
        """``items`` where those of distinct ``rows`` (n,) have other texts and prices (n,)."""
        vectors, white = items.vectors.copy(), self._white(text)
        own = self._alone(white, prices)
        vectors[rows] = items.known.place(white, own)
        _, mine, sold = np.intersect1d(rows, self._weights["input.sold"], return_indices=True)
        vectors[rows[mine]] = own[mine] + self._weights["input.ids"][sold]
        if items.scored is items.vectors:
            return replace(items, vectors=vectors, scored=vectors)
        scored = items.scored.copy()
        scored[rows] += vectors[rows] - items.vectors[rows]
        return replace(items, vectors=vectors, scored=scored)

    def _white(self, text: FloatArray) -> FloatArray:
        return self._whitening(fitting(text, self._whitening))

    def _alone(self, white: FloatArray, prices: NDArray[np.floating] | None) -> FloatArray:
        """What whitened texts (n, W) and prices (n,) say, (n, D)."""
        levels = price_levels(fitting_prices(prices, len(white)), self._weights["input.price_borders"])
        vectors = white @ self._weights["input.project"].T + self._weights["input.price"][levels]
        return vectors.astype(np.float32, copy=False)
