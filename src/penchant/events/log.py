"""The log: ordered, keeps repeats, only appended to except by erasure. Everything else is derived."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.types import Event, Logged, Pseudonym


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the events of one ``append``, by their index in it.

    Attributes:
        positions: log position of each event that is now in the log (new or known before); -1 where
            it was refused as a conflict.
        duplicates: indices whose ``event_id`` was known with the same content.
        conflicts: indices whose ``event_id`` was known with different content; not written.
    """

    positions: list[int]
    duplicates: list[int]
    conflicts: list[int]

    @property
    def accepted(self) -> int:
        """Events that are new in the log."""
        return len(self.positions) - len(self.duplicates) - len(self.conflicts)

    def parts(self, sizes: Sequence[int]) -> "list[Appended]":
        """The same of each part of the events, where so many of them in a row are one.

        >>> [part.duplicates for part in Appended([1, 1, 2], [1], []).parts([1, 2])]
        [[], [0]]
        """
        found, start = list[Appended](), 0
        for size in sizes:
            end = start + size
            duplicates, conflicts = (
                [place - start for place in places if start <= place < end]
                for places in (self.duplicates, self.conflicts)
            )
            found.append(Appended(self.positions[start:end], duplicates, conflicts))
            start = end
        return found


@dataclass(frozen=True, slots=True, eq=False)
class EventColumns:
    """Events as columns, sorted by person, timestamp, sequence (absent = 0), log position; shape (E,) each.

    Codes point into the string lists; -1 means none.

    Attributes:
        person: int32 into ``people``. item: int32 into ``items``. query: int32 into ``queries``.
        session: int64, equal for equal ``session_id`` of one person; -1 where none was given.
        type: int8 ``EventType.code``. time: float64 unix seconds. value, price, quantity: float32, NaN
            where absent. position: int64 place in the log.
    """

    people: list[Pseudonym]
    items: list[str]
    queries: list[str]
    person: NDArray[np.int32]
    item: NDArray[np.int32]
    query: NDArray[np.int32]
    session: NDArray[np.int64]
    type: NDArray[np.int8]
    time: NDArray[np.float64]
    value: NDArray[np.float32]
    price: NDArray[np.float32]
    quantity: NDArray[np.float32]
    position: NDArray[np.int64]

    def keep(self, which: NDArray[np.bool_]) -> "EventColumns":
        """Only the events of the mask ``which`` (E,), in the same order."""
        named = {"people", "items", "queries"}
        return replace(
            self, **{f.name: getattr(self, f.name)[which] for f in fields(self) if f.name not in named}
        )


class EventLog(Protocol):
    """A shop's events. ``user_id`` of every event in it is a pseudonym.

    Order within a person: ``timestamp``, then ``sequence`` (absent counts as 0), then log position.
    A missing ``event_id`` must have been made (``events.identity``) before ``append``.
    """

    def append(self, events: Sequence[Event]) -> Appended:
        """Write all of them in one transaction; durable when this returns.

        Raises:
            StorageError: the disk refused; none of the events was written.
        """
        ...

    def of_user(self, person: Pseudonym, last: int | None = None) -> list[Logged]:
        """The person's events in the person's order, oldest first; only the last N if ``last``."""
        ...

    def follow(self, after: int, limit: int) -> list[Logged]:
        """Up to ``limit`` events with a position greater than ``after``, in log order."""
        ...

    def end(self) -> int:
        """Position of the newest event ever written; 0 for an empty log. Never falls."""
        ...

    def count(self) -> int:
        """Events in the log now."""
        ...

    def people(self) -> Iterator[Pseudonym]:
        """Everybody with at least one event, most recently active first."""
        ...

    def columns(self, after: int = 0) -> EventColumns:
        """All events with a position greater than ``after`` as columns, for training and reports."""
        ...
