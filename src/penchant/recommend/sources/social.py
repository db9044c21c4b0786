"""What people whom the person follows have taken lately."""

from dataclasses import dataclass

from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.port import Named

SOCIAL = "social"


@dataclass(frozen=True, slots=True)
class TakenByFollowed:
    """Strength: see :func:`penchant.recommend.sources.followed.followed`."""

    name: str = SOCIAL

    def find(self, moment: Moment, k: int) -> Named:  # noqa: ARG002 (all are told of)
        return Named(moment.followed.rows, moment.followed.strength)
