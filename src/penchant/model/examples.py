"""Histories to batches: each prefix an example of its own, or windows that carry state."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import Histories, IntArray
from penchant.model.repeat import Memory, empty_memory, remember
from penchant.model.tokens import gaps_in_days, session_class, session_places, wanted


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """Moments at which the next items are asked for, and what was then taken.

    Attributes:
        people, ends: (Q,) person row; index of the first event that is not known yet.
        times: (Q,) unix seconds of the moment.
        offsets, items: the answers of question q are ``items[offsets[q]:offsets[q + 1]]``, distinct.
    """

    people: IntArray
    ends: IntArray
    times: NDArray[np.float64]
    offsets: IntArray
    items: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.people)

    def take(self, rows: IntArray) -> "Questions":
        """Only these, in this order."""
        counts = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        flat = np.repeat(self.offsets[:-1][rows] - offsets[:-1], counts) + np.arange(offsets[-1])
        return Questions(self.people[rows], self.ends[rows], self.times[rows], offsets, self.items[flat])


def moments(people: IntArray, ends: IntArray, times: NDArray[np.float64]) -> Questions:
    """Questions without known answers."""
    return Questions(people, ends, times, np.zeros(len(people) + 1, np.int64), np.zeros(0, np.int32))


def basket_questions(histories: Histories) -> Questions:
    """One question before each basket (or single event) in which an item was wanted.

    >>> from penchant.model.histories import histories_of
    >>> basket_questions(histories_of([[3, 4]])).items.tolist()
    [3, 4]
    """
    people = histories.person_of_event()
    change = np.ones(histories.events, dtype=bool)
    change[1:] = (np.diff(histories.baskets) != 0) | (np.diff(people) != 0)
    basket = np.cumsum(change) - 1
    rows = np.flatnonzero(wanted(histories.items, histories.types))
    pairs = np.stack([basket[rows], histories.items[rows]])
    _, first = np.unique(pairs, axis=1, return_index=True)
    rows = rows[np.sort(first)]
    named, counts = np.unique(basket[rows], return_counts=True)
    starts = np.flatnonzero(change)[named]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Questions(people[starts], starts, histories.times[starts], offsets, histories.items[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B runs of events and the P questions that fall into them.

    Attributes:
        rows: (L, B) index of each event, padded at the end with the run's last or 0; lengths: (B,).
        days: (L, B) since the event before. sessions: (L, B) class of the place in the session.
        fresh: (B,) bool, the run starts with the person's first event (or at a cut): no state before.
        carry: state goes on from the batch before.
        questions: (P,) rows in the questions. steps, columns: (P,) the question is asked after
            ``steps`` tokens of run ``columns``.
        memory: (P, M) repeat memory then. events: (P,) wanted events of the person so far.
    """

    rows: IntArray
    lengths: IntArray
    days: NDArray[np.float32]
    sessions: IntArray
    carry: bool
    questions: IntArray
    steps: IntArray
    columns: IntArray
    memory: Memory
    events: NDArray[np.float64]


def days_between(histories: Histories) -> NDArray[np.float32]:
    """Days since the same person's event before, 0 for a first one or a time that runs back, (E,)."""
    gaps = np.zeros(histories.events, np.float32)
    gaps[1:] = gaps_in_days(histories.times)
    starts = histories.offsets[:-1]
    gaps[starts[starts < histories.events]] = 0
    return gaps


def sessions_of(histories: Histories) -> IntArray:
    """Class of each event's place in its session, (E,)."""
    gaps = np.diff(histories.times, prepend=np.nan)
    starts = histories.offsets[:-1]
    gaps[starts[starts < histories.events]] = np.nan
    return session_class(session_places(gaps))


