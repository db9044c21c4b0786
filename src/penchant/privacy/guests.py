"""Erasing a person who was a guest before: what is left of the guest goes, and does not come back."""

from collections.abc import Sequence
from typing import Any, Protocol

from penchant.privacy.erasure import Erasable
from penchant.privacy.ledger import Ledger
from penchant.types import Pseudonym


class KnownGuests(Erasable, Protocol):
    """Which guests people were."""

    def of_person(self, person: Pseudonym) -> list[tuple[Pseudonym, float]]:
        """Guests, and until when (unix seconds) each was the person."""
        ...


class ErasedInPart(Protocol):
    """A store whose records have times."""

    def erase_until(self, person: Pseudonym, until: float) -> int:
        """Remove for good what is of up to a time (unix seconds); returns how many records."""
        ...


class ErasableGuests:
    """``Erasable``: the guests that a person was, each with a tombstone of its own.

    Their events are the person's already and go with the log; one that comes late, from an import or an older
    backup, is refused as the person's would be. ``left`` may hold what came between; what came after the
    login may be the next person's, and stays.
    """

    def __init__(self, guests: KnownGuests, ledger: Ledger, left: Sequence[ErasedInPart]) -> None:
        self._guests = guests
        self._ledger = ledger
        self._left = tuple(left)

    @property
    def erasable_name(self) -> str:
        return self._guests.erasable_name

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return self._guests.export_person(person)

    def erase_person(self, person: Pseudonym) -> int:
        """Tombstones first: after them nothing of the guests is taken back in, whatever breaks."""
        for guest, until in self._guests.of_person(person):
            self._ledger.begin(guest, until)
            self._ledger.finish(guest, until)
            for store in self._left:
                store.erase_until(guest, until)
        return self._guests.erase_person(person)
