"""What to ask somebody new, and what their answers say: others who answer alike, as the log knows them.

A question is an item that stands for its kind: its category, or itself where it has none or where things of
its category are bought again, so that which one it is says more. What somebody would answer is told by what
people of the log took: whoever took something of the kind would like it, but for :data:`DOUBT`. So answers
weigh people (a posterior over whom the new one is like), and the question that tells most is the one whose
answer is hardest to foretell: with the same doubt in each answer that is where the expected information is
greatest (Houlsby et al.: Bayesian active learning for classification and preference learning, 2011;
Golbandi, Koren and Lempel: Adaptive bootstrapping of recommender systems, 2011).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.recommend.candidates import top_k
from penchant.types import Pseudonym

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

DOUBT = 0.1
"""Chance of an answer that does not fit what somebody takes."""

PEOPLE, FEWEST, MOST_ITEMS = 4_000, 3, 200
"""People of the log who are looked at, of those with so many different items; newest items of each."""

KNOWN = 2_000
"""Most popular items, of which the first of each kind may be asked about: who is asked must know it."""

POPULAR, LIFT = 0.3, 0.3
"""What popularity adds to what those who answer alike took, and the power of how much more of a kind they
take than everybody does. Chosen by hand on held-out people of Beauty."""

Again = Callable[[CatalogView], Mask]

Answers = Mapping[int, bool]
"""Item row → whether it is liked."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kinds:
    """Kinds of one version of the catalogue. ``of``: of each item row. ``who``, ``kind``: (m,) pairs of a
    person and a kind that the person took something of, each once."""

    version: int
    of: Ints
    who: Ints
    kind: Ints
    count: int


class Crowd:
    """Some people of the log and the items that each took.

    Args:
        people: names, kept so that one of them can be forgotten.
        who, items, share: (m,) person, item row, and its share of all that the person took; each pair once.
        again: (len(view),) items that are bought again, of a catalogue.
    """

    def __init__(self, people: list[Pseudonym], who: Ints, items: Ints, share: Floats, again: Again) -> None:
        self._number = {person: number for number, person in enumerate(people)}
        self._there = np.ones(len(people), dtype=bool)
        self._who, self._items, self._share = who, items, share
        self._again = again
        self._lock = Lock()
        self._kinds: _Kinds | None = None

    def __len__(self) -> int:
        return int(self._there.sum())

    def forget(self, person: Pseudonym) -> None:
        """Somebody who opts out or is erased is like nobody any more."""
        with self._lock:
            number = self._number.pop(person, None)
            if number is not None:
                self._there[number], self._kinds = False, None
                keep = self._who != number
                self._who, self._items = self._who[keep], self._items[keep]
                self._share = self._share[keep]

    def questions(
        self,
        view: CatalogView,
        allowed: Mask,
        popular: NDArray[np.float32],
        answers: Answers,
        n: int,
        *,
        past: Sequence[int] = (),
    ) -> list[int]:
        """Up to ``n`` item rows to ask about next, the first one first.

        One after the other they adapt to each answer. Of several at once each is chosen as if those before it
        were answered in the way that is likelier.

        Args:
            view: the catalogue.
            allowed: (len(view),) what may be shown.
            popular: (len(view),) how much.
            answers: so far.
            n: questions wanted.
            past: rows of other items that were asked about: nothing of their kinds is asked again.
        """
        kinds = self._of(view)
        asked = {int(kinds.of[row]) for row in (*answers, *past) if row < len(kinds.of)}
        known = top_k(popular, allowed & (popular > 0), KNOWN)
        first = np.sort(np.unique(kinds.of[known], return_index=True)[1])
        standing = {int(kinds.of[row]): int(row) for row in known[first].tolist()}
        candidates = np.array([kind for kind in standing if kind not in asked], np.int64)
        weights, found = self._weights(kinds, answers), list[int]()
        while len(candidates) and len(found) < n:
            share = np.bincount(kinds.kind, weights[kinds.who], kinds.count)[candidates]
            best = int(np.abs(share - 0.5).argmin())
            kind, likely = int(candidates[best]), bool(share[best] > 0.5)
            found.append(standing[kind])
            weights = self._weighed(kinds, weights, kind, likes=likely)
            candidates = np.delete(candidates, best)
        return found

    def scores(
        self, view: CatalogView, popular: NDArray[np.float32], answers: Answers
    ) -> NDArray[np.float32]:
        """How well each item suits whoever answers so, from 0 to 1, (len(view),); ``popular`` where nothing
        is answered or nobody is known."""
        kinds = self._of(view)
        given = {row: likes for row, likes in answers.items() if row < len(kinds.of)}
        if not given or not len(self):
            return popular
        weights = self._weights(kinds, given)
        inside = self._items < len(view)
        part = weights[self._who[inside]] * self._share[inside]
        taken = np.bincount(self._items[inside], part, len(view))
        share = taken / max(taken.sum(), 1e-12) + POPULAR * popular / max(float(popular.sum()), 1e-12)
        before = np.bincount(kinds.kind, minlength=kinds.count) / len(self)
        now = np.bincount(kinds.kind, weights[kinds.who], kinds.count)
        least = 1.0 / len(self)
        scores = share * ((now + least) / (before + least))[kinds.of] ** LIFT
        return (scores / max(float(scores.max()), 1e-12)).astype(np.float32)

    def _weights(self, kinds: _Kinds, answers: Answers) -> Floats:
        """How likely the new one is like each of the people, (P,), together 1."""
        weights = self._there / max(1, len(self))
        for row, likes in answers.items():
            if row < len(kinds.of):
                weights = self._weighed(kinds, weights, int(kinds.of[row]), likes=likes)
        return weights

    def _weighed(self, kinds: _Kinds, weights: Floats, kind: int, *, likes: bool) -> Floats:
        would = np.zeros(len(weights), dtype=bool)
        would[kinds.who[kinds.kind == kind]] = True
        fits = np.where(would == likes, 1 - DOUBT, DOUBT)
        return weights * fits / max(float((weights * fits).sum()), 1e-300)

    def _of(self, view: CatalogView) -> _Kinds:
        with self._lock:
            held = self._kinds
            if held is None or held.version != view.version or len(held.of) != len(view):
                self._kinds = held = self._made(view)
            return held

    def _made(self, view: CatalogView) -> _Kinds:
        named = view.category.astype(np.int64)
        count = len(view.categories.names)
        alone = (named < 0) | self._again(view)
        of = np.where(alone, count + np.arange(len(view)), named)
        inside = self._items < len(view)
        pairs = np.unique(np.stack([self._who[inside], of[self._items[inside]]], axis=1), axis=0)
        return _Kinds(view.version, of, pairs[:, 0], pairs[:, 1], count + len(view))


