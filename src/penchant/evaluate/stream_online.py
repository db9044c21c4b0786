"""An item table that learns within the blocks of a stream, as the product's does every few seconds.

Questions are answered in order of time, a few at once. What was then taken for the first time is learned as
soon as it lies in the past: when its basket's last event is before the next question. So events of one moment
teach nothing about each other, and of a log that only knows days each day is learned when it is over.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from penchant.evaluate.arms import Turn
from penchant.evaluate.recommender import Contexts, Questions, Scores, Training, blocks, wanted
from penchant.evaluate.stream_asking import Asker, Ranks, in_order
from penchant.evaluate.stream_cut import Floats, Stream
from penchant.learn.online import FirstTimes, OnlineSettings, OnlineTable, pairs
from penchant.model.dials import openness, weighed
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.scoring import Answers, ItemScores, PreferenceModel

STEP = 64
"""Questions at most that are answered, or learned from, at once."""
MOMENTS, AMONG = 200, 2_000
"""So many of the latest moments tell what behaviour is like before anything is learned, evenly spread."""
READ = 100
"""Events before each of these moments that are read for that."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One question that was answered, and what was taken for the first time then.

    Attributes:
        h: (D,) behaviour as scores weigh it. items: (k,) that were new to the person. levels: (N,) bias and
            trend of all items then. had: (m,) items of the person's record. over: unix seconds of the last
            event of the basket.
    """

    h: FloatArray
    items: IntArray
    levels: FloatArray
    had: IntArray
    over: float


def first_times(lessons: Sequence[Lesson]) -> FirstTimes:
    """All that some lessons teach; each counts 1, shared out among its items.

    >>> one = Lesson(np.ones(2, np.float32), np.array([4, 5]), np.zeros(6, np.float32), np.array([0]), 0.0)
    >>> found = first_times([one])
    >>> found.items.tolist(), found.weights.tolist(), found.had.tolist()
    ([4, 5], [0.5, 0.5], [[0, 1], [0, 0]])
    """
    counts = np.array([len(one.items) for one in lessons])
    owner = np.repeat(np.arange(len(lessons)), counts)
    return FirstTimes(
        h=np.stack([one.h for one in lessons])[owner],
        items=np.concatenate([one.items for one in lessons]),
        weights=(1 / counts[owner]).astype(np.float32),
        levels=np.stack([one.levels for one in lessons])[owner],
        had=pairs([one.had for one in lessons for _ in one.items]),
    )


@dataclass(slots=True, eq=False)
class TableLearner:
    """A model with a table beside it that learns from what it was asked. Made by :meth:`start`.

    Attributes:
        model: its encoder and weights stay. asker: of the stream.
        items: what is the same for everybody. table: what was learned.
        rng: of what is drawn. waiting: lessons whose baskets may still go on.
    """

    model: PreferenceModel
    asker: Asker
    items: ItemScores
    table: OnlineTable
    rng: np.random.Generator
    waiting: list[Lesson] = field(default_factory=list[Lesson])

    @classmethod
    def start(cls, model: PreferenceModel, asker: Asker, settings: OnlineSettings, turn: Turn) -> Self:
        """Nothing is learned yet; what came before ``turn`` tells what behaviour is like."""
        items = model.item_scores()
        stream = asker.stream
        h = asker.behaviour(model, latest(stream, turn.block), READ) * np.float32(items.personal)
        table = OnlineTable.beside(items.vectors, model.counts, h, settings)
        return cls(model, asker, items, table, np.random.default_rng(turn.seed))

    def ask(self, block: int, clock: Callable[[], float]) -> tuple[Ranks, float]:
        """Ranks of the relevant items (R,), 0 where nothing was asked, and the seconds spent on learning."""
        stream = self.asker.stream
        asked = stream.split.questions
        chosen = np.flatnonzero(stream.block == block)
        chosen = chosen[np.argsort(asked.contexts.times[chosen], kind="stable")]
        turns = _InTurn(self, in_order(asked, chosen)[0], clock)
        return self.asker.ranks(turns, chosen), sum(turns.spent)

    def catch_up(self, moment: float, step: int = STEP) -> None:
        """Learn all that was over before ``moment`` (unix seconds), ``step`` questions at once."""
        ready = [one for one in self.waiting if one.over < moment]
        self.waiting = [one for one in self.waiting if one.over >= moment]
        for part in blocks(len(ready), step):
            self.table.learn(first_times(ready[part]), self.rng)

    def levels(self, times: Floats) -> FloatArray:
        """Bias and trend of all items at each of ``times`` (b,), (b, N)."""
        found = np.empty((len(times), len(self.items.bias)), np.float32)
        for places, seen in self.asker.trend.moments(times, len(self.items.bias)):
            found[places] = self.items.bias + self.items.levels(seen)
        return found

    def scores(self, answers: Answers, part: slice, levels: FloatArray) -> Scores:
        """Of all items as the table stands, (b, N), for the answers of ``part`` with their ``levels``."""
        counts = np.diff(answers.offsets[part.start : part.stop + 1])
        lifted = self.items.novelty + weighed(openness(counts, answers.events[part]), self.items.open)
        scores = answers.h[part] @ self.table.scored().T
        scores *= self.items.personal
        scores += levels
        scores += self.table.lifts()
        scores += lifted[:, None]
        answers.put_again(part, scores)
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class _InTurn:
    """The questions of a block in order of time, answered by one who learns in between."""

    learner: TableLearner
    questions: Questions
    clock: Callable[[], float]
    spent: list[float] = field(default_factory=list[float])

    @property
    def name(self) -> str:
        return self.learner.model.settings.encoder

    def fit(self, training: Training) -> None:
        """Nothing: it learns while it is asked."""

    def score_blocks(
        self, histories: Histories, contexts: Contexts, block: int
    ) -> Iterator[tuple[slice, Scores]]:
        learner, step = self.learner, min(STEP, block)
        answers = learner.asker.answers(learner.model, histories, contexts)
        over = ends_of(histories, contexts)
        for part in blocks(len(contexts), step):
            begun = self.clock()
            learner.catch_up(float(contexts.times[part.start]), step)
            self.spent.append(self.clock() - begun)
            levels = learner.levels(contexts.times[part])
            yield part, learner.scores(answers, part, levels)
            learner.waiting += self._lessons(answers, part, levels, over)

    def _lessons(self, answers: Answers, part: slice, levels: FloatArray, over: Floats) -> Iterator[Lesson]:
        personal, owner = np.float32(self.learner.items.personal), self.questions.owner
        begins = np.searchsorted(owner, np.arange(part.start, part.stop + 1))
        for place, row in enumerate(range(part.start, part.stop)):
            had = answers.items[answers.of(row)].astype(np.int64)
            new = np.setdiff1d(self.questions.items[begins[place] : begins[place + 1]], had)
            if len(new):
                yield Lesson(personal * answers.h[row], new, levels[place], had, float(over[row]))


def latest(stream: Stream, block: int) -> Contexts:
    """Some of the last baskets of the predicted type before ``block`` began, as moments."""
    full = stream.split.full
    first = np.append(True, np.diff(full.baskets) != 0)[: full.events]
    rows = np.flatnonzero(first & wanted(full, stream.split.target) & (full.times < stream.edges[block]))
    rows = rows[np.argsort(full.times[rows], kind="stable")][-AMONG:]
    rows = np.sort(rows[:: -(-len(rows) // MOMENTS) or 1])
    people = np.searchsorted(full.offsets, rows, side="right") - 1
    return Contexts(people, rows, full.times[rows])


def ends_of(histories: Histories, contexts: Contexts) -> Floats:
    """Unix seconds of the last event of the basket that begins at each of ``contexts`` (C,)."""
    last = np.searchsorted(histories.baskets, histories.baskets[contexts.ends], side="right") - 1
    return np.maximum(contexts.times, histories.times[last])
