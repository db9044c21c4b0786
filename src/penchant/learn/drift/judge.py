"""How unusual a block is: its season, its level and its spread, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.learn.drift.baseline import Floats, Levels, Season, picked
from penchant.learn.drift.settings import DriftSettings

DAY = 86_400.0
LEAST = 0.005
"""Least standard deviation of a block of numbers."""
LEAN = 1 / 3
"""Part of the way to a better level. If it is real, later blocks will say so again; if it was chance, a fall
is still seen."""
FEWEST = 2.0
"""Rows of a block that a name is taken to have, at least, where its spread is judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What became of a block: means without cycles, standard deviations off, which were ready; (M,) each."""

    block: Floats
    scores: Floats
    ready: NDArray[np.bool_]


class JudgeState(msgspec.Struct, frozen=True, kw_only=True):
    """A judge as plain numbers; ``since`` is None before the first block."""

    table: list[list[float]]
    rows: list[float]
    levels: list[list[float]]
    quiet: int
    since: list[float | None]


class Judge:
    """Scores of blocks: 0 until a column's level and week are known."""

    def __init__(self, columns: int, settings: DriftSettings, number: bool) -> None:
        """``number``: the rows are numbers; else they are zeros and ones."""
        self._settings, self._number = settings, number
        self._season, self._levels = Season.of_columns(columns), Levels.of_columns(columns)
        self._since, self._quiet = np.full(columns, np.nan), 0

    def judge(self, values: Floats, hours: Floats, time: float) -> Verdict:
        """Score the rows of a block, (n, M), and learn from them; ``hours`` (n,) are those of the week."""
        levels, settings = self._levels, self._settings
        self._since = np.where(np.isnan(self._since), time, self._since)
        week = time - self._since >= settings.warm_days * DAY
        ready = week & (levels.known >= settings.warm_blocks) & (self._quiet == 0)
        cycles, least = self._season.of(hours), self._least(len(values))
        block = (values - cycles).mean(axis=0).round(6)
        scores = np.where(ready, levels.judge(block, least), 0.0).round(4)
        self._season.learn(values - cycles - np.where(levels.seen > 0, levels.level, block), hours)
        levels.learn(block, least, settings.memory, settings.warm_blocks)
        # Cycles that are not known yet make blocks uneven: soon forget how uneven they were.
        levels.forget(~week, settings.warm_blocks)
        self._quiet = max(0, self._quiet - 1)
        return Verdict(block, scores, ready)

    def move(self, level: Floats, blocks: int) -> None:
        """The level is another one, (M,), for so many blocks already. The cycles stay; a pause follows."""
        self._levels.move(level, max(blocks, self._settings.pause))
        self._levels.forget(np.ones(len(level), dtype=np.bool_), self._settings.warm_blocks)
        self._quiet = self._settings.pause

    def lean(self, level: Floats) -> None:
        """Perhaps the level is another one, (M,): go a part of the way, and watch on."""
        self._levels.level = self._levels.level + LEAN * (level - self._levels.level)

    def choose(self, columns: Sequence[int], time: float) -> None:
        """Go on with the columns of these numbers; -1 is a new one, which must see a week first.

        The last column is of all other names: its level has moved with what was taken out or put back.
        """
        self._season, self._levels = self._season.pick(columns), self._levels.pick(columns)
        self._levels.forget(np.arange(len(columns)) == len(columns) - 1, 0)
        self._since = np.where(np.array(columns) < 0, time, picked(self._since, columns))

    def to_state(self) -> JudgeState:
        """As it is now."""
        season = self._season
        return JudgeState(
            table=season.table.tolist(), rows=season.rows.tolist(),
            levels=[part.tolist() for part in self._levels.parts()], quiet=self._quiet,
            since=[None if np.isnan(since) else float(since) for since in self._since],
        )  # fmt: skip

    def restore(self, state: JudgeState) -> None:
        """Go on from there."""
        self._season = Season(np.array(state.table), np.array(state.rows))
        self._levels = Levels(*(np.array(part) for part in state.levels))
        self._since = np.array([np.nan if since is None else since for since in state.since])
        self._quiet = state.quiet

    def _least(self, rows: int) -> Floats:
        """Least standard deviation of a block: that of independent rows, for shares."""
        level = self._levels.level
        if self._number:
            return np.full(len(level), LEAST)
        share = np.clip(level, FEWEST / rows, 1 - FEWEST / rows)
        return np.sqrt(share * (1 - share) / rows)