def none_again(view: CatalogView) -> Mask:
    """Where nothing is known to be bought again."""
    return np.zeros(len(view), dtype=bool)


def crowd_of(
    people: list[Pseudonym], person: Ints, items: Ints, *, again: Again = none_again, seed: int = 0
) -> Crowd:
    """A crowd drawn from events.

    Args:
        people: names.
        person: (E,) index into them, ascending, and each one's events in their order.
        items: (E,) item row of each event.
        again: see :class:`Crowd`.
        seed: of the drawing.

    >>> crowd = crowd_of([Pseudonym("a"), Pseudonym("b")], np.array([0, 0, 0, 1]), np.array([5, 6, 7, 5]))
    >>> len(crowd)
    1
    """
    events = np.bincount(person, minlength=len(people))
    # The newest event on each item stands for it.
    back = np.stack([person, items])[:, ::-1]
    _, last, times = np.unique(back, axis=1, return_index=True, return_counts=True)
    last = len(items) - 1 - last
    order = np.argsort(last)
    last, times = last[order], times[order]
    person, items = person[last], items[last]
    counts = np.bincount(person, minlength=len(people))
    chosen = np.flatnonzero(counts >= FEWEST)
    chosen = np.sort(np.random.default_rng(seed).permutation(chosen)[:PEOPLE])
    number = np.full(len(people), -1, np.int64)
    number[chosen] = np.arange(len(chosen))
    left = np.cumsum(counts)[person] - np.arange(len(person))
    keep = (left <= MOST_ITEMS) & (number[person] >= 0)
    return Crowd(
        [people[one] for one in chosen.tolist()],
        number[person[keep]],
        items[keep].astype(np.int64),
        times[keep] / events[person[keep]],
        again,
    )
