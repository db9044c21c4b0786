"""Who is in memory: states of many, and what reasons ask about the most active."""

import logging
from collections.abc import Callable, Container, Iterable, Sequence
from itertools import islice
from typing import Any

from penchant.errors import where
from penchant.taste.bounded import Bounded
from penchant.taste.model import PreferenceModel
from penchant.taste.rest import Precision, Resting
from penchant.taste.state import WINDOW, Recent, Taste, order_of
from penchant.taste.tokens import Placed, place_of
from penchant.types import Logged, Pseudonym

HOT = 4_096
"""People whose newest events stay in memory for reasons and filters; of others only what their state was made
of before these (``taste/rest.py``)."""


WAITING = 16
"""Events that wait for a person to be asked for; of somebody with more the log is read again then."""

COMPANY = 7
"""Others whose states are moved beside those who are asked for: each costs a third of what it does alone, or
less."""

Held = tuple[Taste, Recent]

_log = logging.getLogger(__name__)


class People:
    """At most ``capacity`` of them, most of them at rest, their numbers in ``precision``.

    Whoever uses it holds a lock.
    """

    def __init__(self, capacity: int, precision: Precision = "float32") -> None:
        hot = min(HOT, capacity)
        self._tastes: Bounded[Taste] = Bounded(hot)
        self._recents: Bounded[Recent] = Bounded(hot)
        self._rest = Resting(capacity - hot, precision)
        self._behind: dict[Pseudonym, None] = {}  # Whose events wait, the newest of them last.

    def __len__(self) -> int:
        return len(self._tastes) + len(self._rest)

    def taste(self, person: Pseudonym) -> Taste | None:
        """The person's state, who is now the most recently used; None for one at rest."""
        return self._tastes.get(person)

    def rested(self, person: Pseudonym) -> int:
        """How many tokens what rests of the person is of; 0 where nothing does."""
        return self._rest.tokens(person)

    def held(self, person: Pseudonym) -> Held | None:
        """Both, where both are there; the person is now the most recently used."""
        taste, recent = self._tastes.get(person), self._recents.get(person)
        return None if taste is None or recent is None else (taste, recent)

    def holds(self, person: Pseudonym) -> bool:
        """Whether :meth:`held` gives something. Needs no lock."""
        return person in self._tastes and person in self._recents

    def waits(self, person: Pseudonym, taste: Taste) -> bool:
        """Hear that an event of somebody who is held may wait; whether it can, or there are too many. A late
        one only the person's own asking puts in its place."""
        self._behind.pop(person, None)
        if taste.waiting and not taste.late:
            self._behind[person] = None
        return len(taste.waiting) <= WAITING

    def catch_up(self, people: Iterable[Pseudonym], model: PreferenceModel) -> None:
        """Move the states of those that are held by what waits, and those of some others beside them; where
        that fails half way, none of them is held any longer: what was moved and what was not is not known.
        The error is raised only where they were alone: with others beside them it may be about one of those,
        so it is logged, and all are read from the log when they are asked for."""
        held = {person: found for person in people if (found := self.held(person)) is not None}
        company = self._company(held) if any(taste.waiting for taste, _ in held.values()) else {}
        try:
            catch_up(model, held.values(), company.values())
        except BaseException as error:
            for person in (*held, *company):
                self.drop(person)
            if not company or not isinstance(error, Exception):
                raise
            _log.warning("states could not be moved, people are read anew: %s", where(error, 3))
        for person, (taste, _) in (*held.items(), *company.items()):
            if not taste.waiting:
                self._behind.pop(person, None)

    def _company(self, asked: Container[Pseudonym]) -> dict[Pseudonym, Held]:
        """Those of the newest events, who are likely to be asked for next; they do not become more recently
        used by that."""
        found: dict[Pseudonym, Held] = {}
        for person in islice((one for one in reversed(self._behind) if one not in asked), COMPANY):
            taste, recent = self._tastes.peek(person), self._recents.peek(person)
            if taste is not None and recent is not None:
                found[person] = taste, recent
        return found

    def reach(self, person: Pseudonym, taste: Taste, logged: Logged) -> bool:
        """Whether an event comes in order, or belongs among the newest ones that are in memory."""
        if order_of(logged.event) >= taste.last:
            return True
        recent = self._recents.get(person)
        return recent is not None and recent.holds(place_of(logged))

    def wake(
        self, person: Pseudonym, model: PreferenceModel, placed: Sequence[Placed]
    ) -> tuple[int, int, Any] | None:
        """See :meth:`~penchant.taste.rest.Resting.wake`."""
        return self._rest.wake(person, model, [one.token for one in placed])

    def put(self, person: Pseudonym, taste: Taste, recent: Recent, model: PreferenceModel) -> None:
        """Keep; of somebody who left the most active what was before the newest events rests."""
        for gone, left in self._recents.put(person, recent):
            self._tastes.drop(gone)  # What waits for the person is in the log.
            self._behind.pop(gone, None)
            self._rest.lay(gone, model, left.base, left.passed, left.seen)
        self._tastes.put(person, taste)

    def drop(self, person: Pseudonym) -> bool:
        """Forget; whether there was something."""
        self._behind.pop(person, None)
        return self._tastes.drop(person) | self._recents.drop(person) | self._rest.drop(person)

    def drop_where(self, test: Callable[[Taste], bool]) -> None:
        """Forget everybody for whose state ``test`` holds, of those who are not at rest."""
        for person in self._tastes.drop_where(test):
            self._recents.drop(person)
            self._behind.pop(person, None)

    def clear_rest(self) -> None:
        """Forget all at rest: of another encoder, or other texts, all numbers are others."""
        self._rest.clear()


def catch_up(model: PreferenceModel, people: Iterable[Held], company: Iterable[Held] = ()) -> None:
    """Move states by what waits, those of all people together; of somebody of whom some of it came late
    from before the newest events on. Of ``company``, of whom nothing came late, one step is made beside the
    first one."""
    behind, beside = list(people), _waiting(company)
    for taste, recent in behind:
        if taste.late:
            taste.basket = recent.put_in(taste.waiting, model)
            taste.state = recent.state(model)
            taste.late = False
            taste.waiting.clear()
    while behind := _waiting(behind):
        moving = [*behind, *beside]
        beside.clear()
        steps = [(taste.state, recent.pasts, taste.waiting[0].token) for taste, recent in moving]
        for (taste, recent), (state, pasts) in zip(moving, model.step_each(steps, WINDOW), strict=True):
            taste.state = state
            recent.add(taste.waiting.pop(0), pasts, model)


def _waiting(people: Iterable[Held]) -> list[Held]:
    return [(taste, recent) for taste, recent in people if taste.waiting]
