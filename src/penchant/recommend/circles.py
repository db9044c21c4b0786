"""Whom people follow and what those took, looked up in memory where lists are made."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final, Generic, TypeVar

from penchant.errors import WouldWait
from penchant.events.follows import FollowStore
from penchant.recommend.fallback import OnFault, nobody_hears, reason_of
from penchant.recommend.sources.followed import MOST_FOLLOWED, NO_TAKINGS, NOBODY, Followed, Takings, followed
from penchant.types import Pseudonym

MOST_KEPT: Final = 20_000
"""People whose takings are kept in memory, and people of whom it is kept whom they follow."""

Kept = TypeVar("Kept")


class _Kept(Generic[Kept]):
    """Values of people by a ``read`` that may be slow; what was read while it changed is not kept."""

    def __init__(self, read: Callable[[Pseudonym], Kept]) -> None:
        self._read = read
        self._lock = Lock()
        self._values = OrderedDict[Pseudonym, Kept]()
        self._under_way = dict[Pseudonym, object]()

    def of(self, person: Pseudonym) -> Kept:
        try:
            return self._values[person]
        except KeyError:
            mine = object()
        with self._lock:
            self._under_way[person] = mine
        try:
            value = self._read(person)
        except BaseException:
            with self._lock:
                self._end(person, mine)
            raise
        with self._lock:
            if self._end(person, mine):
                self._values[person] = value
                if len(self._values) > MOST_KEPT:
                    self._values.popitem(last=False)
        return value

    def _end(self, person: Pseudonym, mine: object) -> bool:
        """A reading is over; whether nothing changed meanwhile, nor another one began."""
        undisturbed = self._under_way.get(person) is mine
        if undisturbed:
            del self._under_way[person]
        return undisturbed

    def forget(self, people: Iterable[Pseudonym]) -> None:
        with self._lock:
            for person in people:
                self._values.pop(person, None)
                self._under_way.pop(person, None)

    def forget_all(self) -> None:
        with self._lock:
            self._values.clear()
            self._under_way.clear()


class Circles:
    """Made empty; :meth:`follow` reads what is new. A shop in which nobody follows anybody asks for nothing
    else.

    ``takings_of`` reads what a person took that counts, the newest; nothing of whoever opted out. ``least``:
    different people who must have taken an item.
    """

    def __init__(
        self,
        follows: FollowStore,
        takings_of: Callable[[Pseudonym], Takings],
        least: int,
        on_fault: OnFault = nobody_hears,
    ) -> None:
        self._follows = follows
        self._least = least
        self._on_fault = on_fault
        self._pairs = _Kept(lambda person: follows.of_person(person, MOST_FOLLOWED))
        self._takings = _Kept(takings_of)
        self._version = -1
        self.any = False

    def follow(self) -> None:
        """Hear of pairs that came or went."""
        version = self._follows.version()
        if version != self._version:
            known, self.any = self.any, self._follows.any()
            self._pairs.forget_all()
            if not known:  # Without any pair nobody was heard of.
                self._takings.forget_all()
            self._version = version

    def forget(self, person: Pseudonym) -> None:
        """Of somebody who is erased, opts out or in, was another one, or lets events count no more."""
        self._takings.forget([person])
        self._pairs.forget_all()

    def heard(self, people: Iterable[Pseudonym]) -> None:
        """They did something."""
        if self.any:
            self._takings.forget(people)

    def of(self, person: Pseudonym, now: float) -> Followed:
        """What may be told of, at ``now`` (unix seconds); nothing where it cannot be read.

        Raises:
            WouldWait: something is to be read, and nobody is to wait for it.
        """
        if not self.any:
            return NOBODY
        try:
            others = self._pairs.of(person)
        except WouldWait:
            raise
        except Exception as error:  # A list without it is a list still.
            self._on_fault(reason_of(error), error)
            return NOBODY
        return followed([self._taken_by(other) for other in others], now, self._least)

    def _taken_by(self, person: Pseudonym) -> Takings:
        try:
            return self._takings.of(person)
        except WouldWait:
            raise
        except Exception as error:
            self._on_fault(reason_of(error), error)
            return NO_TAKINGS
