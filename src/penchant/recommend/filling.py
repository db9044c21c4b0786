"""What is popular, for the places of a list that are left open."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.errors import WouldWait
from penchant.recommend.filters import Mask
from penchant.recommend.popularity import Popularity, fallback_scores
from penchant.recommend.reasons import POPULAR
from penchant.recommend.request import Ranked, Request
from penchant.recommend.rules.arrange import More
from penchant.taste.wished import steered
from penchant.types import Pseudonym

Scores = NDArray[np.float32]

Suited = Callable[[Pseudonym, CatalogView, Scores], Scores]
"""What is popular (N,) as it suits somebody of whom a model says nothing, by what they told of themselves."""


class Filling:
    """``told`` hears of what goes wrong with one person's scores: what is popular is shown then."""

    def __init__(
        self, popularity: Popularity, suited: Suited | None, told: Callable[[Exception], object]
    ) -> None:
        self._popularity = popularity
        self._suited = suited
        self._told = told

    def of(self, request: Request) -> More:
        """The most popular of the rows of a mask, as often as is asked: scores are made once, if at all."""
        return partial(self._best, request, cache(partial(self._scores, request)))

    def _best(self, request: Request, scores_of: Callable[[], Scores], allowed: Mask, room: int) -> Ranked:
        if not room:
            return []
        scores = steered(scores_of(), request.wishes, request.view, allowed)
        rows, scores, lifted = request.ruled.best(scores, allowed, room)
        return [
            (row, score, lifted.get(row, POPULAR))
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
        ]

    def _scores(self, request: Request) -> Scores:
        scores = fallback_scores(self._popularity, request.view, request.context_row)
        if self._suited is None or request.person is None:
            return scores
        try:
            return self._suited(request.person, request.view, scores)
        except WouldWait:
            raise
        except Exception as error:
            self._told(error)
            return scores
