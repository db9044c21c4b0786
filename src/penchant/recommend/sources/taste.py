"""What the taste model scores highest."""

from dataclasses import dataclass

from penchant.recommend.candidates import top_k
from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.port import Named


@dataclass(frozen=True, slots=True)
class Taste:
    """Always on: without it no list is made."""

    name: str = "taste"

    def find(self, moment: Moment, k: int) -> Named:
        rows = top_k(moment.scores, moment.allowed, k)
        return Named(rows, moment.scores[rows])
