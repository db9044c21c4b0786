"""The best items of a person by a form of the item table that follows the model."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from threading import RLock, Thread
from typing import Any

import numpy as np

from penchant.model.repeat import Memory
from penchant.recommend.candidates import top_k
from penchant.recommend.retrieval.port import Floats, Make, Mask, Retriever, Rows, Scored

FEW = 4_096
"""So many allowed rows are scored in full."""

MORE = 64
"""Rows beside twice as many as asked for."""

WIDER = 8
"""So many times more rows are looked at where the first ones proved too few."""

MOST_MOVED = 0.2
"""Share of rows that are moved one by one; where more are others, the form is made anew."""

PART = 16_384
"""Rows that are compared at once."""

_log = logging.getLogger(__name__)

Key = tuple[int, str]
"""Whose states are read by a model, and its snapshot. Two arms may begin with one snapshot: the weights of
one stay as they are, the other learns."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is wanted for whom, and when; as :meth:`~penchant.taste.model.PreferenceModel.scores` takes it."""

    state: Any
    now: float
    record: Memory | None
    about: Floats | None


@dataclass(slots=True, eq=False)
class _Held:
    form: Retriever
    vectors: Floats


def beside(work: Callable[[], None]) -> None:
    """Do it in a thread of its own."""
    Thread(target=work, name="item-table", daemon=True).start()


class Retrieval:
    """Finds the best items by a form of the item table, one for each model, and scores them in full.

    Args:
        choose: what makes the form, for a number of items; None where all items are scored in full.
        kept: models whose forms are kept: the one that serves, and those of arms.
        run: does what takes long: until it is done, all items are scored in full.
    """

    def __init__(
        self,
        choose: Callable[[int], Make | None],
        kept: int = 1,
        run: Callable[[Callable[[], None]], None] = beside,
    ) -> None:
        self._choose = choose
        self._kept = kept
        self._run = run
        # Whatever runs at once comes back to it in the same thread.
        self._lock = RLock()
        self._held: OrderedDict[Key, _Held] = OrderedDict()
        self._begun: set[Key] = set()

    def best(
        self, model: Scored, key: Key, question: Question, allowed: Mask, n: int
    ) -> tuple[Rows, Floats] | None:
        """Up to ``n`` best allowed rows, best first, and their scores.

        None where all items have to be scored: there is no form, it is not made yet, or what it found may
        not be all.

        Args:
            model: whose items they are.
            key: whose model it is. One that learns keeps its key, and its form follows it.
            question: who asks.
            allowed: (R,) of the first R rows, which of them may be found.
            n: items wanted.
        """
        make = self._choose(model.n_items)
        if make is None or n < 1:
            return None
        with self._lock:
            form = self._in_step(model, key, question.now, make)
            return None if form is None else _best(form, model, question, allowed[: len(form)], n)

    def _in_step(self, model: Scored, key: Key, now: float, make: Make) -> Retriever | None:
        held, vectors = self._held.get(key), model.vectors()
        if held is None:
            self._begin(model, key, now, make)
            return None
        self._held.move_to_end(key)
        if held.vectors is vectors:
            return held.form
        rows = moved(held.vectors, vectors)
        if rows is None or len(rows) > MOST_MOVED * len(vectors):
            del self._held[key]
            self._begin(model, key, now, make)
            return None
        held.form.move(rows, vectors[rows], model.biases(now)[rows])
        held.vectors = vectors
        if held.form.worn:
            self._begin(model, key, now, make)
        return self._held[key].form

    def _begin(self, model: Scored, key: Key, now: float, make: Make) -> None:
        if key in self._begun:
            return
        self._begun.add(key)
        vectors, levels = model.vectors(), model.biases(now).copy()

        def work() -> None:
            try:
                form = make(vectors, levels)
            except Exception:
                # Not tried again: every list would, and all items are scored without it.
                _log.exception(
                    "no form of the item table of snapshot %s; all items are scored in full", key[1]
                )
            else:
                self._done(key, _Held(form, vectors))

        self._run(work)

    def _done(self, key: Key, held: _Held) -> None:
        with self._lock:
            self._held[key] = held
            self._begun.discard(key)
            while len(self._held) > self._kept:
                self._held.popitem(last=False)


def moved(old: Floats, new: Floats) -> Rows | None:
    """Ascending rows of ``new`` (N, D) that are others than in ``old`` (M, D), or new; None where it has
    fewer rows, or other dimensions.

    >>> moved(np.zeros((2, 1), np.float32), np.array([[0], [1], [2]], np.float32)).tolist()
    [1, 2]
    """
    if len(new) < len(old) or new.shape[1] != old.shape[1]:
        return None
    starts = range(0, len(old), PART)
    parts = [(old[start : start + PART], new[start : min(start + PART, len(old))]) for start in starts]
    found = [start + np.flatnonzero((a != b).any(1)) for start, (a, b) in zip(starts, parts, strict=True)]
    return np.concatenate([*found, np.arange(len(old), len(new))]).astype(np.int64)


def _best(
    form: Retriever, model: Scored, question: Question, allowed: Mask, n: int
) -> tuple[Rows, Floats] | None:
    person = _Person(model, question, allowed, n)
    if person.count <= FEW:
        return person.ranked(np.flatnonzero(person.others))
    for k in (2 * n + MORE, WIDER * (2 * n + MORE)):
        found = form.best(person.h, person.levels, person.others, min(k, person.count))
        best, scores = person.ranked(found.rows)
        if len(best) == n and (isnan(found.reach) or scores[-1] > found.reach + person.lift):
            return best, scores
    return None


class _Person:
    """One question. ``others`` (R,) are allowed rows that the person never wanted, ``count`` how many."""

    def __init__(self, model: Scored, question: Question, allowed: Mask, n: int) -> None:
        self._vectors, self._n = model.vectors(), n
        self.h, self.levels = (
            model.h(question.state, question.now, question.about),
            model.biases(question.now),
        )
        if len(allowed) < len(self.levels):  # Forms know the array again where it is the same.
            self.levels = self.levels[: len(allowed)]
        rows, again, lift = model.again(question.state, question.now, question.record, question.about)
        inside = rows < len(allowed)
        inside[inside] = allowed[rows[inside]]
        self._rows, self._again, self.lift = rows[inside], again[inside], lift.item()
        self.others = allowed.copy()
        self.others[rows[rows < len(allowed)]] = False
        self.count = int(np.count_nonzero(self.others))

    def ranked(self, candidates: Rows) -> tuple[Rows, Floats]:
        """The best of ``candidates`` and of what was wanted before, scored in full."""
        fresh = self._vectors[candidates] @ self.h + self.levels[candidates] + np.float32(self.lift)
        rows, scores = np.append(self._rows, candidates), np.append(self._again, fresh)
        order = np.argsort(rows)
        rows, scores = rows[order], scores[order]
        best = top_k(scores, np.ones(len(rows), dtype=bool), self._n)
        return rows[best], scores[best]
