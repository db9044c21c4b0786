"""What a shop knows of a person, as words such as ``country=France`` that have a vector each. Numpy only."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import IntArray

LEAST = 5
"""People who must have a word before it has a vector: what fewer have could point at one of them."""

DISTINCT = 20
"""Different numbers under one name above which they are cut into tenths."""

NUMBERS, DIGITS = 0.9, 2
"""Share of the values under one name that must be numbers for it to be cut into tenths. And to so many
digits borders are rounded: what a snapshot holds must not be the value of one person."""

MOST_WORDS = 10_000
"""Words that have a vector; of more the commonest."""

_LARGEST = 1e15

Attributes = Mapping[str, str]
"""What is known of one person: value by name. An empty value is not known."""


class _Packed(msgspec.Struct, frozen=True):
    words: list[str]
    borders: dict[str, list[float]]


class Vocabulary:
    """Words that enough people have; the vector of word n is row n, and row ``len(words)`` is nobody's.

    Attributes:
        words: sorted. borders: of each name whose values are numbers, where the next tenth begins.

    >>> people = [{"country": "France", "age": str(20 + n)} for n in range(60)]
    >>> known = Vocabulary.of(people)
    >>> len(known.words), [known.words[row] for row in known.rows({"age": "21", "country": "France"})]
    (11, ['age=tenth 1', 'country=France'])
    """

    def __init__(self, words: Sequence[str], borders: Mapping[str, Sequence[float]]) -> None:
        self.words = list(words)
        self.borders = {name: list(cuts) for name, cuts in borders.items()}
        self._row = {word: row for row, word in enumerate(self.words)}

    @classmethod
    def of(cls, people: Sequence[Attributes]) -> Self:
        """What these people have in common."""
        values: dict[str, list[str]] = {}
        for known in people:
            for name, value in known.items():
                if value:
                    values.setdefault(name, []).append(value)
        found = ((name, _borders(some)) for name, some in values.items())
        borders = {name: cuts for name, cuts in found if cuts}
        counts = Counter(word for known in people for word in _words(known, borders))
        often = [word for word, count in counts.most_common(MOST_WORDS) if count >= LEAST]
        return cls(sorted(often), borders)

    def rows(self, known: Attributes) -> list[int]:
        """Rows of a person's words; of words that too few have, none."""
        return sorted(self._row[word] for word in _words(known, self.borders) if word in self._row)

    def table(self, people: Iterable[Attributes]) -> IntArray:
        """:meth:`rows` of each person, (P, as many as the most words of one), filled up with nobody's row."""
        found = [self.rows(known) for known in people]
        table = np.full((len(found), max(1, max(map(len, found), default=1))), len(self.words), np.int64)
        for place, rows in enumerate(found):
            table[place, : len(rows)] = rows
        return table

    def packed(self) -> NDArray[np.uint8]:
        """As bytes for a snapshot.

        >>> Vocabulary.unpacked(Vocabulary(["country=France"], {}).packed()).words
        ['country=France']
        """
        return np.frombuffer(msgspec.json.encode(_Packed(self.words, self.borders)), np.uint8)

    @classmethod
    def unpacked(cls, array: NDArray[np.uint8]) -> Self:
        """From :meth:`packed`.

        Raises:
            msgspec.DecodeError: it is something else.
        """
        found = msgspec.json.decode(array.tobytes(), type=_Packed)
        return cls(found.words, found.borders)


def _words(known: Attributes, borders: Mapping[str, Sequence[float]]) -> list[str]:
    words: list[str] = []
    for name, value in known.items():
        number = _number(value)
        if name not in borders:
            words += [f"{name}={value}"] if value else []
        elif number is not None:
            words.append(f"{name}=tenth {bisect_right(borders[name], number) + 1}")
    return words


def _borders(values: list[str]) -> list[float]:
    """Where tenths of many different numbers begin; empty where they are few, or no numbers."""
    numbers = [number for number in map(_number, values) if number is not None]
    if len(numbers) < max(10 * LEAST, NUMBERS * len(values)) or len(set(numbers)) <= DISTINCT:
        return []
    tenths = np.quantile(numbers, np.arange(1, 10) / 10).tolist()
    return sorted({float(f"{tenth:.{DIGITS}g}") for tenth in tenths})


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) <= _LARGEST else None
