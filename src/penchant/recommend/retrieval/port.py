"""What a form of the item table is asked, and what it is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.model.repeat import Memory

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Scored(Protocol):
    """Items that somebody's behaviour is compared with: that much of a
    :class:`~penchant.taste.model.PreferenceModel`, which says what each of these is."""

    @property
    def n_items(self) -> int: ...

    def h(self, state: Any, now: float, about: Floats | None = None) -> Floats: ...

    def again(
        self, state: Any, now: float, record: Memory | None = None, about: Floats | None = None
    ) -> tuple[Rows, Floats, np.float32]: ...

    def biases(self, now: float) -> Floats: ...

    def vectors(self) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Rows that may be the best ones.

    Attributes:
        rows: (m,) distinct, in any order. reach: no other allowed row scores more than this in exact
            arithmetic, and 32-bit floats round no further; ``-inf`` where there is no other, NaN where
            nothing is promised.
    """

    rows: Rows
    reach: float


class Retriever(Protocol):
    """A form of the item table. Score of row g: ``vectors[g] @ h + levels[g]``.

    Whoever uses one lets no two threads in at once.
    """

    @property
    def nbytes(self) -> int:
        """Bytes of its tables."""
        ...

    @property
    def worn(self) -> bool:
        """Whether rows have moved so far that it would be better made anew; it still tells the truth."""
        ...

    def __len__(self) -> int:
        """Rows that it knows, from the first."""
        ...

    def best(self, h: Floats, levels: Floats, allowed: Mask, k: int) -> Found:
        """About the ``k`` best of the allowed rows, fewer where fewer are allowed.

        Args:
            h: (D,) what vectors are compared with.
            levels: (n,) of the first n rows, up to all of them; may be other ones than last time.
            allowed: (n,) which of these rows may be found.
            k: at least 1.
        """
        ...

    def move(self, rows: Rows, vectors: Floats, levels: Floats) -> None:
        """Ascending ``rows`` (m,) have other ``vectors`` (m, D) and ``levels`` (m,) from now on.

        Rows from the last known one on are new; none is left out between.
        """
        ...


Make = Callable[[Floats, Floats], Retriever]
"""A form of vectors (N, D) with levels (N,)."""
