"""The few numbers of a score that held-out baskets set; ``model/calibration.py`` finds them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.histories import FloatArray


def weighed(parts: FloatArray, weights: FloatArray) -> FloatArray:
    """Sums (n,) of a few ``parts`` (n, k), each times its weight (k,).

    The same as ``parts @ weights``, which for so few columns lets OpenBLAS read beyond an array: the product
    is right, but what lies there by chance raises a warning of an invalid value.

    >>> weighed(np.ones((1, 2), np.float32), np.array([2.0, 3.0], np.float32)).tolist()
    [5.0]
    """
    return np.einsum("nk,k->n", parts, weights)


RANGE = 2
"""Numbers of :func:`openness`."""


def openness(items: NDArray[Any], events: NDArray[Any]) -> FloatArray:
    """How open people are to what they never had, (..., RANGE).

    Of how many different ``items`` (...) they wanted in how many ``events`` (...).

    >>> openness(np.array([0, 10]), np.array([0, 40])).astype(float).round(2).tolist()
    [[0.0, 1.0], [0.48, 0.25]]
    """
    share = np.where(events > 0, items / np.maximum(events, 1), 1.0)
    return np.stack([np.log1p(items) / 5, share], axis=-1).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Dials:
    """What the parts of a score count: ``personal * h @ vector + steep * bias + seen @ trend``.

    An item that the person never wanted gets ``novelty`` on top of it, and :func:`openness` weighed by
    ``open``.
    """

    personal: float
    steep: float
    novelty: float
    trend: FloatArray
    open: FloatArray
