"""How near a model is to the truth, where the truth is known: no luck of the draw in it."""

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.metrics.ranking import tie_order, top_lists

Floats = NDArray[np.float32]


def expected_ndcg(truth: Floats, scores: Floats, k: int = 10) -> NDArray[np.float64]:
    """NDCG@k that a list by ``scores`` has on average over what the person may take next, (C,).

    With one relevant item the ideal is 1, so it is Σ_{r ≤ k} p(item at rank r) / log₂(r + 1) (Järvelin
    and Kekäläinen, ACM TOIS 20(4), 2002). With ``scores = truth`` no list does better: that is the oracle.

    Args:
        truth: (C, N) float32, probability of each item, from ``SimulatedShop.probabilities``.
        scores: (C, N) float32 of a model; ``-inf`` is not in the list.
        k: length of the list.

    Raises:
        InvalidInput: shapes that differ, or a NaN score.

    >>> truth = np.float32([[0.7, 0.3]])
    >>> expected_ndcg(truth, truth, 1).round(2).tolist(), expected_ndcg(truth, 1 - truth, 1).round(2).tolist()
    ([0.7], [0.3])
    """
    _same_shape(truth, scores)
    lists = top_lists(scores.astype(np.float32), k, tie_order(truth.shape[1]))
    found = np.take_along_axis(truth, np.maximum(lists, 0).astype(np.int64), axis=1)
    return np.where(lists >= 0, found, 0) @ (1 / np.log2(np.arange(k) + 2.0))


def tracking_error(truth: Floats, scores: Floats) -> NDArray[np.float64]:
    """How far a model is from what each person likes now, in nats, (C,): 0 where it knows it.

    The Kullback-Leibler divergence Σ p log(p / q) of the truth p from q = softmax of the scores: the log
    loss that the model has beyond that of the oracle (Kullback and Leibler, Annals of Mathematical
    Statistics 22(1), 1951). Infinite where a model rules out what may come.

    Args:
        truth: (C, N), probability of each item, from ``SimulatedShop.probabilities``.
        scores: (C, N) of a model, as logits: of probabilities give the logarithm. ``-inf`` for what would
            not be shown, such as an item that has not arrived.

    Raises:
        InvalidInput: shapes that differ.

    >>> truth = np.float32([[0.7, 0.3, 0.0]])
    >>> float(tracking_error(truth, np.float32([[0, 0, -np.inf]]))[0].round(3))
    0.082
    """
    _same_shape(truth, scores)
    logits = scores - scores.max(axis=1, keepdims=True).astype(np.float64)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    possible, known = truth > 0, truth.astype(np.float64)
    ratio = np.log(known, where=possible, out=np.zeros_like(known)) - np.where(possible, logits, 0)
    return (known * ratio).sum(axis=1)


def _same_shape(truth: Floats, scores: Floats) -> None:
    if truth.ndim != 2 or truth.shape != scores.shape:
        raise InvalidInput(f"truth and scores must have one shape (C, N), got {truth.shape}, {scores.shape}")
