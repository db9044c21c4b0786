"""From scores over the whole catalogue to lists, and the place of each relevant item in them.

**Ties.** Equal scores are ordered by one fixed random permutation of the items (:func:`tie_order`).
It is the same for every model and every person, so a result can be repeated, and it knows nothing of
ids, age or popularity, so a model that gives everything one score is as good as chance and no better.
Ranking the target first (or last) among its ties would flatter (or punish) coarse scores; see
Krichene and Rendle, "On sampled metrics for item recommendation", KDD 2020, for why the catalogue is
ranked in full.
"""

from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput

BEYOND = np.iinfo(np.int32).max
"""Rank of an item that is not in the list: further down than any cut-off."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


def tie_order(items: int, seed: int = 20_260_711) -> Ints:
    """Place of each item among items of equal score, shape (N,): a fixed permutation.

    >>> sorted(tie_order(4).tolist())
    [0, 1, 2, 3]
    """
    return np.random.default_rng(seed).permutation(items).astype(np.int32)


def top_lists(scores: Floats, k: int, ties: Ints) -> Ints:
    """The ``k`` items of highest score of each row, best first; found by partition, never a full sort.

    Args:
        scores: (B, N) float32. An item with ``-inf`` is not in the list.
        k: length of a list; a shorter catalogue gives -1 at the end.
        ties: (N,) from :func:`tie_order`.

    Returns:
        (B, k) int32, rows of items; -1 where nothing is left to show.

    Raises:
        InvalidInput: a score is NaN, or the shapes do not fit.

    >>> top_lists(np.float32([[0.1, 0.9, 0.5]]), 2, tie_order(3)).tolist()
    [[1, 2]]
    """
    if scores.ndim != 2 or scores.shape[1] != len(ties):
        raise InvalidInput(f"scores must have shape (B, {len(ties)}), got {scores.shape}")
    rows, items = scores.shape
    width = min(k, items)
    if not rows or not width:
        return np.full((rows, k), -1, dtype=np.int32)
    torch = import_module("torch")  # Only here: the learner that follows the log has no other need of it.
    best, found = (part.numpy() for part in torch.topk(torch.from_numpy(scores), width, dim=1))
    if np.isnan(best).any():  # topk puts NaN above every number, so one NaN in a row shows here
        raise InvalidInput(_nan_message(scores))
    lists = found.astype(np.int32)
    edge = best[:, -1:]
    for row in np.flatnonzero((scores >= edge).sum(axis=1) > width):
        lists[row] = _best_of_ties(scores[row], edge[row, 0], width, ties)
    values = np.take_along_axis(scores, lists.astype(np.int64), axis=1)
    order = np.lexsort((ties[lists], -values), axis=1)
    lists = np.take_along_axis(lists, order, axis=1)
    lists[np.take_along_axis(values, order, axis=1) == -np.inf] = -1
    return np.pad(lists, ((0, 0), (0, k - width)), constant_values=-1)


def _best_of_ties(scores: Floats, edge: np.float32, width: int, ties: Ints) -> Ints:
    """``width`` items of one row: all above ``edge``, and the first by tie order of those equal to it."""
    above = np.flatnonzero(scores > edge)
    equal = np.flatnonzero(scores == edge)
    spare = width - len(above)
    first = equal[np.argpartition(ties[equal], spare - 1)[:spare]]
    return np.concatenate([above, first]).astype(np.int32)


def _nan_message(scores: Floats) -> str:
    row, item = np.argwhere(np.isnan(scores))[0]
    return (
        f"score of item row {item} in list {row} is NaN: a model must give a number for every item. "
        "Look for a division by zero or a training run that diverged."
    )


def list_ranks(lists: Ints, owner: NDArray[np.int64], items: Ints) -> Ints:
    """Place, from 1, of ``items[i]`` in the list ``lists[owner[i]]``; :data:`BEYOND` if it is not there.

    Args:
        lists: (B, k) from :func:`top_lists`.
        owner: (R,) row of the list.
        items: (R,) rows of items.

    >>> list_ranks(np.int32([[4, 2], [2, 3]]), np.array([0, 1, 1]), np.int32([2, 2, 4])).tolist()[:2]
    [2, 1]
    """
    hit = lists[owner] == items[:, None]
    return np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, BEYOND).astype(np.int32)
