"""``implicit``: factors by alternating least squares, and item neighbourhoods.

Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; Deshpande and
Karypis, ACM TOIS 22(1), 2004.
"""

from dataclasses import dataclass

import numpy as np
from exchange import Asked, Log, Task, answer, history_matrix
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
from scipy.sparse import csr_matrix

KINDS = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}


@dataclass(frozen=True)
class Settings:
    """Of both.

    Attributes:
        only_target: events of the predicted type alone.
        last: events of a history that are looked at when asked.
        kind, neighbours: of the item neighbourhood.
        factors, regularisation, confidence, iterations: of the factors.
    """

    only_target: bool = False
    last: int = 1_000
    kind: str = "cosine"
    neighbours: int = 100
    factors: int = 64
    regularisation: float = 0.01
    confidence: float = 10.0
    iterations: int = 15
    threads: int = 1


class Base:
    """What both share: who took what how often, as a sparse matrix."""

    def __init__(self, task: Task, settings: Settings, seed: int):
        self.task, self.settings, self.seed = task, settings, seed

    def training(self) -> csr_matrix:
        """(people, items) counts of the training part."""
        train = self.task.train
        kept = self.task.wanted(train, self.settings.only_target)
        return self._matrix(train.people()[kept], train.items[kept], len(train.offsets) - 1)

    def histories(self, asked: Asked) -> csr_matrix:
        """(questions, items) counts of what is known when asked."""
        full: Log = self.task.full
        kept = self.task.wanted(full, self.settings.only_target)
        owner, events = history_matrix(full, kept, asked, self.settings.last)
        return self._matrix(owner, full.items[events], len(asked))

    def _matrix(self, rows: np.ndarray, items: np.ndarray, count: int) -> csr_matrix:
        ones = np.ones(len(rows), np.float32)
        return csr_matrix((ones, (rows, items)), shape=(count, self.task.n_items))


class Neighbourhood(Base):
    """Sum over the history of the similarity to each item."""

    def fit(self) -> dict:
        """Similarities of items."""
        made = KINDS[self.settings.kind](K=self.settings.neighbours, num_threads=self.settings.threads)
        made.fit(self.training(), show_progress=False)
        self.similarity = made.similarity.tocsr()
        return {}

    def lists(self, asked: Asked) -> np.ndarray:
        """Items without a common person come after the others, by popularity."""
        known, prior = self.histories(asked), self.task.prior()

        def score(rows: np.ndarray) -> np.ndarray:
            scores = (known[rows] @ self.similarity).toarray().astype(np.float32)
            return np.where(scores > 0, scores, prior)

        return answer(asked, score, self.task.n_items, prior)


class Factors(Base):
    """The person's vector is solved anew from the history of each question."""

    def fit(self) -> dict:
        """Alternate."""
        s = self.settings
        self.model = AlternatingLeastSquares(
            factors=s.factors,
            regularization=s.regularisation,
            alpha=s.confidence,
            iterations=s.iterations,
            random_state=self.seed,
            num_threads=s.threads,
            use_gpu=False,
        )
        self.model.fit(self.training(), show_progress=False)
        return {}

    def lists(self, asked: Asked) -> np.ndarray:
        """A history without a known item gets popular items."""
        known, items = self.histories(asked), self.model.item_factors

        def score(rows: np.ndarray) -> np.ndarray:
            people = self.model.recalculate_user(rows, known[rows])
            return (people @ items.T).astype(np.float32)

        return answer(asked, score, self.task.n_items, self.task.popularity().astype(np.float32))
