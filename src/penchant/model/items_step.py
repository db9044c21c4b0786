"""The item table as serving reads it: the step form of ``items.ItemTable``. Numpy only."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import FloatArray
from penchant.model.prices import fitting_prices, price_levels
from penchant.model.reading import fitting
from penchant.model.whitening import Whitening


@dataclass(frozen=True, slots=True, eq=False)
class ItemRows:
    """Vectors (N, D) and biases (N,) of items."""

    vectors: FloatArray
    bias: FloatArray


class ItemReader:
    """Makes vectors of texts, prices and what training knows; of a snapshot's ``input.`` weights."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], whitening: Whitening) -> None:
        self._weights = weights
        self._whitening = whitening

    def new(self, text: FloatArray, prices: NDArray[np.floating] | None) -> ItemRows:
        """Items that never trained, by text vectors (n, T) and prices (n,), NaN for none."""
        levels = price_levels(fitting_prices(prices, len(text)), self._weights["input.price_borders"])
        vectors = self.of_texts(text) + self._weights["input.price"][levels]
        bias = np.full(len(text), self._weights["output.newcomer"][0], np.float32)
        return ItemRows(vectors.astype(np.float32, copy=False), bias)

    def table(self, text: FloatArray, prices: NDArray[np.floating] | None) -> ItemRows:
        """All items, in the order of the id table."""
        rows, sold = self.new(text, prices), self._weights["input.sold"]
        rows.vectors[sold] += self._weights["input.ids"]
        rows.bias[sold] = self._weights["output.bias"]
        return rows

    def longer(self, items: ItemRows, text: FloatArray, prices: NDArray[np.floating] | None) -> ItemRows:
        """``items`` and new ones after them."""
        new = self.new(text, prices)
        return ItemRows(
            np.concatenate([items.vectors, new.vectors]),
            np.concatenate([items.bias, new.bias]),
        )

    def retold(
        self,
        items: ItemRows,
        rows: NDArray[np.int64],
        text: FloatArray,
        prices: NDArray[np.floating] | None,
    ) -> ItemRows:
        """``items`` where those of distinct ``rows`` (n,) have other texts and prices (n,)."""
        vectors = items.vectors.copy()
        vectors[rows] = self.new(text, prices).vectors
        _, mine, sold = np.intersect1d(rows, self._weights["input.sold"], return_indices=True)
        vectors[rows[mine]] += self._weights["input.ids"][sold]
        return replace(items, vectors=vectors)

    def of_texts(self, text: FloatArray) -> FloatArray:
        """What text vectors (n, T) alone say, (n, D)."""
        return self._whitening(fitting(text, self._whitening)) @ self._weights["input.project"].T
