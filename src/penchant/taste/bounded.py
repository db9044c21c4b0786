"""Something on each of the most recently used people."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from penchant.types import Pseudonym

Kept = TypeVar("Kept")


class Bounded(Generic[Kept]):
    """The most recently used people, at most ``capacity`` of them."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: OrderedDict[Pseudonym, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, person: Pseudonym) -> bool:
        return person in self._kept

    def get(self, person: Pseudonym) -> Kept | None:
        """What is kept on ``person``, now the most recently used."""
        kept = self._kept.get(person)
        if kept is not None:
            self._kept.move_to_end(person)
        return kept

    def peek(self, person: Pseudonym) -> Kept | None:
        """:meth:`get` without a use."""
        return self._kept.get(person)

    def put(self, person: Pseudonym, kept: Kept) -> list[tuple[Pseudonym, Kept]]:
        """Keep; the least recently used goes where there are too many. Returns what went."""
        self._kept[person] = kept
        self._kept.move_to_end(person)
        gone: list[tuple[Pseudonym, Kept]] = []
        while len(self._kept) > self.capacity:
            gone.append(self._kept.popitem(last=False))
        return gone

    def take(self, person: Pseudonym) -> Kept | None:
        """What was kept on ``person``, from now on no longer."""
        return self._kept.pop(person, None)

    def drop(self, person: Pseudonym) -> bool:
        """Forget; whether there was something."""
        return self._kept.pop(person, None) is not None

    def drop_where(self, test: Callable[[Kept], bool]) -> list[Pseudonym]:
        """Forget everybody for whom ``test`` holds; returns them."""
        gone = [person for person, kept in self._kept.items() if test(kept)]
        for person in gone:
            self._kept.pop(person, None)
        return gone
