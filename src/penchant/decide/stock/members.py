"""The models whose forecasts are combined, fitted on what was known at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.decide.stock.features import Facts, facts_of
from penchant.decide.stock.led import led_levels
from penchant.decide.stock.levelsets import LevelSets
from penchant.decide.stock.newcomers import launch_levels
from penchant.decide.stock.panel import Panel, Rows
from penchant.decide.stock.seasons import season_of
from penchant.decide.stock.smoothing import SMOOTHERS, spread_of
from penchant.decide.stock.trees import ORIGINS, GlobalTrees, Grow, grow_trees

Floats = NDArray[np.float64]

REFERENCE = "exponential .2"
"""Its level says how much an item sells."""
TREES = "trees"
WARM = 4
"""Periods before the first origin that is learned from."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A panel as the models see it, without its season.

    Attributes:
        panel: as given. demand: (N, T). season: (N, T + horizons), what demand was divided by.
        start: (N,) what items began with. levels, spreads: of each model (N, T).
        facts: for trees; None where none are grown.
    """

    panel: Panel
    demand: Floats
    season: Floats
    start: Floats
    levels: dict[str, Floats]
    spreads: dict[str, Floats]
    facts: Facts | None

    @classmethod
    def of(
        cls, panel: Panel, demand: Floats, horizons: int, *, trees: bool, known: int | None = None
    ) -> Self:
        """Everything that all origins of ``panel`` need.

        Season and beginnings are learned from the first ``known`` periods (None for all), and are the same
        at every origin: what is tested must begin at ``known`` or later. All else in a column knows only
        what was until then.
        """
        periods = demand.shape[1]
        before = periods if known is None else known
        season = season_of(demand[:, :before], panel.categories, panel.season, periods - before + horizons)
        plain = demand / season[:, :periods]
        start = launch_levels(plain[:, :before], panel.categories, panel.kin)
        levels = {name: smooth(plain, start) for name, smooth in SMOOTHERS.items()}
        signals = {name: values / season[:, :periods] for name, values in panel.signals.items()}
        led = led_levels(plain, start, signals)
        levels |= led
        spreads = {name: spread_of(plain, level) for name, level in levels.items()}
        facts = facts_of(panel, plain, start, led) if trees else None
        return cls(panel, plain, season, start, levels, spreads, facts)

    @property
    def periods(self) -> int:
        return self.demand.shape[1]

    def level(self, origin: int) -> Floats:
        """(N,) what each item sells a period, as known when ``origin`` begins."""
        return np.nan_to_num(self.levels[REFERENCE][:, origin - 1])


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Models by name, each for ``horizons`` periods ahead.

    Attributes:
        sets: of each statistical model, one for each period ahead.
        trees: None where none were grown.
    """

    sets: dict[str, list[LevelSets]]
    trees: GlobalTrees | None

    @classmethod
    def of(
        cls,
        history: History,
        until: int,
        horizons: int,
        *,
        grow: Grow | None = None,
        trees: GlobalTrees | None = None,
    ) -> Self:
        """What the periods before ``until`` teach. ``trees`` from earlier are taken, or grown by ``grow``."""
        sets = {
            name: [_level_sets(history, name, until, ahead) for ahead in range(horizons)]
            for name in history.levels
        }
        if trees is None and grow is not None and history.facts is not None:
            origins = range(max(WARM, until - ORIGINS - horizons + 1), until)
            trees = grow_trees(history.facts, history.demand[:, :until], origins, horizons, grow)
        return cls(sets, trees)

    def quantiles(self, history: History, origin: int, rows: Rows) -> dict[str, Floats]:
        """(n, horizons, L) of each model, when the period ``origin`` begins."""
        found = {
            name: np.stack(
                [
                    one.quantiles(
                        _column(history.levels[name], origin)[rows],
                        _column(history.spreads[name], origin)[rows],
                    )
                    for one in sets
                ],
                axis=1,
            )
            for name, sets in self.sets.items()
        }
        if self.trees is not None and history.facts is not None:
            horizons = len(next(iter(self.sets.values())))
            found[TREES] = self.trees.quantiles(history.facts, origin, rows, horizons)
        return found


def _column(values: Floats, origin: int) -> Floats:
    return np.nan_to_num(values[:, origin - 1])


def _level_sets(history: History, name: str, until: int, ahead: int) -> LevelSets:
    """Of the newest origins whose period ``ahead`` is over; of the farthest one that is, where none is."""
    ahead = min(ahead, until - 2)
    origins = _origins(until - ahead)
    level, spread = history.levels[name], history.spreads[name]
    return LevelSets.of(
        np.concatenate([level[:, origin - 1] for origin in origins]),
        np.concatenate([spread[:, origin - 1] for origin in origins]),
        np.concatenate([history.demand[:, origin + ahead] for origin in origins]),
    )


def _origins(until: int) -> Sequence[int]:
    return range(max(min(WARM, until - 1), until - ORIGINS, 1), until)
