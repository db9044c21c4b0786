"""Which rows of the catalogue hold which words."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import chain

from penchant.catalog.view import CatalogView

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Words in small letters, each once, in their order.

    >>> words_of("OPI Nail-Polish 15ml, OPI")
    ['opi', 'nail', 'polish', '15ml']
    """
    return list(dict.fromkeys(_WORD.findall(text.casefold())))


class WordRows:
    """Words → rows, of the text that ``texts`` gives for each row. Follows one catalogue by what changed.

    Not for several threads at once.
    """

    def __init__(self, texts: Callable[[CatalogView], Iterable[str]]) -> None:
        self._texts_of = texts
        self._rows: defaultdict[str, set[int]] = defaultdict(set)
        self._texts: list[str] = []
        self._made_for: CatalogView | None = None

    def follow(self, view: CatalogView) -> None:
        """Take in what is new or changed in ``view``."""
        if self._made_for is view:
            return
        self._made_for = None
        self._texts.extend([""] * (len(view) - len(self._texts)))
        # Another catalogue may be a shorter one: what it lacks has no text.
        lacking = [""] * (len(self._texts) - len(view))
        for row, text in enumerate(chain(self._texts_of(view), lacking)):
            if text != self._texts[row]:
                self._replace(row, text)
        self._made_for = view

    def holding(self, word: str) -> set[int]:
        """Rows that hold a word of :func:`words_of`. Do not change it."""
        return self._rows.get(word, set())

    def _replace(self, row: int, text: str) -> None:
        for word in words_of(self._texts[row]):
            self._rows[word].discard(row)
        for word in words_of(text):
            self._rows[word].add(row)
        self._texts[row] = text
