"""The few numbers of a score that held-out baskets set; ``model/calibration.py`` finds them."""

from dataclasses import dataclass

import numpy as np

from penchant.model.histories import FloatArray


def weighed(parts: FloatArray, weights: FloatArray) -> FloatArray:
    """Sums (n,) of a few ``parts`` (n, k), each times its weight (k,).

    The same as ``parts @ weights``, which for so few columns lets OpenBLAS read beyond an array: the product
    is right, but what lies there by chance raises a warning of an invalid value.

    >>> weighed(np.ones((1, 2), np.float32), np.array([2.0, 3.0], np.float32)).tolist()
    [5.0]
    """
    return np.einsum("nk,k->n", parts, weights)


@dataclass(frozen=True, slots=True, eq=False)
class Dials:
    """What the parts of a score count: ``personal * h @ vector + steep * bias + level + seen @ trend``.

    An item that the person never wanted gets ``novelty`` on top of it. ``level`` keeps the mean as trained.
    """

    personal: float
    steep: float
    level: float
    novelty: float
    trend: FloatArray
