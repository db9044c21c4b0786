"""Who follows whom: rows of the table, its port, and the door for one person's whole list."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from penchant.errors import Conflict, InvalidInput
from penchant.events.cells import BadCell, identifier, limits_of
from penchant.events.door import ErasureLedger, Pseudonymizer
from penchant.settings import Settings
from penchant.types import Pseudonym

MOST_IN_A_LIST: Final = 10_000
"""People that one list may name."""


class Follow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``user_id`` follows ``follows``; or does so no more: ``removed``."""

    user_id: Pseudonym
    follows: Pseudonym
    removed: bool = False


class FollowStore(Protocol):
    """One row for each pair; answers :class:`~penchant.privacy.erasure.Erasable` too.

    Nobody follows themselves: such a row is passed over. What is exported of a person is whom they follow;
    who follows them is told of by others. Erasing a person removes both.
    """

    def put(self, rows: Sequence[Follow]) -> int:
        """Keep pairs that are not ``removed``, drop those that are; how many are new or went.

        Durable when this returns.
        """
        ...

    def replace(self, person: Pseudonym, followed: Sequence[Pseudonym]) -> int:
        """Let the person follow these and nobody else; how many are new or went. Durable then.

        Of those who are new the last is the newest.
        """
        ...

    def holds(self, rows: Sequence[Follow]) -> list[bool]:
        """Of which there is a row of the same pair."""
        ...

    def of_person(self, person: Pseudonym, most: int | None = None) -> list[Pseudonym]:
        """Whom the person follows, newest first; the ``most`` newest."""
        ...

    def all(self) -> list[Follow]:
        """Every row, oldest first."""
        ...

    def any(self) -> bool:
        """Whether anybody follows anybody."""
        ...

    def version(self) -> int:
        """Another one after every change."""
        ...


class FollowLists:
    """Takes whole lists of people in, as they are now; only pseudonyms pass."""

    def __init__(
        self,
        store: FollowStore,
        pseudonymizer: Pseudonymizer,
        ledger: ErasureLedger,
        *,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._pseudonymizer = pseudonymizer
        self._ledger = ledger
        self._settings = settings
        self._clock = clock

    def put(self, user_id: str, followed: Sequence[Any]) -> dict[str, int]:
        """Replace whom one person follows, now: ``follows`` so many, ``changed`` so many pairs.

        Raises:
            InvalidInput: an id breaks a rule, or there are too many; nothing was changed.
            Conflict: one of them was erased at this very moment.
        """
        if len(followed) > MOST_IN_A_LIST:
            raise InvalidInput(f"follows: at most {MOST_IN_A_LIST} people in one list; nothing was changed")
        ids = [self._id(place, cell) for place, cell in enumerate(followed)]
        distinct = list(dict.fromkeys(ids))
        person, *others = self._pseudonymizer.pseudonyms([self._id(-1, user_id), *distinct])
        if person in others:
            raise InvalidInput("follows: names the person themselves; nothing was changed")
        now = self._clock()
        if not all(self._ledger.obeys(one, now) for one in (person, *others)):
            raise Conflict("one of them was erased at this moment; send it again if it is newer than that")
        return {"follows": len(others), "changed": self._store.replace(person, others)}

    def _id(self, place: int, cell: Any) -> str:
        try:
            return identifier(cell, limits_of(self._settings, self._clock()))
        except BadCell as error:
            # No id of a person may stand in a message.
            name = "user_id" if place < 0 else f"follows: place {place}"
            raise InvalidInput(f"{name}: no id of a person ({error.code}); nothing was changed") from error
