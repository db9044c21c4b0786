"""Exploration in a process that serves: what draws, and what learns from the log which items deserve it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import numpy as np

from penchant.adapters.sqlite.shown import SqliteShown
from penchant.app.counts import Counts
from penchant.app.shop import Shop
from penchant.errors import PenchantError
from penchant.events.log import EventColumns
from penchant.privacy.erasure import Erasable
from penchant.recommend.exploration.feedback import ANSWERS, LISTS, Answer, Feedback
from penchant.recommend.exploration.learned import Learned
from penchant.recommend.exploration.stage import Exploration
from penchant.types import EVENT_TYPES, Logged, Pseudonym

AT_ONCE = 5_000
"""Lists, or events, read from the log at once."""

_CODES = [kind.code for kind in EVENT_TYPES if kind in ANSWERS]


class Exploring:
    """Made with the process, from the newest lists and from ``columns``, what counts of the log up to
    position ``begun``; :meth:`follow` goes on from there. Without a share in the settings it holds nothing.

    ``counts`` says whether what a person does counts, and how many people took an item.
    """

    def __init__(
        self, shop: Shop, columns: EventColumns, begun: int, counts: Counts, rng: np.random.Generator
    ) -> None:
        settings = shop.settings.exploration
        self._shop, self._counts = shop, counts.counts
        self._events = begun
        self.stage: Exploration | None = None
        self._feedback: Feedback | None = None
        if settings.on:
            learned = Learned()
            self.stage = Exploration(settings, learned, self._allows, counts.trend.live.takers, rng)
            self._feedback = Feedback(learned, shop.ids.rows, counts.counts)
            self._lists = max(0, SqliteShown(shop.database).newest() - LISTS)
            self._follow_lists(self._feedback)
            self._feedback.answers(_answers(shop, columns))

    def _allows(self, person: Pseudonym) -> bool:
        """Whether the person takes part in experiments; not where that cannot be read."""
        try:
            return self._shop.consent.get(person).experiments
        except PenchantError:
            return False

    def erasables(self) -> list[Erasable]:
        """What it holds on people."""
        return [] if self._feedback is None else [self._feedback]

    def forget(self, person: Pseudonym) -> None:
        """Take the person's part out of what was learned."""
        for held in self.erasables():
            held.erase_person(person)

    def rename(self, guest: Pseudonym, person: Pseudonym, since: float) -> None:
        """The guest was the person, of whom nothing from up to ``since`` (unix seconds) may be held."""
        if self._feedback is None:
            return
        if self._counts(person):
            self._feedback.rename(guest, person, since)
        else:
            self._feedback.erase_person(guest)

    def follow(self, lock: AbstractContextManager[object]) -> None:
        """Take in what is new in the log, under the ``lock`` of erasures: each comes before or after it."""
        if self._feedback is not None:
            with lock:
                self._follow_lists(self._feedback)
                self._follow_events(self._feedback)

    def _follow_events(self, feedback: Feedback) -> None:
        entries = self._shop.log.follow(self._events, AT_ONCE)
        while entries:
            feedback.answers(_answer(entry) for entry in entries if self._answers(entry))
            self._events = entries[-1].position
            entries = self._shop.log.follow(self._events, AT_ONCE)

    def _answers(self, entry: Logged) -> bool:
        event = entry.event
        return event.type in ANSWERS and bool(event.item_id) and self._counts(Pseudonym(event.user_id))

    def _follow_lists(self, feedback: Feedback) -> None:
        found = self._shop.impressions.follow(self._lists, AT_ONCE)
        while found:
            feedback.lists(shown for _, shown in found)
            self._lists = found[-1][0]
            found = self._shop.impressions.follow(self._lists, AT_ONCE)


def _answer(entry: Logged) -> Answer:
    event = entry.event
    return Answer(
        Pseudonym(event.user_id), event.item_id or "", event.timestamp, event.recommendation_id or ""
    )


def _answers(shop: Shop, columns: EventColumns) -> Iterator[Answer]:
    """Events that may answer, in the order of the log."""
    named = shop.impressions.named()
    rows = np.flatnonzero(np.isin(columns.type, _CODES) & (columns.item >= 0))
    for row in rows[np.argsort(columns.position[rows])].tolist():
        yield Answer(
            Pseudonym(columns.people[columns.person[row]]),
            columns.items[columns.item[row]],
            float(columns.time[row]),
            named.get(int(columns.position[row]), ""),
        )
