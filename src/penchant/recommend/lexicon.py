"""Which items hold which words: brand names and codes are found as they are written."""

import re
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView

_WORD = re.compile(r"\w+")
PREFIX_FROM = 3
"""Letters from which the last word of a query also matches as the beginning of a word."""


def tokens(text: str) -> list[str]:
    """Words in small letters.

    >>> tokens("OPI Nail-Polish 15ml")
    ['opi', 'nail', 'polish', '15ml']
    """
    return _WORD.findall(text.casefold())


class Lexicon:
    """Words of titles, brands, categories and ids → rows. Follows the catalogue by what changed."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, set[int]] = defaultdict(set)
        self._texts: list[str] = []
        self._made_for: CatalogView | None = None

    def follow(self, view: CatalogView) -> None:
        """Take in what is new or changed in ``view``."""
        if self._made_for is view:
            return
        self._texts.extend([""] * (len(view) - len(self._texts)))
        for row, text in enumerate(_texts(view)):
            if text != self._texts[row]:
                self._replace(row, text)
        self._made_for = view

    def match(self, query: str, size: int) -> NDArray[np.float32]:
        """How much of the query each row holds, rare words counting more; 0 to 1, shape (size,)."""
        words = list(dict.fromkeys(tokens(query)))
        scores = np.zeros(size, dtype=np.float32)
        whole = 0.0
        for word in words:
            rows = self._rows.get(word, set())
            if not rows and word == words[-1] and len(word) >= PREFIX_FROM:
                rows = self._beginning(word)
            weight = np.log1p(size / (1 + len(rows)))
            whole += weight
            found = np.fromiter(rows, dtype=np.int64, count=len(rows))
            scores[found[found < size]] += weight
        return scores / np.float32(whole) if whole else scores

    def _beginning(self, start: str) -> set[int]:
        return set[int]().union(*(rows for word, rows in self._rows.items() if word.startswith(start)))

    def _replace(self, row: int, text: str) -> None:
        for word in set(tokens(self._texts[row])):
            self._rows[word].discard(row)
        for word in set(tokens(text)):
            self._rows[word].add(row)
        self._texts[row] = text


def _texts(view: CatalogView) -> Iterable[str]:
    brands, categories = [*view.brands.names, ""], [*view.categories.names, ""]
    columns = zip(view.titles, view.brand.tolist(), view.category.tolist(), view.ids, strict=False)
    for title, brand, category, item_id in columns:
        yield f"{title} {brands[brand]} {categories[category]} {item_id}"
