"""Which items have which words in their titles: what a taste is told in, and corrected by."""

import re
from collections import defaultdict
from collections.abc import Sequence
from math import log
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.catalog.words import WordRows, words_of

_UNSPACED = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")
"""Letters of languages that put no space between words."""

SHORTEST = 3
"""Letters of a word that says something."""

COMMON = 0.25
"""Share of all titles from which on a word says nothing of a taste."""


class TitleWords:
    """Words of titles → rows; threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows = WordRows(lambda view: view.titles)

    def holding(self, text: str, view: CatalogView) -> NDArray[np.bool_]:
        """Rows whose title has every word of ``text``, shape (len(view),); none where it has no word."""
        found = np.zeros(len(view), dtype=bool)
        words = words_of(text)
        if not words:
            return found
        with self._lock:
            self._rows.follow(view)
            rows = set.intersection(*(self._with(word, view) for word in words))
        found[[row for row in rows if row < len(view)]] = True
        return found

    def telling(self, rows: Sequence[int], weights: Sequence[float], view: CatalogView) -> dict[str, float]:
        """How much each word says of items (R,) with weights (R,): more where few other items have it."""
        told: defaultdict[str, float] = defaultdict(float)
        with self._lock:
            self._rows.follow(view)
            for row, weight in zip(rows, weights, strict=True):
                for word in words_of(view.titles[row]):
                    having = len(self._rows.holding(word))
                    if len(word) >= SHORTEST and not word.isdigit() and having <= COMMON * len(view) + 1:
                        told[word] += weight * log(1 + len(view) / max(1, having))
        return dict(told)

    def _with(self, word: str, view: CatalogView) -> set[int]:
        if _UNSPACED.search(word):
            return {row for row, title in enumerate(view.titles) if word in title.casefold()}
        return self._rows.holding(word)
