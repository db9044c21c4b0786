"""Candidates of several sources in one set, within budgets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.recommend.candidates import places_of
from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.port import Named, Rows, Source


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """C distinct items that may be shown.

    Attributes:
        rows: (C,) ascending. strength: (C, S) of each source, NaN where it says nothing.
        named: (C, S) whether the source named the item within its budget.
    """

    rows: Rows
    strength: NDArray[np.float32]
    named: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rows)


def candidates(moment: Moment, sources: Sequence[Source], budgets: Mapping[str, int]) -> Candidates:
    """The strongest of each source that may be shown, as many as its budget in ``budgets`` says.

    What a source says of an item that only others named is kept too: it costs nothing and tells something.
    """
    found = [_allowed(source.find(moment, budgets[source.name]), moment) for source in sources]
    chosen = [_strongest(one, budgets[source.name]) for one, source in zip(found, sources, strict=True)]
    rows = np.unique(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)
    strength = np.full((len(rows), len(sources)), np.nan, np.float32)
    named = np.zeros(strength.shape, bool)
    for column, (one, best) in enumerate(zip(found, chosen, strict=True)):
        place = places_of(one.rows, rows)
        strength[place[place >= 0], column] = one.strength[place >= 0]
        named[places_of(best, rows), column] = True
    return Candidates(rows, strength, named)


def _allowed(named: Named, moment: Moment) -> Named:
    inside = named.rows < len(moment.allowed)
    inside[inside] = moment.allowed[named.rows[inside]]
    return Named(named.rows[inside], named.strength[inside])


def _strongest(named: Named, budget: int) -> Rows:
    if len(named.rows) <= budget:
        return named.rows
    return named.rows[np.argpartition(-named.strength, budget - 1)[:budget]]
