"""Learning every few seconds: item vectors as scores take them, and nothing that makes a state.

With the encoder frozen, what people take next for the first time is a logistic regression on their behaviour,
and each item's row has a normal posterior: its mean is where the snapshot left it, and its precision grows
with how often it was taken (at the optimum the curvature of all that was learned adds up to that number). So
an item that sold a thousand times hardly moves, one that nobody took before moves at once, and what is old
need not be learned again to be kept: the precision holds it (assumed-density filtering with one number a row:
Opper, "A Bayesian approach to on-line learning", 1998; the pull is that of Kirkpatrick et al., PNAS 2017).

Rows say *who* takes an item, not how many: behaviour counts by how it differs from the shop's mean. How many
is said by the trend, which moves with every event anyway. Numpy only. Decision record 17 has the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.model.dials import weighed
from penchant.model.histories import FloatArray, IntArray

ALL = 20_000
"""Items up to which each first time is compared with every one."""
DRAWN = 4_096
"""Items that stand for all others where there are more."""
TINY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineSettings:
    """How far rows may move.

    Attributes:
        spread: prior standard deviation of a move, in typical lengths of an item vector.
        most: longest move, in the same.
        faith: how much surer than by the number of its takings a row of the snapshot is: it was learned with
            an encoder that learned along.

    Raises:
        InvalidInput: one of them is not above 0.
    """

    spread: float = 2.0
    most: float = 2.0
    faith: float = 20.0

    def __post_init__(self) -> None:
        for name in ("spread", "most", "faith"):
            if not getattr(self, name) > 0:
                raise InvalidInput(f"{name} must be above 0, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, eq=False)
class FirstTimes:
    """Q moments at which somebody took something that they had not taken before.

    Attributes:
        h: (Q, D) behaviour as scores weigh it. items: (Q,) what was taken. weights: (Q,) of each.
        levels: (N,) or (Q, N) bias and trend of all items then.
        had: (2, K) question and item of what is no rival, as the person had it.
    """

    h: FloatArray
    items: IntArray
    weights: FloatArray
    levels: FloatArray
    had: IntArray

    def __len__(self) -> int:
        return len(self.items)


@dataclass(slots=True, eq=False)
class OnlineTable:
    """What was learned since a snapshot, beside its item table. Made by :meth:`beside`.

    Attributes:
        vectors: (N, D) of the snapshot, as scores take them. moves: (N, D) what is added to them.
        precision: (N,) of the moves. moved: (N,) somebody took it since.
        middle: (D,) mean behaviour. longest: of a move. first: (N,) precision before anything was learned.
            prior: precision of what nobody took.
    """

    vectors: FloatArray
    moves: FloatArray
    precision: FloatArray
    moved: NDArray[np.bool_]
    middle: FloatArray
    longest: float
    first: FloatArray
    prior: float

    @classmethod
    def beside(
        cls, vectors: FloatArray, counts: FloatArray, h: FloatArray, settings: OnlineSettings | None = None
    ) -> Self:
        """Nothing is learned yet.

        Args:
            vectors: (N, D) as scores take them.
            counts: (N,) how often each was taken in training.
            h: (P, D) behaviour of some people, as scores weigh it.
            settings: how far rows may move.

        >>> table = OnlineTable.beside(np.eye(3, dtype=np.float32), np.ones(3), np.eye(3, dtype=np.float32))
        >>> none = np.zeros((2, 0), np.int64)
        >>> taken = FirstTimes(table.vectors[:1], np.array([2]), np.ones(1), np.zeros(3, np.float32), none)
        >>> before = table.vectors[0] @ table.scored().T + table.lifts()
        >>> table.learn(taken, np.random.default_rng(0))
        >>> after = table.vectors[0] @ table.scored().T + table.lifts()
        >>> bool(after[2] > before[2]), bool(after[1] == before[1])
        (True, True)
        """
        settings = settings or OnlineSettings()
        dim = vectors.shape[1]
        lengths = np.linalg.norm(vectors[counts > 0], axis=1)
        unit = max(TINY, float(np.median(lengths)) if len(lengths) else 1.0)
        middle = h.mean(0) if len(h) else np.zeros(dim, np.float32)
        energy = float(((h - middle) ** 2).mean()) if len(h) else 1.0
        prior = dim / (settings.spread * unit) ** 2
        precision = (prior + settings.faith * energy * counts).astype(np.float32)
        return cls(
            vectors=vectors,
            moves=np.zeros_like(vectors),
            precision=precision,
            first=precision.copy(),
            prior=prior,
            moved=np.zeros(len(vectors), np.bool_),
            middle=middle.astype(np.float32),
            longest=settings.most * unit,
        )

    def scored(self) -> FloatArray:
        """Vectors as they are now, (N, D)."""
        return self.vectors + self.moves

    def lifts(self, rows: IntArray | slice = slice(None)) -> FloatArray:
        """What is added to the biases of ``rows``, so that moves say who wants an item and not how many."""
        return -weighed(self.moves[rows], self.middle)

    def longer(self, vectors: FloatArray) -> None:
        """New items (n, D) after those there are."""
        new = len(vectors)
        self.vectors = np.concatenate([self.vectors, vectors])
        self.moves = np.concatenate([self.moves, np.zeros_like(vectors)])
        fresh = np.full(new, self.prior, np.float32)
        self.precision, self.first = np.append(self.precision, fresh), np.append(self.first, fresh)
        self.moved = np.append(self.moved, np.zeros(new, np.bool_))

    def forget(self) -> None:
        """As if nothing had been learned."""
        self.moves[:], self.precision[:], self.moved[:] = 0.0, self.first, False

    def learn(self, batch: FirstTimes, rng: np.random.Generator) -> None:
        """One step on what was taken. Only rows of what somebody took since the snapshot move."""
        if not len(batch):
            return
        self.moved[batch.items] = True
        rows = np.flatnonzero(self.moved)
        chance = self._chances(batch, rows, rng)
        h = batch.h - self.middle
        pull = chance * -batch.weights[:, None]
        self.precision[rows] += (h**2).mean(1) @ (pull * (chance - 1))
        pull[np.arange(len(batch)), np.searchsorted(rows, batch.items)] += batch.weights
        moves = self.moves[rows] + (pull.T @ h) / self.precision[rows, None]
        lengths = np.linalg.norm(moves, axis=1, keepdims=True)
        self.moves[rows] = moves * np.minimum(1, self.longest / np.maximum(lengths, TINY))

    def _chances(self, batch: FirstTimes, rows: IntArray, rng: np.random.Generator) -> FloatArray:
        """How likely each of ``rows`` was at each question, (Q, R)."""
        if len(self.vectors) <= ALL:
            scores = batch.h @ self.scored().T + self.lifts()
            scores += batch.levels
            scores[tuple(batch.had)] = -np.inf
            return _shares(scores)[:, rows]
        return self._drawn_chances(batch, rows, rng)

    def _drawn_chances(self, batch: FirstTimes, rows: IntArray, rng: np.random.Generator) -> FloatArray:
        """The same where a sample stands for the rows that do not move."""
        drawn = rng.integers(0, len(self.vectors), DRAWN)
        drawn = drawn[~self.moved[drawn]]
        mine = batch.h @ (self.vectors[rows] + self.moves[rows]).T + self.lifts(rows)
        mine += batch.levels[..., rows]
        question, item = batch.had
        place = np.minimum(np.searchsorted(rows, item), len(rows) - 1)
        here = rows[place] == item
        mine[question[here], place[here]] = -np.inf
        others = batch.h @ self.vectors[drawn].T + batch.levels[..., drawn]
        others += np.float32(np.log(max(1, len(self.vectors) - len(rows)) / max(1, len(drawn))))
        return _shares(np.concatenate([mine, others], axis=1))[:, : len(rows)]


def pairs(had: Sequence[IntArray]) -> IntArray:
    """What each of Q people had, as question and item (2, K).

    >>> pairs([np.array([7, 9]), np.array([], np.int64), np.array([4])]).tolist()
    [[0, 0, 2], [7, 9, 4]]
    """
    owner = np.repeat(np.arange(len(had)), [len(items) for items in had])
    return np.stack([owner, np.concatenate([*had, np.zeros(0, np.int64)]).astype(np.int64)])


def _shares(scores: FloatArray) -> FloatArray:
    """Softmax of each row, in the place of ``scores``; where nothing can be taken all are 0."""
    top = scores.max(1, initial=-np.inf)
    scores -= np.where(np.isfinite(top), top, np.float32(0.0))[:, None]
    np.exp(scores, out=scores)
    scores /= np.maximum(scores.sum(1), np.float32(TINY))[:, None]
    return scores
