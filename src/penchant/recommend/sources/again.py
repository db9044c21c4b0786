"""What was bought before and is due again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.model.entries import ago, bought_of, count_of, slow_of, span_of, units
from penchant.model.repeat import SLOW, UNIT, Memory
from penchant.model.tokens import DAY
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.port import Named

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BoughtAgain:
    """Strength: how often of late, times the item's repeat rate, less the further from when it is due."""

    facts: Facts
    name: str = "again"

    def find(self, moment: Moment, k: int) -> Named:  # noqa: ARG002 (all are told of)
        rows = moment.wanted()
        kept = (rows < len(self.facts)) & (bought_of(moment.record) > 0)
        rows, record = rows[kept], moment.record[kept]
        since = ago(record, units(np.array(moment.now)))
        faded = slow_of(record) * np.exp(-since / SLOW)
        late = lateness(record, moment.now, self.facts.interval[rows])
        strength = faded * self.facts.again[rows] * np.exp(-np.abs(late) / 2)
        return Named(rows, strength.astype(np.float32))


def lateness(record: Memory, now: float, interval: Floats) -> Floats:
    """Logarithm of days since the last time over days that are usual for it, (m,): 0 is due today.

    What is usual is the person's own mean interval and that of others, ``interval`` (m,) in log days, the
    own one counting as often as the item came back.
    """
    days = ago(record, units(np.array(now))) * (UNIT / DAY) + 0.5
    times = np.maximum(count_of(record) - 1, 0)
    own = np.log(np.maximum(span_of(record), 0.5) / np.maximum(times, 1))
    usual = (times * own + 2 * interval) / (times + 2)
    return (np.log(days) - usual).astype(np.float32)
