"""Which known words are near another one, or go on from it."""

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

ONE_EDIT_FROM, TWO_EDITS_FROM = 4, 8
"""Letters from which on a word may differ by one edit, and by two."""

MOST_NEAR = 16
"""Near words that count, the nearest first."""

MOST_BEGUN = 256
"""Words that count of those which begin alike, the shortest first."""


def edits_of(word: str) -> int:
    """How many edits a word may be away. Codes and amounts are what they are.

    >>> edits_of("oil"), edits_of("nail"), edits_of("lipstick"), edits_of("15ml")
    (0, 1, 2, 0)
    """
    if not word.isalpha():
        return 0
    return (len(word) >= ONE_EDIT_FROM) + (len(word) >= TWO_EDITS_FROM)


class Vocabulary:
    """Words by number, in the order in which they came; none ever leaves.

    >>> words = Vocabulary()
    >>> [words.number(word) for word in ("polish", "police", "nail")]
    [0, 1, 2]
    >>> words.near("plish", 1), words.beginning("polis"), words.find("tea")
    ([(0, 1)], [0], -1)
    """

    def __init__(self) -> None:
        self._words: list[str] = []
        self._numbers: dict[str, int] = {}
        self._letters = np.zeros(0, np.uint64)
        self._lengths = np.zeros(0, np.uint8)
        self._sorted: list[str] = []

    def __len__(self) -> int:
        return len(self._words)

    def find(self, word: str) -> int:
        """Number of a word; -1 for one that is not known."""
        return self._numbers.get(word, -1)

    def number(self, word: str) -> int:
        """Number of a word, made where it is new."""
        number = self._numbers.setdefault(word, len(self._words))
        if number == len(self._words):
            self._words.append(word)
        return number

    def near(self, word: str, edits: int) -> list[tuple[int, int]]:
        """Numbers of other words at most so many edits away and the edits, nearest first.

        A letter more, less or another, or two that changed places, is one edit (optimal string alignment). An
        edit changes at most two of the letters that a word has, so most words need no comparison.
        """
        if edits < 1 or not self._words:
            return []
        self._keep_up()
        apart = np.bitwise_count(self._letters ^ np.uint64(_letters(word)))
        longer = np.abs(self._lengths.astype(np.int16) - min(len(word), 255))
        found: list[tuple[int, int]] = []
        for number in np.flatnonzero((apart <= 2 * edits) & (longer <= edits)).tolist():
            distance = OSA.distance(word, self._words[number], score_cutoff=edits)
            if 0 < distance <= edits:
                found.append((number, distance))
        return sorted(found, key=lambda one: one[1])[:MOST_NEAR]

    def beginning(self, start: str) -> list[int]:
        """Numbers of words that begin so, itself included; the shortest of very many."""
        if len(self._sorted) < len(self._words):
            self._sorted = sorted(self._sorted + self._words[len(self._sorted) :])
        first, end = bisect_left(self._sorted, start), bisect_left(self._sorted, start + "\U0010ffff")
        words = self._sorted[first:end]
        if len(words) > MOST_BEGUN:
            words = sorted(words, key=len)[:MOST_BEGUN]
        return [self._numbers[word] for word in words]

    def _keep_up(self) -> None:
        new = self._words[len(self._letters) :]
        if new:
            self._letters = np.append(self._letters, _numbers(map(_letters, new), len(new)))
            lengths = np.fromiter((min(len(word), 255) for word in new), np.uint8, len(new))
            self._lengths = np.append(self._lengths, lengths)


def _numbers(values: "map[int]", count: int) -> NDArray[np.uint64]:
    return np.fromiter(values, np.uint64, count)


def _letters(word: str) -> int:
    """A bit for each letter that is there once, another one for twice; few share a bit."""
    once = twice = 0
    for letter in word:
        bit = 1 << (ord(letter) & 31)
        twice |= once & bit
        once |= bit
    return once | twice << 32
