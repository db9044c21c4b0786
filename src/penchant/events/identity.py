"""An ``event_id`` for events that came without one.

It is made of the content and of the occurrence number of that content within its file or request: a
genuine repeat stays two events, and a repeated import stays one. With a ``sequence`` the content says itself
which of several it is, and no occurrence is counted: however often and in whatever parts it comes, it is one.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.types import Event

Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]
ScalarType = TypeVar("ScalarType", bound=np.generic)
_ENCODER = msgspec.json.Encoder(order="deterministic")
_BEGUN = blake2b(digest_size=16)


def content_digest(event: Event) -> bytes:
    """16 bytes (BLAKE2b) of everything but the ``event_id``.

    >>> from penchant.types import EventType
    >>> a = Event(user_id="u", type=EventType.VIEW, timestamp=1.0, item_id="a", event_id="x")
    >>> content_digest(a) == content_digest(msgspec.structs.replace(a, event_id=None))
    True
    """
    bare = event if event.event_id is None else msgspec.structs.replace(event, event_id=None)
    digest = _BEGUN.copy()  # Half of what making one takes.
    digest.update(_ENCODER.encode(bare))
    return digest.digest()


@dataclass(slots=True)
class OccurrenceCounter:
    """Counts repeats of keys over a whole file in bounded memory.

    Sorted runs are merged as in a log-structured merge tree; a run of ``spill`` keys moves to a
    temporary file and stays there, mapped. A collision of two 64-bit keys only moves an occurrence
    number up, the same way on each import, so it does no harm.
    """

    spill: int = 2_000_000
    _runs: list[tuple[Keys, Counts]] = field(default_factory=list[tuple[Keys, Counts]])
    _spilled: list[tuple[Keys, Counts]] = field(default_factory=list[tuple[Keys, Counts]])

    def number(self, keys: Keys) -> Counts:
        """Occurrence number from 0 of each key, shape (N,), counting all earlier calls.

        >>> counter = OccurrenceCounter()
        >>> counter.number(np.array([7, 8, 7], dtype=np.uint64)).tolist()
        [0, 0, 1]
        >>> counter.number(np.array([7], dtype=np.uint64)).tolist()
        [2]
        """
        order = np.argsort(keys, kind="stable")
        unique, start, counts = np.unique(keys[order], return_index=True, return_counts=True)
        within = np.arange(len(keys)) - np.repeat(start, counts)
        numbers = np.empty(len(keys), dtype=np.int64)
        numbers[order] = within + np.repeat(self._before(unique), counts)
        self._add(unique, counts.astype(np.int64))
        return numbers

    def _before(self, unique: Keys) -> Counts:
        total = np.zeros(len(unique), dtype=np.int64)
        for keys, counts in (*self._spilled, *self._runs):
            place = np.minimum(np.searchsorted(keys, unique), len(keys) - 1)
            total += np.where(keys[place] == unique, counts[place], 0)
        return total

    def _add(self, keys: Keys, counts: Counts) -> None:
        if not len(keys):
            return
        self._runs.append((keys, counts))
        while len(self._runs) > 1 and 2 * len(self._runs[-1][0]) >= len(self._runs[-2][0]):
            self._runs.append(_merge(self._runs.pop(), self._runs.pop()))
        if len(self._runs[0][0]) >= self.spill:
            large = self._runs.pop(0)
            self._spilled.append((_on_disk(large[0]), _on_disk(large[1])))


def give_ids(events: Sequence[Event], counter: OccurrenceCounter) -> None:
    """Set the ``event_id`` of fresh events that have none, in place.

    Frozen records are changed here only because nobody else has seen them yet; a copy of each would
    double the cost of an import.
    """
    bare = [(event, content_digest(event)) for event in events if event.event_id is None]
    counted = [digest for event, digest in bare if event.sequence is None]
    numbers: Iterator[int] = iter(())
    if counted:
        keys = np.frombuffer(b"".join(counted), dtype=np.uint64)[::2]
        numbers = iter(counter.number(keys).tolist())
    for event, digest in bare:
        number = next(numbers) if event.sequence is None else 0
        name = digest.hex() if number == 0 else f"{digest.hex()}-{number}"
        msgspec.structs.force_setattr(event, "event_id", name)


def _merge(one: tuple[Keys, Counts], other: tuple[Keys, Counts]) -> tuple[Keys, Counts]:
    keys = np.concatenate([one[0], other[0]])
    counts = np.concatenate([one[1], other[1]])
    unique, inverse = np.unique(keys, return_inverse=True)
    total = np.zeros(len(unique), dtype=np.int64)
    np.add.at(total, inverse, counts)
    return unique, total


def _on_disk(array: NDArray[ScalarType]) -> NDArray[ScalarType]:
    with tempfile.TemporaryFile() as file:  # mapped pages outlive the name and the handle
        mapped = np.memmap(file, dtype=array.dtype, mode="w+", shape=array.shape)
        mapped[:] = array
        return mapped
