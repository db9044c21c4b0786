"""Demand of every item in the periods to come, as a distribution."""

from dataclasses import dataclass, replace
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.combine import GROUPS, Combination, Past, combine, equal_shares
from penchant.decide.stock.members import WARM, History, Members
from penchant.decide.stock.panel import Panel, demand_of
from penchant.decide.stock.quantiles import covered, pinball
from penchant.decide.stock.seasons import CYCLES
from penchant.decide.stock.smoothing import SMOOTHERS
from penchant.decide.stock.trees import GlobalTrees, Grow
from penchant.errors import InvalidInput, NotEnoughData

Floats = NDArray[np.float64]

HELD = 8
"""Newest origins that say how good each model is."""
LEAST_PERIODS = 3
LEAST_GAIN = 0.01
"""A season must make the loss on the newest origins smaller by this share."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """How the forecasts of the newest origins came out, made by models that had not seen what followed.

    How much each model counts, and whether a season is used, was chosen on the same origins: a new period
    comes out a little worse.

    Attributes:
        origins, forecasts: how many.
        pinball: mean loss over items, periods and levels. usual: of the mean of four periods, with the errors
            that it made before.
        covered_80, covered_95: share inside the middle intervals of items that sell 5 and more a period; None
            where there is none.
    """

    origins: int
    forecasts: int
    pinball: float
    usual: float
    covered_80: float | None
    covered_95: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Forecaster:
    """What was learned from one panel and holds for a while: trees, and which model counts how much.

    ``seasonal``: whether the season of the panel is used; only one that was tested and helped is.
    """

    trees: GlobalTrees | None
    combination: Combination
    horizons: int
    trial: Trial | None = None
    seasonal: bool = False

    def forecast(self, panel: Panel) -> Floats:
        """(N, horizons, L) for the periods after ``panel``; it may be longer than the one learned from."""
        panel = panel if self.seasonal else replace(panel, season=1)
        history = History.of(panel, demand_of(panel), self.horizons, trees=self.trees is not None)
        members = Members.of(history, history.periods, self.horizons, trees=self.trees)
        return self._of(history, members)

    def only(self, model: str) -> Self:
        """The same with one of its models alone, as it is: to compare with.

        Raises:
            InvalidInput: it has no such model.
        """
        if model not in self.combination.models:
            raise InvalidInput(f"no model {model!r}; there are {', '.join(self.combination.models)}")
        return replace(self, combination=equal_shares([model]))

    def _of(self, history: History, members: Members) -> Floats:
        rows, end = np.arange(len(history.demand)), history.periods
        found = members.quantiles(history, end, rows)
        plain = self.combination.quantiles(found, history.level(end))
        return np.asarray(plain * history.season[:, end : end + self.horizons, None])


def learn(panel: Panel, horizons: int, grow: Grow | None = None) -> Forecaster:
    """Learn from a panel.

    Args:
        panel: at least three periods, and two more than ``horizons``.
        horizons: periods ahead, at least 1.
        grow: grows trees; None for statistical models alone.

    Raises:
        InvalidInput: no horizon. NotEnoughData: too few periods.
    """
    if horizons < 1:
        raise InvalidInput(f"a forecast needs a horizon of 1 or more periods, got {horizons}")
    if len(panel.periods) < LEAST_PERIODS or not len(panel.items):
        known = f"{len(panel.periods)} and {len(panel.items)}"
        raise NotEnoughData(f"a forecast needs {LEAST_PERIODS} periods and an item, got {known}")
    if len(panel.periods) < horizons + 2:
        raise NotEnoughData(f"a horizon of {horizons} needs {horizons + 2} periods, got {len(panel.periods)}")
    if len(panel.periods) - HELD < WARM + 2:
        # Trees or a season that nobody could test have no say.
        return Forecaster(None, equal_shares(list(SMOOTHERS)), horizons)
    seasonal = _season_helps(panel, horizons)
    panel = panel if seasonal else replace(panel, season=1)
    past = _past(panel, horizons, grow)
    trees = None
    if grow is not None:
        history = History.of(panel, demand_of(panel), horizons, trees=True)
        trees = Members.of(history, history.periods, horizons, grow=grow).trees
    combination = combine(past)
    return Forecaster(trees, combination, horizons, _trial(past, combination), seasonal)


def _past(panel: Panel, horizons: int, grow: Grow | None) -> Past:
    """The newest origins, forecast by models, a season and beginnings that had not seen them."""
    cut = len(panel.periods) - HELD
    history = History.of(panel, demand_of(panel), horizons, trees=grow is not None, known=cut)
    return past_forecasts(history, Members.of(history, cut, horizons, grow=grow), cut)


def _season_helps(panel: Panel, horizons: int) -> bool:
    """Whether what was known before the newest origins foresees them better with the season."""
    if panel.season < 2 or len(panel.periods) - HELD < CYCLES * panel.season:
        return False
    plain, seasonal = (
        _loss(past, combine(past).quantiles(past.quantiles, past.level))
        for past in (_past(one, horizons, None) for one in (replace(panel, season=1), panel))
    )
    return seasonal < (1 - LEAST_GAIN) * plain


def _loss(past: Past, quantiles: Floats) -> float:
    """Mean pinball loss in pieces, with the season."""
    return float((pinball(quantiles, past.actual) * past.season).mean())


def _trial(past: Past, combination: Combination) -> Trial:
    found, fast = combination.quantiles(past.quantiles, past.level), past.level >= GROUPS[1]

    def inside(share: float) -> float | None:
        return float(covered(found[fast], past.actual[fast], share).mean()) if fast.any() else None

    return Trial(
        origins=HELD,
        forecasts=len(past.actual),
        pinball=_loss(past, found),
        usual=_loss(past, past.quantiles["mean of 4"]),
        covered_80=inside(0.8),
        covered_95=inside(0.95),
    )


def past_forecasts(history: History, members: Members, cut: int) -> Past:
    """Of the origins from ``cut`` on, as far as their periods are over."""
    horizons = len(next(iter(members.sets.values())))
    parts = dict[str, list[Floats]]()
    actual, level, season = list[Floats](), list[Floats](), list[Floats]()
    for origin in range(cut, history.periods):
        rows = np.flatnonzero(~np.isnan(history.demand[:, :origin]).all(axis=1))
        found = members.quantiles(history, origin, rows)
        for ahead in range(min(horizons, history.periods - origin)):
            followed = history.demand[rows, origin + ahead]
            known = ~np.isnan(followed)
            for name, values in found.items():
                parts.setdefault(name, []).append(values[known, ahead])
            actual.append(followed[known])
            level.append(history.level(origin)[rows][known])
            season.append(history.season[rows, origin + ahead][known])
    every = {name: np.concatenate(values) for name, values in parts.items()}
    return Past(every, np.concatenate(actual), np.concatenate(level), np.concatenate(season))
