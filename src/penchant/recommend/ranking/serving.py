"""The ranker where lists are made: what it needs of a request, and taste alone where it cannot say a word."""

import logging

import numpy as np
from numpy.typing import NDArray

from penchant.model.repeat import Memory
from penchant.model.scores_step import TREND_SECONDS
from penchant.model.trend import LiveTrend
from penchant.recommend.ranking.ranker import Ranker
from penchant.recommend.request import Request
from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.social import SOCIAL
from penchant.taste.model import PreferenceModel

_log = logging.getLogger(__name__)

Floats = NDArray[np.float32]


class Ranking:
    """Orders lists by ``ranker``; ``trend`` is what the shop takes now. A dry run of rules asks it too."""

    def __init__(self, ranker: Ranker, trend: LiveTrend) -> None:
        self._ranker = ranker
        self._trend = trend
        self._seen: tuple[int, NDArray[np.float32]] = (-1, np.zeros((0, 0), np.float32))
        self._failed = False

    @property
    def social(self) -> bool:
        """Whether what people took whom somebody follows is among the sources."""
        return any(source.name == SOCIAL for source in self._ranker.desk.sources)

    def scores(self, request: Request, model: PreferenceModel, record: Memory, scores: Floats) -> Floats:
        """Scores (N,) of candidates as the ranker has them, and of all others below, in the order of taste;
        ``scores`` (N,), those of taste, where the ranker cannot say a word."""
        try:
            moment = Moment(
                now=request.now,
                view=request.view,
                scores=scores,
                trend=self._trend_at(request.now, len(scores)),
                allowed=request.allowed[: len(scores)] & np.isfinite(scores),
                record=record,
                look=request.context_row if request.context_row < len(scores) else -1,
                vectors=model.vectors()[: len(scores)],
                followed=request.followed,
            )
            return self._ranker.scores(moment, request.room)
        # Whatever is wrong with the ranker, the taste model has an order.
        except Exception as error:
            if not self._failed:
                _log.warning("the ranker cannot order lists, taste alone does: %s", error)
            self._failed = True
            return scores

    def _trend_at(self, now: float, n_items: int) -> NDArray[np.float32]:
        tick = int(now // TREND_SECONDS)
        seen = self._seen
        if seen[0] != tick or len(seen[1]) != n_items:
            self._seen = seen = tick, self._trend.features(now, n_items)
        return seen[1]
