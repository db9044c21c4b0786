"""Asks a model the questions of a stream, and tells how well each was answered."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from penchant.evaluate.protocols import pick
from penchant.evaluate.ranked import rank_questions
from penchant.evaluate.recommender import Contexts, Scores, Training
from penchant.evaluate.stream_cut import Floats, Stream
from penchant.metrics import relevance_metrics, tie_order
from penchant.model.histories import Histories, IntArray
from penchant.model.scoring import PreferenceModel
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
        matrix: (B + 1, B) NDCG@10, row t by the model that learned all before block t began; NaN where it was
            not asked. Its diagonal is the stream itself.
        seconds: (B + 1,) of processor spent on learning before each block; the last entry is what the last
            row of the matrix took.
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

    def ask(self, model: PreferenceModel, block: int | None = None) -> Ranks:
        """Ranks of the relevant items, (R,), of one block or of all; 0 where nothing was asked."""
        split = self.stream.split
        asked = self.stream.block >= 0 if block is None else self.stream.block == block
        ranks = np.zeros(len(split.questions.items), np.int32)
        part = replace(split, questions=pick(split.questions, asked))
        answers = _Answers(model, self)
        ranks[asked[split.questions.owner]] = rank_questions(answers, part, DEPTH, self.ties).ranks
        return ranks

    def contexts(self, asked: Contexts) -> Contexts:
        """What may be known at each moment."""
        if self.limits is None:
            return asked
        return replace(asked, ends=np.minimum(asked.ends, self.limits[asked.people]))


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """A model with what may be known, as one that can be asked."""

    model: PreferenceModel
    asker: Asker

    @property
    def name(self) -> str:
        return self.model.settings.encoder

    def fit(self, training: Training) -> None:
        """Nothing: the arms see to it."""

    def score_blocks(
        self, histories: Histories, contexts: Contexts, block: int
    ) -> Iterator[tuple[slice, Scores]]:
        stream, asked = self.asker.stream, self.asker.contexts(contexts)
        return self.model.score_blocks(
            histories, asked, block, stream.queries, self.asker.trend, stream.attributes
        )
