"""The last ordering: candidates of all sources by their taste score and what was learned on top of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from penchant.recommend.ranking.features import GROUPS, matrix, names
from penchant.recommend.ranking.port import Trees
from penchant.recommend.sources.choose import BUDGETS
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.merge import Candidates, candidates
from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.port import Source

HAIR = 1e-3
"""By how much the best of what is no candidate stays below the last candidate."""


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """How candidates are found and told of: the same when a ranker learns and when it serves.

    Attributes:
        facts, sources: see there. groups: of features. budgets: candidates by source.
    """

    facts: Facts
    sources: Sequence[Source]
    groups: Sequence[str] = tuple(GROUPS)
    budgets: Mapping[str, int] = field(default_factory=lambda: BUDGETS)

    def names(self) -> list[str]:
        """Of the columns."""
        return names([source.name for source in self.sources], self.groups)

    def lay_out(self, moment: Moment, least: int = 0) -> tuple[Candidates, NDArray[np.float32]]:
        """Candidates, at least ``least`` where so many may be shown, and their features (C, F)."""
        budgets = {**self.budgets, "taste": max(least, self.budgets["taste"])}
        found = candidates(moment, self.sources, budgets)
        return found, matrix(moment, found, self.facts, self.groups)


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """Orders what a ``desk`` lays out by taste score plus what ``trees`` add to it."""

    desk: Desk
    trees: Trees

    def scores(self, moment: Moment, least: int) -> NDArray[np.float32]:
        """Of all rows, shape (N,): candidates, at least ``least`` where so many may be shown, before all
        others, whose order among themselves is that of taste."""
        found, told = self.desk.lay_out(moment, least)
        ranked = moment.scores[found.rows] + self.trees.predict(told)
        rest = np.isfinite(moment.scores)
        rest[found.rows] = False
        scores = moment.scores.copy()
        if len(ranked) and rest.any():
            over = float(scores[rest].max()) - float(ranked.min())
            scores[rest] -= np.float32(max(over + HAIR, 0.0))
        scores[found.rows] = ranked
        return scores
