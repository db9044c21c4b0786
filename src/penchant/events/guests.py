"""Guests who logged in: what somebody did before they were known is theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from penchant.types import Pseudonym


@dataclass(frozen=True, slots=True)
class Login:
    """A guest was found to be ``person`` at ``time`` (unix seconds): up to then it was that person."""

    time: float
    person: Pseudonym


@dataclass(frozen=True, slots=True)
class Joined:
    """What became a person's own. ``events``: log positions; ``lists``, ``letters``: shown lists and dead
    letters."""

    events: tuple[int, ...] = ()
    lists: int = 0
    letters: int = 0


class Logins(Protocol):
    """Who guests were."""

    def of_each(self, guests: Sequence[Pseudonym]) -> Mapping[Pseudonym, Sequence[Login]]:
        """The logins of those among ``guests`` who have any, in order of time."""
        ...


class _NoLogins:
    def of_each(self, guests: Sequence[Pseudonym]) -> Mapping[Pseudonym, Sequence[Login]]:
        del guests
        return {}


NO_LOGINS: Final[Logins] = _NoLogins()
"""Of a shop that knows everybody from the start."""


def owner_at(logins: Sequence[Login], time: float) -> Pseudonym | None:
    """Who a guest was at ``time``: whoever logged in next; None where nobody did.

    One device may be used by several people, one after the other.

    >>> logins = [Login(10.0, Pseudonym("ann")), Login(20.0, Pseudonym("ben"))]
    >>> [owner_at(logins, time) for time in (10.0, 11.0, 21.0)]
    ['ann', 'ben', None]
    """
    return next((login.person for login in logins if time <= login.time), None)
