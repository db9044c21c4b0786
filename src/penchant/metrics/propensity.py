"""Metrics that count what is rarely seen for more: a log shows mostly what was popular already."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput

POWER = 0.5
"""How fast the chance to be seen grows with popularity."""


def propensities(popularity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Chance of each item to be seen at all, up to a factor: (count + 1)^0.5, shape (N,).

    Source: Yang et al., "Unbiased offline recommender evaluation for missing-not-at-random implicit
    feedback", RecSys 2018, with the power ½ that they use for a log of what people chose; one is added to
    each count so that an item which nobody has taken yet has a chance too.

    >>> propensities(np.array([0, 3])).tolist()
    [1.0, 2.0]
    """
    return np.power(popularity + 1.0, POWER, dtype=np.float64)


def debiased_metrics(
    ranks: NDArray[np.integer],
    owner: NDArray[np.integer],
    lists: int,
    cutoffs: Sequence[int],
    chances: NDArray[np.float64],
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    r"""Recall and NDCG of each list with each relevant item weighted by w = 1/chance, and the lists' weights.

    - ``ips-recall@k`` = Σ_{r ≤ k} w / Σ w, weight Σ w
    - ``ips-ndcg@k`` = Σ_{r ≤ k} w/log₂(r+1) / D, weight D: the gain of the best order of the list's items

    The mean over lists **by these weights** is the self-normalised estimate (Yang et al., RecSys 2018;
    Swaminathan and Joachims, NIPS 2015): Σ of all numerators over Σ of all denominators, from 0 to 1.
    With equal chances and one relevant item a list it is the plain recall and NDCG.

    Args:
        ranks: (R,) ranks of all relevant items of all lists, from 1.
        owner: (R,) the list, 0 to ``lists - 1``, that each belongs to.
        lists: number of lists, C.
        cutoffs: the values of k.
        chances: (R,) of the same items, above 0, up to a factor.

    Returns:
        name → (C,) values, NaN for a list with nothing relevant; name → (C,) weights, 0 for such a list.

    Raises:
        InvalidInput: a chance that is not above 0.

    >>> values, weights = debiased_metrics(np.array([1, 99]), np.array([0, 1]), 2, [10], np.array([4.0, 1.0]))
    >>> values["ips-recall@10"].tolist(), weights["ips-recall@10"].tolist()
    ([1.0, 0.0], [0.25, 1.0])
    """
    if not np.all(chances > 0):
        raise InvalidInput("the chance of an item to be seen must be above 0: add one to its count")
    weight = 1.0 / chances
    whole = np.bincount(owner, weights=weight, minlength=lists)
    order = np.lexsort((-weight, owner))
    place = np.arange(len(order)) - np.searchsorted(owner[order], owner[order])
    values: dict[str, NDArray[np.float64]] = {}
    weights: dict[str, NDArray[np.float64]] = {}
    for k in cutoffs:
        inside = ranks <= k
        found = np.bincount(owner[inside], weights=weight[inside], minlength=lists).astype(np.float64)
        discounted = weight[inside] / np.log2(ranks[inside] + 1.0)
        gain = np.bincount(owner[inside], weights=discounted, minlength=lists)
        first = order[place < k]
        best = weight[first] / np.log2(place[place < k] + 2.0)
        ideal = np.bincount(owner[first], weights=best, minlength=lists)
        for name, top, total in ((f"ips-recall@{k}", found, whole), (f"ips-ndcg@{k}", gain, ideal)):
            values[name] = np.divide(top, total, out=np.full(lists, np.nan), where=total > 0)
            weights[name] = total.astype(np.float64)
    return values, weights
