"""Which items hold the words of a query, and how well: BM25 over the fields of an item."""

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.recommend.spelling import Vocabulary, edits_of
from penchant.recommend.terms import asked_in, singular, terms_of

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]

K1, B = 1.2, 0.3
"""How soon repeats say no more, and how much a long text is held against an item. Robertson and Zaragoza: The
probabilistic relevance framework, 2009; shop titles differ in length by habit more than by matter, so B is
below the usual .75."""

TITLE, BRAND, CATEGORY, NOTE = 3, 3, 2, 1
"""What one word of a field counts: frequencies of fields are added up before they saturate (BM25F in its
simple form; Robertson, Zaragoza and Taylor 2004). The item's id counts as its title."""

NEAR = (1.0, 0.7, 0.5)
"""What a word counts that is so many edits away."""

BEGUN = 0.8
"""What a word counts of which only the beginning was typed."""

PREFIX_FROM = 2
"""Letters from which on the last word may be the beginning of one."""

FEW_HOLD, MANY_MORE = 3, 10
"""A word that fewer items hold may be a mistake too, where a near one is held by so many times more."""

MOST_WORDS = 32
"""Words of a query that are asked for."""

MOST_TERMS = 255
"""Terms of an item that are kept, each with at most so large a count."""


class Lexicon:
    """Words of titles, ids, brands, categories and attributes → items. Follows one catalogue by what changed.

    Not for several threads at once.
    """

    def __init__(self) -> None:
        self._words = Vocabulary()
        # Of each word: rows that hold it, and how often, shifted together (row * 256 + count).
        self._holding: list[array[int]] = []
        # Of each row: its words, and its text as a hash.
        self._held: list[array[int]] = []
        self._texts: list[int] = []
        self._length = np.zeros(0, np.float32)
        self._count, self._mean = 0, 1.0
        self._version: int | None = None

    def follow(self, view: CatalogView) -> None:
        """Take in what is new or changed in ``view``; after an error, once more from the start."""
        if self._version == view.version and len(self._held) >= len(view):
            return
        changed = None if self._version is None else view.changed_since(self._version)
        self._version = None
        missing = max(0, len(view) - len(self._held))
        self._held.extend(array("I") for _ in range(missing))
        self._texts.extend([0] * missing)
        self._length = np.append(self._length, np.zeros(missing, np.float32))
        for row in range(len(self._held)) if changed is None else changed:
            self._take_in(view, row)
        self._count = int(np.count_nonzero(self._length))
        self._mean = float(self._length.sum()) / self._count if self._count else 1.0
        self._version = view.version

    def match(self, query: str, size: int) -> Floats:
        """How well each row fits: its BM25 as a share of the most that it could be; shape (size,).

        Words that are not known are read as the nearest known ones, the last one as a beginning too. Words
        that nobody has count as not held.
        """
        terms, typing = asked_in(query)
        scores, most = np.zeros(size, np.float32), 0.0
        for at, term in enumerate(terms[:MOST_WORDS]):
            rows, parts = self._fits(term, size, begun=typing and at == len(terms) - 1)
            rarity = np.float32(np.log1p((self._count - len(rows) + 0.5) / (len(rows) + 0.5)))
            scores[rows] += rarity * parts
            most += float(rarity) * (K1 + 1)
        return scores / np.float32(most) if most else scores

    def _fits(self, term: str, size: int, *, begun: bool) -> tuple[Rows, Floats]:
        """Rows that hold a term, or one that is meant by it, and how much they do."""
        meant = list(self._meant(term, begun=begun))
        # Copies: an array that is looked into cannot grow.
        packed = [np.array(self._holding[number], np.uint32) for number, _ in meant]
        weights = np.array([weight for _, weight in meant], np.float32)
        rows, parts = self._parts(packed, weights, size)
        if len(meant) < 2:
            return rows, parts
        # A row counts once, for what it fits best.
        best = np.zeros(size, np.float32)
        np.maximum.at(best, rows, parts)
        rows = np.flatnonzero(best)
        return rows, best[rows]

    def _meant(self, term: str, *, begun: bool) -> Iterator[tuple[int, float]]:
        """Numbers of words, and what each counts."""
        # A word that is typed to its end stands in the index without its plural ending.
        whole = {self._words.find(word) for word in (term, singular(term))} - {-1}
        yield from ((number, NEAR[0]) for number in whole if self._holding[number])
        if begun and len(term) >= PREFIX_FROM:
            going_on = [number for number in self._words.beginning(term) if self._holding[number]]
            yield from ((number, BEGUN) for number in going_on if number not in whole)
            if going_on:
                return
        hold = sum(len(self._holding[number]) for number in whole)
        near = self._words.near(term, edits_of(term)) if hold < FEW_HOLD else ()
        for number, edits in near:
            if number not in whole and len(self._holding[number]) > MANY_MORE * hold:
                yield number, NEAR[edits]

    def _parts(self, packed: list[NDArray[np.uint32]], weights: Floats, size: int) -> tuple[Rows, Floats]:
        """Rows within ``size`` of several words, and what each word's frequency is worth there."""
        whole = np.concatenate(packed) if packed else np.zeros(0, np.uint32)
        weight = np.repeat(weights, [len(one) for one in packed])
        rows, often = (whole >> 8).astype(np.int64), (whole & 255).astype(np.float32)
        if len(self._length) > size:
            inside = rows < size
            rows, often, weight = rows[inside], often[inside], weight[inside]
        norm = np.float32(K1 * (1 - B)) + np.float32(K1 * B / self._mean) * self._length[rows]
        parts = np.float32(K1 + 1) * weight * often / (often + norm)
        return rows, parts.astype(np.float32, copy=False)

    def _take_in(self, view: CatalogView, row: int) -> None:
        fields = _fields(view, row)
        text = hash(fields)
        if text == self._texts[row]:
            return
        self._leave(row)
        counts = _counts(fields)
        numbers = [self._words.number(word) for word in counts]
        self._holding.extend(array("I") for _ in range(len(self._words) - len(self._holding)))
        for number, often in zip(numbers, counts.values(), strict=True):
            self._holding[number].append(row << 8 | min(often, MOST_TERMS))
        self._held[row], self._length[row] = array("I", numbers), sum(counts.values())
        self._texts[row] = text

    def _leave(self, row: int) -> None:
        for number in self._held[row]:
            others = self._holding[number]
            others.pop(int(np.argmax(np.array(others, np.uint32) >> 8 == row)))


def _fields(view: CatalogView, row: int) -> tuple[tuple[int, str], ...]:
    """What one word counts, and the words; nothing of a row without an item."""
    if row >= len(view) or not view.listed[row]:
        return ()
    return (
        (TITLE, f"{view.titles[row]} {view.ids[row]}"),
        (BRAND, view.brands.name(int(view.brand[row]))),
        (CATEGORY, view.categories.name(int(view.category[row]))),
        (NOTE, view.notes[row]),
    )


def _counts(fields: Iterable[tuple[int, str]]) -> dict[str, int]:
    """Terms of an item, and how often they are there by what each field counts."""
    counts: dict[str, int] = {}
    for weight, text in fields:
        for term in terms_of(text) if text else ():
            if term in counts or len(counts) < MOST_TERMS:
                counts[term] = counts.get(term, 0) + weight
    return counts
