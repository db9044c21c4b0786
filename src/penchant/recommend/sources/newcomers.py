"""What came into the shop a short while ago."""

from dataclasses import dataclass

import numpy as np

from penchant.model.tokens import DAY
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.port import Named, best_of

YOUNG = 30 * DAY
"""Seconds since the first event for which an item is new."""


@dataclass(frozen=True, slots=True)
class NewItems:
    """Strength: the taste model's score. Items that the log had not heard of yet are new too."""

    facts: Facts
    name: str = "new"

    def find(self, moment: Moment, k: int) -> Named:
        born = np.full(len(moment.scores), np.inf)
        known = min(len(born), len(self.facts))
        born[:known] = self.facts.born[:known]
        young = ~(born < moment.now - YOUNG)
        return best_of(moment.scores, np.flatnonzero(moment.allowed & young), k)
