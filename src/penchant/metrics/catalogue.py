"""What lists show of the catalogue: coverage, novelty, share of popular items."""

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput


def coverage(lists: NDArray[np.int32], k: int, items: int) -> float:
    r"""Share of the catalogue that is in at least one list: \|∪ lists@k\| / N.

    Source: Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy", RecSys 2010.

    Args:
        lists: (C, K) rows of items, -1 for an empty place.
        k: cut-off.
        items: N.

    >>> coverage(np.int32([[0, 1], [1, 2]]), 1, 4)
    0.5
    """
    if items < 1:
        raise InvalidInput("coverage needs a catalogue of at least one item, got none")
    shown = np.unique(lists[:, :k])
    return float(np.count_nonzero(shown >= 0) / items)


def self_information(popularity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Surprise of each item in bits: -log₂ p with p = (count + 1) / (Σ count + N), shape (N,).

    The mean over a list is its novelty (Zhou et al., PNAS 107(10), 2010). One is added to each count,
    so that an item which nobody has taken yet is the most surprising one, not an infinite one.

    >>> self_information(np.array([0, 2])).tolist()
    [2.0, 0.4150374992788438]
    """
    share = (popularity + 1.0) / (popularity.sum() + len(popularity))
    return -np.log2(share)


def popular_items(popularity: NDArray[np.int64], share: float, ties: NDArray[np.int32]) -> NDArray[np.bool_]:
    """The most popular ``share`` of items (at least one), ties broken by ``ties``: mask of shape (N,).

    >>> popular_items(np.array([5, 9, 0, 1]), 0.25, np.int32([0, 1, 2, 3])).tolist()
    [False, True, False, False]
    """
    if not 0 < share <= 1:
        raise InvalidInput(f"the share of popular items must be above 0 and at most 1, got {share}")
    order = np.lexsort((ties, -popularity))
    mask = np.zeros(len(popularity), dtype=bool)
    mask[order[: max(1, round(share * len(popularity)))]] = True
    return mask


def list_means(
    lists: NDArray[np.int32], k: int, values: NDArray[np.floating | np.bool_]
) -> NDArray[np.float64]:
    """Mean of ``values`` (N,) over the items of each list's first ``k`` places; NaN for an empty list.

    >>> list_means(np.int32([[0, 1], [1, -1]]), 2, np.array([0.0, 1.0])).tolist()
    [0.5, 1.0]
    """
    head = lists[:, :k]
    shown = head >= 0
    total = np.where(shown, values[np.maximum(head, 0)].astype(np.float64), 0.0).sum(axis=1)
    count = shown.sum(axis=1)
    return np.divide(total, count, out=np.full(len(head), np.nan), where=count > 0)