class Reader:
    """Makes batches of one :class:`Histories`. ``places``: of the repeat memory, 0 for none."""

    def __init__(self, histories: Histories, places: int) -> None:
        self.histories = histories
        self.places = places
        self._days = days_between(histories)
        self._sessions = sessions_of(histories)
        self._wanted = wanted(histories.items, histories.types)

    def prefixes(
        self, questions: Questions, size: int, window: int, rng: np.random.Generator
    ) -> Iterator[Batch]:
        """Each question with the ``window`` events before it; lengths alike within a batch, shuffled."""
        begins = np.maximum(questions.ends - window, self.histories.offsets[questions.people])
        order = rng.permutation(len(questions))
        lengths = questions.ends - begins
        pool = 16 * size
        groups: list[IntArray] = []
        for start in range(0, len(order), pool):
            part = order[start : start + pool]
            part = part[np.argsort(lengths[part], kind="stable")]
            groups += [part[i : i + size] for i in range(0, len(part), size)]
        for group in rng.permutation(len(groups)).tolist():
            rows = groups[group]
            count = lengths[rows]
            yield self._batch(
                begins[rows],
                count,
                _Asked(rows, count, np.arange(len(rows))),
                empty_memory(len(rows), max(1, min(self.places, int(count.max())))),
                np.zeros(len(rows)),
                False,
            )

    def windows(
        self,
        questions: Questions,
        size: int,
        window: int,
        rng: np.random.Generator | None,
        most: int | None = None,
    ) -> Iterator[Batch]:
        """All events up to each person's last question, ``size`` people side by side.

        Fewer where windows of so many would hold more than ``most`` events: among many with few events those
        with many lie together.
        """
        order = np.argsort(questions.people, kind="stable")
        people, first, counts = np.unique(questions.people[order], return_index=True, return_counts=True)
        starts = self.histories.offsets[people]
        last = np.maximum.reduceat(questions.ends[order], first) if len(people) else first
        for group in _alike(last - starts, size, rng, None if most is None else (most, window)):
            asked = np.concatenate([order[first[g] : first[g] + counts[g]] for g in group])
            columns = np.repeat(np.arange(len(group)), counts[group])
            ahead = questions.ends[asked] - starts[group][columns]
            yield from self._through(
                starts[group], (last - starts)[group], _Asked(asked, ahead, columns), window
            )

    def _through(self, starts: IntArray, lengths: IntArray, asked: "_Asked", window: int) -> Iterator[Batch]:
        memory = empty_memory(len(starts), min(self.places, max(1, int(lengths.max()))))
        events = np.zeros(len(starts))
        for begin in range(0, int(lengths.max()) + 1, window):
            here = np.clip(lengths - begin, 0, window)
            end = begin + window
            inside = asked.take((asked.steps >= begin) & (asked.steps < end)).moved(-begin)
            yield self._batch(starts + begin, here, inside, memory, events, begin > 0)

    def _batch(  # noqa: PLR0917
        self,
        starts: IntArray,
        lengths: IntArray,
        asked: "_Asked",
        memory: Memory,
        events: NDArray[np.float64],
        carry: bool,
    ) -> Batch:
        long = int(lengths.max(initial=0))
        steps = np.arange(long)[:, None]
        rows = np.where(steps < lengths, starts + np.minimum(steps, np.maximum(lengths - 1, 0)), 0)
        kept = empty_memory(len(asked.rows), memory.shape[1])
        seen = np.zeros(len(asked.rows))
        by_step = _by_step(asked.steps, long)
        for step in range(long + 1):
            now = by_step[step]
            kept[now], seen[now] = memory[asked.columns[now]], events[asked.columns[now]]
            if step < long:
                self._remember(rows[step], step < lengths, memory, events)
        days, sessions = self._days[rows], self._sessions[rows]
        return Batch(rows, lengths, days, sessions, carry, asked.rows, asked.steps, asked.columns, kept, seen)

    def _remember(
        self, rows: IntArray, inside: NDArray[np.bool_], memory: Memory, events: NDArray[np.float64]
    ) -> None:
        live = inside & self._wanted[rows]
        h, at = self.histories, rows[live]
        if self.places and live.all():
            remember(memory, h.items[at], h.types[at], h.times[at])
        elif self.places and live.any():
            part = memory[live]
            remember(part, h.items[at], h.types[at], h.times[at])
            memory[live] = part
        events += live


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Questions (rows), after how many tokens (steps) of which run (columns)."""

    rows: IntArray
    steps: IntArray
    columns: IntArray

    def take(self, which: NDArray[np.bool_]) -> "_Asked":
        return _Asked(self.rows[which], self.steps[which], self.columns[which])

    def moved(self, by: int) -> "_Asked":
        return _Asked(self.rows, self.steps + by, self.columns)


def _by_step(steps: IntArray, long: int) -> list[IntArray]:
    """Places of the questions asked at each step from 0 to ``long``."""
    order = np.argsort(steps, kind="stable")
    cuts = np.searchsorted(steps[order], np.arange(1, long + 1))
    return np.split(order, cuts)


def _alike(
    lengths: IntArray, size: int, rng: np.random.Generator | None, room: tuple[int, int] | None
) -> Iterator[IntArray]:
    """Groups of ``size`` people of about equal length; in random order where ``rng`` is given.

    ``room``: events that a window of a group may hold, and the longest window; None for any number.

    >>> groups = _alike(np.array([9, 1, 1, 9, 1, 9]), 3, None, (10, 5))
    >>> [group.tolist() for group in groups]
    [[1, 2, 4], [0, 3], [5]]
    """
    noise = rng.uniform(0.8, 1.25, len(lengths)) if rng else 1.0
    order = np.argsort(lengths * noise, kind="stable")
    groups, start = list[IntArray](), 0
    while start < len(order):
        group = order[start : start + size]
        if room is not None:
            group = group[: max(1, room[0] // max(1, min(room[1], int(lengths[group].max()))))]
        groups.append(group)
        start += len(group)
    ranks = rng.permutation(len(groups)) if rng else np.arange(len(groups))
    return (groups[rank] for rank in ranks.tolist())
