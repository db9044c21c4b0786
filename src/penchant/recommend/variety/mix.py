"""In which categories a person's list should be: as they were wanted before, and as the scores say."""

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.model.entries import ago, filled, items_of, slow_of, units
from penchant.model.repeat import SLOW, Memory
from penchant.recommend.variety.rerank import Mix

PRIOR = 2.0
"""Events of a person that outweigh what the scores say of the mix: with none, those alone say it."""

Floats = NDArray[np.float32]


def mix_of(record: Memory, now: float, view: CatalogView, rows: NDArray[np.integer], worth: Floats) -> Mix:
    """The mix of a person's ``record`` at ``now`` (unix seconds), newer events counting more.

    ``rows``: (C,) candidates, of which each has so much ``worth``.
    """
    there, codes = np.unique(view.category[rows], return_inverse=True)
    # What has no category is of no category that a mix could want.
    named = there >= 0
    codes = np.where(named[codes], codes - (~named).sum(), named.sum()).astype(np.int64)
    count = int(named.sum())
    said = np.bincount(codes, weights=worth, minlength=count + 1)[:count]
    wanted = _wanted(record, now, view, there[named]) + PRIOR * said / max(float(said.sum()), 1e-9)
    return Mix((wanted / max(float(wanted.sum()), 1e-9)).astype(np.float32), codes)


def _wanted(record: Memory, now: float, view: CatalogView, there: NDArray[np.int32]) -> NDArray[np.float64]:
    """How often each of the categories ``there`` (G,), sorted, was wanted, faded since."""
    known = record[filled(record)]
    rows = items_of(known)
    inside = rows < len(view)
    known, rows = known[inside], rows[inside]
    if not len(rows) or not len(there):
        return np.zeros(len(there))
    faded = slow_of(known) * np.exp(-ago(known, units(np.array([now]))) / SLOW)
    place = np.minimum(np.searchsorted(there, view.category[rows]), len(there) - 1)
    found = there[place] == view.category[rows]
    return np.bincount(place[found], weights=faded[found], minlength=len(there)).astype(np.float64)
