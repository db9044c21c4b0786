"""What others put into the same basket as the last errand, and what the same people take."""

from dataclasses import dataclass

import numpy as np

from penchant.model.entries import ago, slow_of, units
from penchant.model.repeat import SLOW
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.port import Named

LONGEST = 300
"""Items of a record that are looked up, the newest."""


@dataclass(frozen=True, slots=True)
class GoesWith:
    """Strength: the sum of likenesses (cosines) to the last errand, the item on the page among it.

    Of that errand itself nothing is named."""

    facts: Facts
    name: str = "goes-with"

    def find(self, moment: Moment, k: int) -> Named:  # noqa: ARG002 (all are told of)
        rows = moment.newest()[-LONGEST:]
        found, strength = self.facts.baskets.around(rows, np.ones(len(rows), np.float32))
        others = ~np.isin(found, rows)
        return Named(found[others], strength[others])


@dataclass(frozen=True, slots=True)
class TakenByAlike:
    """Strength: the sum of likenesses to all of the record, each item counting as often as it was wanted
    of late."""

    facts: Facts
    name: str = "alike"

    def find(self, moment: Moment, k: int) -> Named:  # noqa: ARG002 (all are told of)
        record = moment.record[-LONGEST:]
        since = ago(record, units(np.array(moment.now)))
        weights = (slow_of(record) * np.exp(-since / SLOW)).astype(np.float32)
        return Named(*self.facts.people.around(moment.wanted()[-LONGEST:], weights))
