"""What is like the item that is looked at now."""

from dataclasses import dataclass

import numpy as np

from penchant.model.entries import LOOKED, ago, kind_of, units
from penchant.recommend.sources.moment import HOUR_UNITS, Moment
from penchant.recommend.sources.port import Named, best_of, nothing

TINY = np.float32(1e-9)


@dataclass(frozen=True, slots=True)
class LikeLookedAt:
    """Strength: the cosine of the model's vectors.

    Looked at is the item on the page; without one, the newest view of the last hour.
    """

    name: str = "looked-at"

    def find(self, moment: Moment, k: int) -> Named:
        row, vectors = _looked_at(moment), moment.vectors
        if vectors is None or not 0 <= row < len(vectors):
            return nothing()
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(vectors[row])
        cosines = vectors @ vectors[row] / np.maximum(lengths, TINY)
        others = moment.allowed.copy()
        others[row] = False
        return best_of(cosines, np.flatnonzero(others), k)


def _looked_at(moment: Moment) -> int:
    record = moment.record
    if moment.look >= 0 or not len(record):
        return moment.look
    recent = ago(record, units(np.array(moment.now))) <= HOUR_UNITS
    places = np.flatnonzero(recent & (kind_of(record) == LOOKED))
    return int(moment.wanted()[places[-1]]) if len(places) else -1
