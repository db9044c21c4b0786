"""What is asked of a model in an evaluation, and the one form in which every model answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import Histories
from penchant.types import EventType

Scores = NDArray[np.float32]

NEGATIVE = (EventType.REMOVE_FROM_CART.code, EventType.REFUND.code)
"""Types that say that an item was not wanted; never counted as a sign of liking."""


@dataclass(frozen=True, slots=True, eq=False)
class ItemTable:
    """The catalogue in the order of the id table.

    Attributes:
        count: number of items, N.
        vectors: (N, T) float32 text vectors, or None where there are none.
        prices: (N,) float32, NaN where it is not known, or None.
        first_seen: (N,) float64 unix seconds of each item's first sight, or None.
    """

    count: int
    vectors: NDArray[np.float32] | None = None
    first_seen: NDArray[np.float64] | None = None
    prices: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Contexts:
    """Moments at which a list is asked for, all arrays (C,).

    Attributes:
        people: row of the person.
        ends: index into the event arrays of the histories; the person's events before it
            (``offsets[person]:end``) are what may be known.
        times: unix seconds of the moment; of other people only what is earlier may be known.
    """

    people: NDArray[np.int64]
    ends: NDArray[np.int64]
    times: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.people)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Contexts":
        """Only these rows."""
        return Contexts(self.people[rows], self.ends[rows], self.times[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """Contexts with what the person then took: item ``items[i]`` answers context ``owner[i]``.

    Attributes:
        contexts: the C moments. types: (C,) int8, event type that was predicted.
        owner: (R,) int64, not decreasing. items: (R,) int32; distinct within one context.
    """

    contexts: Contexts
    types: NDArray[np.int8]
    owner: NDArray[np.int64]
    items: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.contexts)


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What a model may learn from.

    Attributes:
        histories: training events only; same person rows as in the full histories.
        items: the catalogue.
        target: type that will be predicted, None for any.
        full: full histories that the validation contexts point into.
        validation: held out for early stopping by the protocol, or None: then the model holds out
            a part of ``histories`` by itself.
    """

    histories: Histories
    items: ItemTable
    target: EventType | None
    full: Histories
    validation: Questions | None = None


class Recommender(Protocol):
    """A model under evaluation. It is fitted once per training part and may be fitted again."""

    @property
    def name(self) -> str:
        """Name in tables and files."""
        ...

    def fit(self, training: Training) -> None:
        """Learn; forget what an earlier call learned."""
        ...

    def score_blocks(
        self, histories: Histories, contexts: Contexts, block: int
    ) -> Iterator[tuple[slice, Scores]]:
        """Scores of the whole catalogue for each context, in order, ``block`` rows at a time.

        Only events before each context's end, and of other people before its time, may be used.
        The caller may write into a block until it asks for the next one.

        Yields:
            the slice of ``contexts`` and its scores, (b, N) float32, higher is better, never NaN.
        """
        ...


def wanted(histories: Histories, target: EventType | None) -> NDArray[np.bool_]:
    """Events that count as liking: an item, and the target type (or any that is not negative), (E,).

    >>> from penchant.model.histories import histories_of
    >>> wanted(histories_of([[3, -1]]), None).tolist()
    [True, False]
    """
    kind = histories.types
    return (histories.items >= 0) & (~np.isin(kind, NEGATIVE) if target is None else kind == target.code)


def blocks(count: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover ``range(count)``.

    >>> list(blocks(3, 2))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
