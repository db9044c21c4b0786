"""The few numbers of a score that held-out baskets set; ``model/calibration.py`` finds them."""

from dataclasses import dataclass, field

import numpy as np

from penchant.model.histories import FloatArray
from penchant.model.taken import CLUES


def weighed(parts: FloatArray, weights: FloatArray) -> FloatArray:
    """Sums (n,) of a few ``parts`` (n, k), each times its weight (k,).

    The same as ``parts @ weights``, which for so few columns lets OpenBLAS read beyond an array: the product
    is right, but what lies there by chance raises a warning of an invalid value.

    >>> weighed(np.ones((1, 2), np.float32), np.array([2.0, 3.0], np.float32)).tolist()
    [5.0]
    """
    return np.einsum("nk,k->n", parts, weights)


def as_new() -> FloatArray:
    """Weights by which what is forgotten has the score of a new item, (1 + CLUES,).

    >>> as_new().tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    return np.eye(1, 1 + CLUES, dtype=np.float32)[0]


def taken_before(scores: FloatArray, clues: FloatArray, forgotten: FloatArray) -> FloatArray:
    """Scores (n,) of what was taken and is not remembered.

    Of its scores as new items (n,), without ``novelty``, of its clues (n, CLUES), and of ``forgotten``
    (1 + CLUES,) as in :class:`Dials`.
    """
    return forgotten[0] * scores + weighed(clues, forgotten[1:])


@dataclass(frozen=True, slots=True, eq=False)
class Dials:
    """What the parts of a score count: ``personal * h @ vector + steep * bias + level + seen @ trend``.

    An item that the person never took gets ``novelty`` on top of it. One that was taken and is not
    remembered has ``(score, clues) @ forgotten`` (1 + CLUES,) instead. ``level`` keeps the mean as trained.
    """

    personal: float
    steep: float
    level: float
    novelty: float
    trend: FloatArray
    forgotten: FloatArray = field(default_factory=as_new)
