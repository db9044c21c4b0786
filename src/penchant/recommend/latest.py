"""The newest list of each person, as long as nothing has changed since it was made."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

from penchant.types import Pseudonym

MOST = 4_096
"""People whose newest list is kept."""

Kept = TypeVar("Kept")


class Latest(Generic[Kept]):
    """One list a person. Whoever erases a person calls :meth:`forget`.

    >>> latest = Latest[str](most=1)
    >>> latest.put(Pseudonym("p"), ("as", "it", "was"), "list", latest.forgotten)
    >>> latest.get(Pseudonym("p"), ("as", "it", "was")), latest.get(Pseudonym("p"), ("as", "it", "is"))
    ('list', None)
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[Pseudonym, tuple[Hashable, Kept]] = OrderedDict()
        self._forgotten = 0

    @property
    def forgotten(self) -> int:
        """How often somebody was; ask before the person is read."""
        return self._forgotten

    def get(self, person: Pseudonym, key: Hashable) -> Kept | None:
        """What was put under the same key; None where something else was, or nothing."""
        held = self._kept.get(person)
        return held[1] if held is not None and held[0] == key else None

    def put(self, person: Pseudonym, key: Hashable, kept: Kept, forgotten: int) -> None:
        """Keep a list of somebody who was read when :attr:`forgotten` was so many: where somebody was erased
        meanwhile it may have been this one."""
        with self._lock:
            if forgotten != self._forgotten:
                return
            self._kept[person] = key, kept
            self._kept.move_to_end(person)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def forget(self, person: Pseudonym) -> int:
        """How many were held."""
        with self._lock:
            self._forgotten += 1
            return int(self._kept.pop(person, None) is not None)

    def forget_all(self) -> None:
        """Of everybody, also those that are being made now."""
        with self._lock:
            self._forgotten += 1
            self._kept.clear()
