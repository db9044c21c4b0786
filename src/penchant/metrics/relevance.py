"""How well a list holds what the person then took: recall, NDCG, reciprocal rank, hit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput

RELEVANCE_METRICS = ("recall", "ndcg", "mrr", "hit")
"""Names, in the order in which :func:`relevance_metrics` gives them for each cut-off."""


def relevance_metrics(
    ranks: NDArray[np.integer], owner: NDArray[np.integer], lists: int, cutoffs: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    r"""Metrics of each list from the ranks of its relevant items.

    With relevant items R of a list, ranks r counted from 1, and cut-off k:

    - ``recall@k`` = \|{r ≤ k}\| / \|R\|
    - ``ndcg@k`` = Σ_{r ≤ k} 1/log₂(r+1) / Σ_{i=1}^{min(k, \|R\|)} 1/log₂(i+1), binary gain
      (Järvelin and Kekäläinen, ACM TOIS 20(4), 2002); the divisor is the best possible order of a
      basket of that size
    - ``mrr@k`` = 1 / (smallest r), 0 if that is beyond k (Voorhees, TREC-8, 1999)
    - ``hit@k`` = 1 if any r ≤ k, else 0

    Args:
        ranks: (R,) ranks of all relevant items of all lists, from 1.
        owner: (R,) the list, 0 to ``lists - 1``, that each belongs to.
        lists: number of lists, C.
        cutoffs: the values of k.

    Returns:
        name such as ``"ndcg@10"`` → (C,) float64; NaN for a list with nothing relevant.

    Raises:
        InvalidInput: a rank below 1.

    >>> relevance_metrics(np.array([2]), np.array([0]), 1, [10])["mrr@10"].tolist()
    [0.5]
    """
    if len(ranks) and ranks.min() < 1:
        raise InvalidInput(f"ranks count from 1, got {ranks.min()}")
    relevant = np.bincount(owner, minlength=lists).astype(np.float64)
    divisor = np.where(relevant > 0, relevant, np.nan)
    first = np.full(lists, np.inf)
    np.minimum.at(first, owner, ranks)
    found: dict[str, NDArray[np.float64]] = {}
    for k in cutoffs:
        inside = ranks <= k
        hits = np.bincount(owner[inside], minlength=lists)
        gain = np.bincount(owner[inside], weights=1.0 / np.log2(ranks[inside] + 1.0), minlength=lists)
        found[f"recall@{k}"] = hits / divisor
        found[f"ndcg@{k}"] = gain / _ideal(divisor, k)
        found[f"mrr@{k}"] = np.where(np.isnan(divisor), np.nan, np.where(first <= k, 1.0 / first, 0.0))
        found[f"hit@{k}"] = np.where(np.isnan(divisor), np.nan, (first <= k).astype(np.float64))
    return found


def _ideal(relevant: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Discounted gain of the best order of min(k, relevant) items; NaN stays NaN."""
    table = np.concatenate([[np.nan], np.cumsum(1.0 / np.log2(np.arange(1, k + 1) + 1.0))])
    return table[np.minimum(np.nan_to_num(relevant), k).astype(np.int64)]
