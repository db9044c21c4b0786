"""What everybody takes these days."""

from dataclasses import dataclass

import numpy as np

from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.port import Named, best_of

SHORT = 1
"""Column of the trend whose lifetime is two weeks, all events counted."""


@dataclass(frozen=True, slots=True)
class Trending:
    """Strength: the logarithm of the share of all that is taken."""

    name: str = "trending"

    def find(self, moment: Moment, k: int) -> Named:
        return best_of(moment.trend[:, SHORT], np.flatnonzero(moment.allowed), k)
