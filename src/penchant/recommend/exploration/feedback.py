"""Follows lists that are shown and events that answer them, and tells :class:`Learned` of both."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import exp
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penchant.events.impressions import ANSWERED, LOOKED_AT
from penchant.recommend.exploration.learned import Learned, Slot
from penchant.types import EventType, Impression, Pseudonym, Recommendation

LISTS: Final = 50_000
"""Newest lists that are learned from."""

ANSWERS: Final = frozenset(
    {EventType.VIEW, EventType.CLICK, EventType.CART, EventType.WISHLIST, EventType.PURCHASE}
)
"""Events on an item that say that its list was of use."""

LEAST: Final = 0.02
"""A drawn item counts for no less of the answers of its place, however far below it its score is."""

RowsOf = Callable[[Sequence[str]], NDArray[np.integer]]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What may answer a list: ``named`` is the one that the event names, empty for none."""

    person: Pseudonym
    item: str
    time: float
    named: str = ""


@dataclass(slots=True, eq=False)
class _Shown:
    name: str
    person: Pseudonym
    time: float
    placement: str
    slots: dict[str, Slot]
    answered: set[str] = field(default_factory=set[str])


class Feedback:
    """The newest ``most`` lists of people who count, and which of their items were answered within a day.

    An event answers the list that it names, if that is the person's own and holds the item; else the newest
    list of the day before that holds the item. What it holds of a person goes with the person, and so
    does what was learned of it.
    """

    erasable_name = "exploration"

    def __init__(
        self, learned: Learned, rows_of: RowsOf, counts: Callable[[Pseudonym], bool], most: int = LISTS
    ) -> None:
        self._learned = learned
        self._rows_of = rows_of
        self._counts = counts
        self._most = most
        self._lock = Lock()
        self._lists: OrderedDict[str, _Shown] = OrderedDict()
        self._of: dict[Pseudonym, list[str]] = {}

    def lists(self, shown: Iterable[Impression]) -> None:
        """Lists in the order of the log. Those that no model made teach nothing."""
        for one in shown:
            person = Pseudonym(one.user_id)
            if not person or not one.snapshot or one.fallback or not self._counts(person):
                continue
            found = _Shown(
                one.recommendation_id, person, one.timestamp, one.placement, self._slots(one.items)
            )
            with self._lock:
                self._keep(found)

    def answers(self, answers: Iterable[Answer]) -> None:
        """Events in the order of the log."""
        for one in answers:
            with self._lock:
                shown = self._answered(one)
                if shown is not None and one.item not in shown.answered:
                    shown.answered.add(one.item)
                    self._learned.answered(shown.placement, shown.slots[one.item])

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        """Lists and what was answered of them."""
        with self._lock:
            return [
                {"recommendation_id": name, "answered": sorted(self._lists[name].answered)}
                for name in self._of.get(person, [])
            ]

    def erase_person(self, person: Pseudonym) -> int:
        """How many lists went."""
        with self._lock:
            names = list(self._of.get(person, []))
            for name in names:
                self._forget(name)
            return len(names)

    def rename(self, guest: Pseudonym, person: Pseudonym, since: float = float("-inf")) -> int:
        """Lists that the guest was shown after ``since`` (unix seconds) are the person's; how many."""
        with self._lock:
            names = self._of.pop(guest, [])
            moved = [name for name in names if self._lists[name].time > since]
            if len(moved) < len(names):
                self._of[guest] = [name for name in names if name not in moved]
            for name in moved:
                self._lists[name].person = person
            if moved:  # In the order of the log, as if they had been one all along.
                both = {*self._of.get(person, []), *moved}
                self._of[person] = [name for name in self._lists if name in both]
            return len(moved)

    def _slots(self, items: Sequence[Recommendation]) -> dict[str, Slot]:
        rows = self._rows_of([item.item_id for item in items]).tolist()
        return {
            item.item_id: Slot(row, item.position, _factor(items, place))
            for place, (item, row) in enumerate(zip(items, rows, strict=True))
            if row >= 0
        }

    def _keep(self, found: _Shown) -> None:
        if found.name in self._lists:
            return
        self._lists[found.name] = found
        self._of.setdefault(found.person, []).append(found.name)
        self._learned.shown(found.placement, list(found.slots.values()))
        while len(self._lists) > self._most:
            self._forget(next(iter(self._lists)))

    def _forget(self, name: str) -> None:
        gone = self._lists.pop(name)
        self._learned.shown(gone.placement, list(gone.slots.values()), -1.0)
        for item in gone.answered:
            self._learned.answered(gone.placement, gone.slots[item], -1.0)
        left = self._of[gone.person]
        left.remove(name)
        if not left:
            del self._of[gone.person]

    def _answered(self, one: Answer) -> _Shown | None:
        named = self._lists.get(one.named)
        if named is not None and named.person == one.person and one.item in named.slots:
            return named
        for name in reversed(self._of.get(one.person, [])[-LOOKED_AT:]):
            shown = self._lists[name]
            if one.item in shown.slots and 0 <= one.time - shown.time <= ANSWERED:
                return shown
        return None


def _factor(items: Sequence[Recommendation], place: int) -> float:
    """Of the answers of its place that an item may expect by its score, beside what stands next to it.

    1 for what was not drawn.
    """
    if items[place].reason.kind != "tried":
        return 1.0
    around = [*items[place + 1 :], *reversed(items[:place])]
    score = next((item.score for item in around if item.reason.kind != "tried"), items[place].score)
    return float(min(0.999, max(LEAST, exp(min(0.0, items[place].score - score)))))
