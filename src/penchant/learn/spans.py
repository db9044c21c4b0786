"""Spans of people's histories that are read again: what is fresh, and what is replayed with it."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from penchant.model.examples import Questions, basket_questions
from penchant.model.histories import Histories, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """S spans of histories. A person may have several.

    Attributes:
        people: (S,) person rows. begins, ends: (S,) the first event that is read, and the first after the
            last. asked: (S,) the first event that is asked for; those before it are context.
    """

    people: IntArray
    begins: IntArray
    asked: IntArray
    ends: IntArray

    def __len__(self) -> int:
        return len(self.people)

    def events(self) -> int:
        """How many are asked for."""
        return int((self.ends - self.asked).sum())

    def joined(self, more: Self) -> "Spans":
        """These and then ``more``."""
        both = ((self.people, more.people), (self.begins, more.begins), (self.asked, more.asked))
        return Spans(*(np.concatenate(pair) for pair in (*both, (self.ends, more.ends))))


def fresh_spans(histories: Histories, since: float, context: int) -> Spans:
    """All events from ``since`` (unix seconds) on, with at most ``context`` events of the person before them.

    >>> from penchant.model.histories import histories_of
    >>> spans = fresh_spans(histories_of([[1, 2, 3, 4], [5]]), 2 * 86_400.0, 1)
    >>> spans.people.tolist(), spans.begins.tolist(), spans.asked.tolist(), spans.ends.tolist()
    ([0], [1], [2], [4])
    """
    events = np.flatnonzero(histories.times >= since)
    people, first, counts = np.unique(
        histories.person_of_event()[events], return_index=True, return_counts=True
    )
    asked, ends = events[first], events[first + counts - 1] + 1
    return Spans(people, np.maximum(histories.offsets[people], asked - context), asked, ends)


def spans_around(histories: Histories, events: IntArray, length: int, context: int) -> Spans:
    """About ``length`` events of a person around each of ``events`` (S,), with ``context`` before them.

    >>> from penchant.model.histories import histories_of
    >>> spans = spans_around(histories_of([[1, 2, 3, 4], [5]]), np.array([2, 4]), 2, 9)
    >>> spans.begins.tolist(), spans.asked.tolist(), spans.ends.tolist()
    ([0, 4], [1, 4], [3, 5])
    """
    people = np.searchsorted(histories.offsets, events, side="right") - 1
    first, last = histories.offsets[people], histories.offsets[people + 1]
    asked, ends = np.maximum(first, events - length // 2), np.minimum(last, events + (length + 1) // 2)
    return Spans(people, np.maximum(first, asked - context), asked, ends)


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """Spans as histories of their own, one row each.

    Attributes:
        histories: the spans' events. questions: what is asked in them. spans: where they come from.
    """

    histories: Histories
    questions: Questions
    spans: Spans

    @property
    def people(self) -> IntArray:
        """Whose each span is, (S,)."""
        return self.spans.people

    def at_home(self, questions: Questions) -> Questions:
        """These questions of the excerpt as ones of the histories that it was taken from.

        >>> from penchant.model.histories import histories_of
        >>> taken = Excerpt.of(histories_of([[7], [1, 2, 3]]), Spans(*np.array([[1], [2], [3], [4]])))
        >>> home = taken.at_home(taken.questions)
        >>> home.people.tolist(), home.ends.tolist(), home.items.tolist()
        ([1], [3], [3])
        """
        rows = questions.people
        ends = self.spans.begins[rows] + questions.ends - self.histories.offsets[rows]
        return Questions(self.people[rows], ends, questions.times, questions.offsets, questions.items)

    @classmethod
    def of(cls, histories: Histories, spans: Spans) -> Self:
        """Read ``spans`` out of ``histories``. A basket that began in the context is not asked for.

        >>> from penchant.model.histories import histories_of
        >>> taken = Excerpt.of(histories_of([[1, 2, 3]]), Spans(*np.array([[0], [1], [2], [3]])))
        >>> taken.histories.items.tolist(), taken.questions.items.tolist()
        ([2, 3], [3])
        """
        lengths = spans.ends - spans.begins
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.repeat(spans.begins - offsets[:-1], lengths) + np.arange(offsets[-1])
        read = Histories(
            offsets=offsets,
            items=histories.items[rows],
            types=histories.types[rows],
            times=histories.times[rows],
            baskets=histories.baskets[rows],
            values=histories.values[rows],
            queries=histories.queries[rows],
        )
        questions = basket_questions(read)
        asked = questions.ends >= (offsets[:-1] + spans.asked - spans.begins)[questions.people]
        return cls(read, questions.take(np.flatnonzero(asked)), spans)
