"""Asks a model the questions of a stream, and tells how well each was answered."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from penchant.evaluate.ranked import rank_questions
from penchant.evaluate.recommender import Contexts, Questions, Recommender, Scores, Training
from penchant.evaluate.stream_cut import Floats, Stream
from penchant.learn.online import OnlineTable
from penchant.learn.spans import Excerpt, Spans
from penchant.metrics import relevance_metrics, tie_order
from penchant.model.ahead import torch_threads
from penchant.model.examples import moments
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.scoring import (
    Answers,
    ItemScores,
    PreferenceModel,
    answer,
    behaviour,
    score_blocks,
)
from penchant.model.trend import TrendTable

DEPTH = 10
"""Length of the lists."""
NDCG, HIT = f"ndcg@{DEPTH}", f"hit@{DEPTH}"
METRICS = (NDCG, HIT)

Ranks = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class ArmRun:
    """What one arm answered with one seed. Ranks are (R,), one a relevant item; 0 where it was not asked.

    Attributes:
        ranks: when its block was asked, before anything was learned from it.
        after: when its block had just been learned. final: when the stream had ended.
        matrix: (B + 1, B) NDCG@10, row t by what had learned all before block t began and learns no more; NaN
            where it was not asked. Its diagonal is the stream itself, but for what is learned within a block.
        seconds: (B + 1,) of processor spent on learning before and in each block; the last entry is what the
            last row of the matrix took.
    """

    ranks: Ranks
    after: Ranks
    final: Ranks
    matrix: Floats
    seconds: Floats


def quality(stream: Stream, ranks: Ranks, chosen: NDArray[np.bool_] | None = None) -> dict[str, Floats]:
    """NDCG@10 and HR@10 (``hit@10``) of each question, (Q,); NaN where it was not asked.

    ``chosen`` (R,): only these relevant items count, and a question with none of them is NaN.
    """
    questions = stream.split.questions
    counted = ranks > 0 if chosen is None else chosen & (ranks > 0)
    found = relevance_metrics(ranks[counted], questions.owner[counted], len(questions), [DEPTH])
    return {name: found[name] for name in METRICS}


@dataclass(frozen=True, slots=True, eq=False)
class Asker:
    """Asks a model the questions of a stream. Its trend is counted once, not anew for each model.

    Attributes:
        stream: what is asked. ties: (N,) order among equal scores.
        trend: what everybody takes, as far as may be known.
        limits: (P,) the event of each person from which on nothing is known; None for no limit.
    """

    stream: Stream
    ties: NDArray[np.int32]
    trend: TrendTable
    limits: IntArray | None

    @classmethod
    def of(cls, stream: Stream, live: bool) -> "Asker":
        """Asks with all that came before each moment; where it is not ``live``, before the cut."""
        split = stream.split
        seen = split.full if live else split.train
        limits = None if live else split.full.offsets[:-1] + split.train.lengths()
        return cls(stream, tie_order(stream.items.count), TrendTable.of(seen), limits)

    def ask(
        self, model: PreferenceModel, block: int | None = None, table: OnlineTable | None = None
    ) -> Ranks:
        """Ranks of the relevant items, (R,), of one block or of all; 0 where nothing was asked.

        ``table``: what was learned beside the model; it learns nothing here.
        """
        of = self.stream.block
        chosen = np.flatnonzero(of >= 0 if block is None else of == block)
        # In order of time: the trend of a moment is worked out once for all who are asked then.
        chosen = chosen[np.argsort(self.stream.split.questions.contexts.times[chosen], kind="stable")]
        return self.ranks(_Answers(model, self, table), chosen)

    def ranks(self, answering: Recommender, chosen: IntArray) -> Ranks:
        """Ranks of the relevant items, (R,), of the questions ``chosen``, asked in that order."""
        split = self.stream.split
        questions, places = in_order(split.questions, chosen)
        found = np.zeros(len(split.questions.items), np.int32)
        part = replace(split, questions=questions)
        found[places] = rank_questions(answering, part, DEPTH, self.ties).ranks
        return found

    def answers(self, model: PreferenceModel, histories: Histories, asked: Contexts) -> Answers:
        """What the scores of ``model`` are made of, from what may be known at each moment."""
        known, (white, words) = self.contexts(asked), self._inputs(model)
        with torch_threads(model.settings.threads):
            at = moments(known.people, known.ends, known.times)
            return answer(model.net, histories, at, self.trend, white, words)

    def behaviour(self, model: PreferenceModel, asked: Contexts, most: int) -> FloatArray:
        """That of ``model`` at each moment, (C, D), from the ``most`` events before it that may be known."""
        histories, known = self.stream.split.full, self.contexts(asked)
        begins = np.maximum(histories.offsets[known.people], known.ends - most)
        read = Excerpt.of(histories, Spans(known.people, begins, known.ends, known.ends))
        white, words = self._inputs(model)
        words = None if words is None else words[known.people]
        at = moments(np.arange(len(begins)), read.histories.offsets[1:], known.times)
        with torch_threads(model.settings.threads):
            return behaviour(model.net, read.histories, at, white, words)[0]

    def _inputs(self, model: PreferenceModel) -> tuple[FloatArray | None, IntArray | None]:
        """Vectors of searches and words of people as ``model`` reads them."""
        queries, attributes = self.stream.queries, self.stream.attributes
        white = None if queries is None else model.whitening(queries)
        return white, None if attributes is None else model.vocabulary.table(attributes)

    def contexts(self, asked: Contexts) -> Contexts:
        """What may be known at each moment."""
        if self.limits is None:
            return asked
        return replace(asked, ends=np.minimum(asked.ends, self.limits[asked.people]))


def in_order(questions: Questions, chosen: IntArray) -> tuple[Questions, IntArray]:
    """The questions ``chosen`` in that order, and where their relevant items were."""
    begins = np.searchsorted(questions.owner, np.arange(len(questions) + 1))
    counts = np.diff(begins)[chosen]
    owner = np.repeat(np.arange(len(chosen)), counts)
    places = np.repeat(begins[chosen] - np.cumsum(counts) + counts, counts) + np.arange(len(owner))
    contexts, types = questions.contexts.take(chosen), questions.types[chosen]
    return Questions(contexts, types, owner, questions.items[places]), places


def beside(items: ItemScores, table: OnlineTable) -> ItemScores:
    """``items`` with what was learned since."""
    return replace(items, vectors=table.scored(), bias=items.bias + table.lifts())


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """A model with what may be known, as one that can be asked."""

    model: PreferenceModel
    asker: Asker
    table: OnlineTable | None = None

    @property
    def name(self) -> str:
        return self.model.settings.encoder

    def fit(self, training: Training) -> None:
        """Nothing: the arms see to it."""

    def score_blocks(
        self, histories: Histories, contexts: Contexts, block: int
    ) -> Iterator[tuple[slice, Scores]]:
        items = self.model.item_scores()
        items = items if self.table is None else beside(items, self.table)
        answers = self.asker.answers(self.model, histories, contexts)
        yield from score_blocks(answers, items, self.asker.trend, block)
