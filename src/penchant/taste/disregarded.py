"""Events that their owner does not want to count: forgotten ones, and those of buying a present.

They stay in the log, so that a copy of it is whole and the wish can be taken back; nothing that makes a
taste, a trend or a model reads them. What is kept are the few numbers that tell them from others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.types import Logged, Pseudonym

LONGEST = 86_400.0
"""Seconds after which buying a present ends by itself: an end that is never told must not silence a taste."""

MOST = 2_000
"""Events that one person may name, and presents, each."""


class Present(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Buying for somebody else.

    Attributes:
        start: unix seconds. end: the same, None before the end was told.
        after: newest log position at the start; what is up to there is no part of it.
        session_id: the only session that it is about, whatever the time; None for all that the person does
            between start and end, by the events' own times.
    """

    start: float
    after: int
    end: float | None = None
    session_id: str | None = None

    @property
    def until(self) -> float:
        """When it ends at the latest, unix seconds.

        >>> Present(start=0.0, after=0).until
        86400.0
        """
        longest = self.start + LONGEST
        return longest if self.end is None else min(self.end, longest)

    def holds(self, entry: Logged) -> bool:
        """Whether an event is a part of it, however late it came."""
        if entry.position <= self.after:
            return False
        if self.session_id is not None:
            return entry.event.session_id == self.session_id
        return self.start <= entry.event.timestamp < self.until


class Disregarded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of one person does not count, by log position.

    Attributes:
        forgotten: named one by one. remembered: named as counting, though a present holds them.
        presents: oldest first; only the last one can be under way.
    """

    forgotten: tuple[int, ...] = ()
    remembered: tuple[int, ...] = ()
    presents: tuple[Present, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.forgotten or self.remembered or self.presents)

    def leaves_out(self, entry: Logged) -> bool:
        """Whether an event does not count.

        >>> from penchant.types import Event
        >>> entry = Logged(7, Event(user_id="p", type="view", timestamp=5.0, item_id="a"))
        >>> Disregarded(forgotten=(7,)).leaves_out(entry), Disregarded().leaves_out(entry)
        (True, False)
        """
        if entry.position in self.forgotten:
            return True
        return entry.position not in self.remembered and any(one.holds(entry) for one in self.presents)

    def counted(self, history: Iterable[Logged]) -> list[Logged]:
        """Those that count, in their order."""
        return [entry for entry in history if not self.leaves_out(entry)] if self else list(history)

    def under_way(self, now: float) -> Present | None:
        """The present that is being bought at ``now`` (unix seconds), None where none is."""
        last = self.presents[-1] if self.presents else None
        return last if last is not None and last.start <= now < last.until else None

    def within(self, present: Present, history: Iterable[Logged]) -> list[Logged]:
        """Those that count while ``present`` is being bought: its own too."""
        forgotten = set(self.forgotten)
        return [
            entry
            for entry in history
            if not self.leaves_out(entry) or (entry.position not in forgotten and present.holds(entry))
        ]

    def forget(self, positions: Iterable[int]) -> "Disregarded":
        """With these forgotten. Raises InvalidInput where they are too many."""
        new = set(positions)
        return self._named({*self.forgotten, *new}, set(self.remembered) - new)

    def remember(self, entries: Iterable[Logged]) -> "Disregarded":
        """With these counting again. Raises InvalidInput where they are too many."""
        given = list(entries)
        new = {entry.position for entry in given}
        held = {entry.position for entry in given if any(one.holds(entry) for one in self.presents)}
        return self._named(set(self.forgotten) - new, {*self.remembered, *held})

    def _named(self, forgotten: set[int], remembered: set[int]) -> "Disregarded":
        if max(len(forgotten), len(remembered)) > MOST:
            raise InvalidInput(f"at most {MOST} events of one person can be forgotten one by one")
        return Disregarded(
            forgotten=tuple(sorted(forgotten)), remembered=tuple(sorted(remembered)), presents=self.presents
        )

    def begin(self, present: Present) -> "Disregarded":
        """With a present that begins; one that is under way ends then."""
        before = self.end(present.start)
        return msgspec.structs.replace(before, presents=(*before.presents, present)[-MOST:])

    def end(self, now: float) -> "Disregarded":
        """With what is under way ended at ``now``; the same where nothing is."""
        present = self.under_way(now)
        if present is None:
            return self
        ended = msgspec.structs.replace(present, end=now)
        return msgspec.structs.replace(self, presents=(*self.presents[:-1], ended))


NOTHING = Disregarded()
"""Of most people."""

DisregardedOf = Callable[[Pseudonym], Disregarded]


class Histories(Protocol):
    """The part of a log that gives one person's events."""

    def of_user(self, person: Pseudonym, last: int | None = None) -> list[Logged]:
        """See :meth:`penchant.events.log.EventLog.of_user`."""
        ...


class CountedHistories:
    """:class:`Histories` without what does not count; ``clock`` gives unix seconds."""

    def __init__(
        self,
        log: Histories,
        disregarded_of: DisregardedOf = lambda _: NOTHING,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._log = log
        self._disregarded_of = disregarded_of
        self._clock = clock

    def of_user(self, person: Pseudonym, last: int | None = None) -> list[Logged]:
        """The events that count, oldest first; only the last N of them if ``last``."""
        found = self._disregarded_of(person).counted(self._log.of_user(person))
        return found if last is None else found[len(found) - min(last, len(found)) :]

    def during_present(self, person: Pseudonym) -> list[Logged] | None:
        """The same with those of the present that is being bought now; None where none is."""
        disregarded = self._disregarded_of(person)
        present = disregarded.under_way(self._clock())
        return None if present is None else disregarded.within(present, self._log.of_user(person))

    def leave_out(self, entry: Logged) -> bool:
        """Whether an event does not count."""
        return self._disregarded_of(Pseudonym(entry.event.user_id)).leaves_out(entry)


def left_out_positions(log: Histories, all_of: Mapping[Pseudonym, Disregarded]) -> NDArray[np.int64]:
    """Log positions of everything that does not count, of those in ``all_of``; shape (L,)."""
    found = [
        entry.position
        for person, disregarded in all_of.items()
        for entry in log.of_user(person)
        if disregarded.leaves_out(entry)
    ]
    return np.array(found, dtype=np.int64)


def positions_of(event_ids: Sequence[str], history: Sequence[Logged]) -> list[Logged]:
    """The person's own events of these ids.

    Raises:
        InvalidInput: one of them is not in ``history``: it is somebody else's, or nobody's.
    """
    known = {entry.event.event_id: entry for entry in history}
    strange = [event_id for event_id in event_ids if event_id not in known]
    if strange:
        raise InvalidInput(f"this person has no event with the event_id {strange[0][:80]!r}; nothing changed")
    return [known[event_id] for event_id in event_ids]
