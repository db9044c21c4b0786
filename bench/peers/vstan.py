"""A session kNN of the VSTAN form, written here.

Garg et al., "Sequence and time aware neighborhood for session-based recommendations: STAN", SIGIR 2019;
Ludewig et al., "Empirical analysis of session-based recommendation algorithms", UMUAI 31, 2021 (VSTAN).
"""

from dataclasses import dataclass

import numpy as np
from exchange import Asked, Task, answer, history_matrix

DAY = 86_400.0


@dataclass(frozen=True)
class Settings:
    """Of one VSTAN.

    Attributes:
        only_target: events of the predicted type alone.
        by: ``person``, all of a person's events are one session, or ``basket``.
        last: events of a history that are looked at.
        neighbours: sessions that are asked. sample: newest sessions that are compared.
        own: events after which a place of the history counts 1/e (STAN's λ1).
        age: days after which a session counts 1/e (λ2); 0 for no fading.
        near: places away from the common item after which an item counts 1/e (λ3).
        rare: weight of an item's rarity, 0 for none.
    """

    only_target: bool = False
    by: str = "person"
    last: int = 30
    neighbours: int = 500
    sample: int = 5_000
    own: float = 3.0
    age: float = 0.0
    near: float = 3.0
    rare: float = 1.0
    threads: int = 1


class Sessions:
    """Sessions that have something in common with a history, the alike ones first."""

    def __init__(self, task: Task, settings: Settings, seed: int):  # noqa: ARG002 - nothing is drawn
        self.task, self.settings = task, settings

    def fit(self) -> dict:
        """Index the sessions: their items, and the sessions of each item."""
        s, train = self.settings, self.task.train
        rows = np.flatnonzero(self.task.wanted(train, s.only_target))
        named = train.people()[rows] if s.by == "person" else train.baskets[rows]
        _, session = np.unique(named, return_inverse=True)
        self.items, times = train.items[rows], train.times[rows]
        count = int(session.max()) + 1
        self.starts = np.searchsorted(session, np.arange(count + 1))
        self.lengths = np.diff(self.starts)
        self.ended = np.maximum.reduceat(times, self.starts[:-1])
        _, first = np.unique(session * self.task.n_items + self.items, return_index=True)
        place = np.arange(len(rows)) - self.starts[session]
        by_item = np.lexsort((session[first], self.items[first]))
        chosen = first[by_item]
        self.holding, self.at = session[chosen], place[chosen]
        self.edges = np.searchsorted(self.items[chosen], np.arange(self.task.n_items + 1))
        common = np.maximum(np.diff(self.edges), 1)
        self.rarity = (np.log(count / common) + 1e-3) ** s.rare
        self.distinct = np.sqrt(np.bincount(session[first], minlength=count))
        return {}

    def lists(self, asked: Asked) -> np.ndarray:
        """Where no session is alike, popular items."""
        full = self.task.full
        owner, events = history_matrix(
            full, self.task.wanted(full, self.settings.only_target), asked, self.settings.last
        )
        edges = np.searchsorted(owner, np.arange(len(asked) + 1))
        prior = self.task.prior()

        def score(rows: np.ndarray) -> np.ndarray:
            scores = np.zeros((len(rows), self.task.n_items), np.float32)
            for place, row in enumerate(rows):
                history = full.items[events[edges[row] : edges[row + 1]]]
                self._add(scores[place], history, asked.times[row])
            return np.where(scores > 0, scores, prior)

        return answer(asked, score, self.task.n_items, prior)

    def _add(self, scores: np.ndarray, history: np.ndarray, now: float) -> None:
        items, places = np.unique(history[::-1], return_index=True)
        weights = np.exp(-places / self.settings.own) * self.rarity[items]
        norm = np.sqrt((weights**2).sum())
        spans = self.edges[items + 1] - self.edges[items]
        if not spans.sum():
            return
        flat = np.repeat(self.edges[items] - np.cumsum(spans) + spans, spans) + np.arange(spans.sum())
        sessions, which = np.unique(self.holding[flat], return_inverse=True)
        alike = np.bincount(which, weights=np.repeat(weights, spans))
        # The common item that counts most says where in the session one stands.
        heavy = np.lexsort((np.repeat(weights, spans), which))
        stands = self.at[flat][heavy[np.append(np.flatnonzero(np.diff(which[heavy])), len(which) - 1)]]
        kept = self._nearest(sessions, alike / (norm * self.distinct[sessions]), now)
        self._vote(scores, sessions[kept[0]], stands[kept[0]], kept[1])

    def _nearest(self, sessions: np.ndarray, alike: np.ndarray, now: float) -> tuple[np.ndarray, np.ndarray]:
        s, rows = self.settings, np.arange(len(sessions))
        if len(rows) > s.sample:
            rows = np.argpartition(-self.ended[sessions], s.sample)[: s.sample]
        alike = alike[rows]
        if s.age:
            alike = alike * np.exp(-np.abs(now - self.ended[sessions[rows]]) / (s.age * DAY))
        if len(rows) > s.neighbours:
            best = np.argpartition(-alike, s.neighbours)[: s.neighbours]
            return rows[best], alike[best]
        return rows, alike

    def _vote(self, scores: np.ndarray, sessions: np.ndarray, stands: np.ndarray, alike: np.ndarray) -> None:
        long = self.lengths[sessions]
        begins = np.cumsum(long) - long
        inside = np.arange(long.sum()) - np.repeat(begins, long)
        items = self.items[np.repeat(self.starts[sessions], long) + inside]
        away = np.abs(inside - np.repeat(stands, long))
        votes = np.repeat(alike, long) * np.exp(-away / self.settings.near) * self.rarity[items]
        np.add.at(scores, items, votes.astype(np.float32))
