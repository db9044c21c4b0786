"""Reading somebody's log beside a lock: was anything heard of the person meanwhile?"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import RLock

from penchant.types import Pseudonym


class Undisturbed:
    """Tickets of those who are being read; whatever happens to a person voids the person's tickets.

    >>> from threading import RLock
    >>> undisturbed = Undisturbed(RLock())
    >>> with undisturbed.reading(Pseudonym("p")) as still:
    ...     before = still()
    ...     undisturbed.disturb(Pseudonym("p"))
    ...     (before, still())
    (True, False)
    """

    def __init__(self, lock: RLock) -> None:  # pyright: ignore[reportGeneralTypeIssues]
        self._lock = lock
        self._tickets: dict[Pseudonym, set[object]] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def disturb(self, person: Pseudonym) -> None:
        """Something was heard of the person, or the person is forgotten."""
        if self._tickets:  # Nearly never; whoever begins to read from here on reads what there is by now.
            with self._lock:
                self._tickets.pop(person, None)

    @contextmanager
    def reading(self, person: Pseudonym) -> Generator[Callable[[], bool]]:
        """Gives a question: is what was read in the block the newest there is? Ask it under the lock."""
        ticket = object()
        with self._lock:
            self._tickets.setdefault(person, set()).add(ticket)
        try:
            yield lambda: ticket in self._tickets.get(person, ())
        finally:
            with self._lock:
                mine = self._tickets.get(person, set())
                mine.discard(ticket)
                if not mine:
                    self._tickets.pop(person, None)
