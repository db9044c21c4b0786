"""Rows that wait until they are a block."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from penchant.learn.drift.baseline import Floats

Cell = float | tuple[str, ...]
"""What a row holds: a number, or the keys of the names that it has."""
OTHER = ""
"""Column of all names that are not watched one by one: the share of the most frequent one among them."""


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One row; ``hour`` is that of the week."""

    person: str
    hour: float
    cell: Cell

    @property
    def keys(self) -> tuple[str, ...]:
        """Names that the row has; none where it is a number."""
        return self.cell if isinstance(self.cell, tuple) else ()


class Block:
    """Rows of many people: of one person only so many count, so that nobody alone moves a mean.

    >>> block = Block(size=3, per_person=1)
    >>> anna, ben = Row("anna", 0.0, 1.0), Row("ben", 5.0, 0.0)
    >>> block.add(anna, 7), block.add(anna, 8), block.add(ben, 9)
    (False, False, False)
    >>> block.add(Row("cleo", 6.5, 0.5), 10), block.hours().tolist(), block.values([OTHER]).ravel().tolist()
    (True, [0.0, 5.0, 6.5], [1.0, 0.0, 0.5])
    """

    def __init__(self, size: int, per_person: int, rows: Iterable[Row] = (), start: int = 0) -> None:
        """``start``: log position of the first row."""
        self._size, self._per_person = size, per_person
        self.rows, self.start = list(rows), start
        self._of = Counter(row.person for row in self.rows)

    def takes(self, person: str) -> bool:
        """Does a row of this person still count?"""
        return self._of[person] < self._per_person

    def add(self, row: Row, position: int) -> bool:
        """One more row, unless the person has had their share; whether the block is full now."""
        if self.takes(row.person):
            self.start = self.start if self.rows else position
            self.rows.append(row)
            self._of[row.person] += 1
        return len(self.rows) >= self._size

    def clear(self) -> None:
        """Begin the next one."""
        self.rows, self._of = [], Counter()

    def erase_person(self, person: str) -> int:
        """Remove the rows of one person; how many there were."""
        left = [row for row in self.rows if row.person != person]
        gone = len(self.rows) - len(left)
        self.rows = left
        del self._of[person]
        return gone

    def hours(self) -> Floats:
        """Hour of the week of each row, (n,)."""
        return np.array([row.hour for row in self.rows], dtype=np.float64)

    def values(self, keys: Sequence[str], rest: float = 0.0) -> Floats:
        """The rows as columns, (n, M): a number as it is, or ones for its names; ``rest`` for all others."""
        place = {key: column for column, key in enumerate(keys)}
        values = np.zeros((len(self.rows), len(keys)))
        for at, row in enumerate(self.rows):
            if not isinstance(row.cell, tuple):
                values[at, 0] = row.cell
                continue
            values[at, [place[key] for key in row.cell if key in place]] = 1.0
            if OTHER in place:
                values[at, place[OTHER]] = rest
        return values

    def shares(self) -> dict[str, float]:
        """Share of the rows that have each key."""
        counts = Counter(key for row in self.rows for key in set(row.keys))
        return {key: count / len(self.rows) for key, count in counts.items()}
