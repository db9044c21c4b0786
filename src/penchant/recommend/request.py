"""What a list is asked for, and what the shop knows when it is."""

import weakref
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.model.scores_step import TREND_SECONDS
from penchant.recommend.rules.force import AHEAD, UNRULED, Ruled
from penchant.recommend.sources.followed import NOBODY, Followed
from penchant.taste.corrections import Correction
from penchant.taste.tracker import Reading
from penchant.types import Pseudonym, Reason

Ranked = list[tuple[int, float, Reason]]
"""Row, score and reason of each item of a list, best first."""


class Spare(NamedTuple):
    """The best that are not in a list: rows (C,) and scores (C,), best first."""

    rows: NDArray[np.int64] = np.zeros(0, np.int64)
    scores: NDArray[np.float32] = np.zeros(0, np.float32)


class Listed(NamedTuple):
    """A list, and what might have been in it."""

    ranked: Ranked
    spare: Spare = Spare()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A list of up to ``n`` items that is asked for. ``person`` is None where nobody is known.

    ``context_item`` is what is being looked at: it bends the list and is not in it.
    """

    person: Pseudonym | None
    n: int
    placement: str
    context_item: str | None = None
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """The same, looked up.

    Attributes:
        person: None where nobody may be recognised. wishes: the person's corrections.
        allowed: (len(view),) rows that may be shown. context_row: -1 for none. now: unix seconds.
        fault: why a person cannot be recognised, see :mod:`penchant.recommend.fallback`.
        ruled: what the rules of the house say; what they forbid is not ``allowed`` any more.
        shared: whether places are shared between groups, which passes some of the best over.
        followed: what people whom the person follows took, where the ranker asks for it.
    """

    wanted: Wanted
    view: CatalogView
    person: Pseudonym | None
    wishes: tuple[Correction, ...]
    allowed: NDArray[np.bool_]
    context_row: int
    now: float
    fault: str = ""
    ruled: Ruled = UNRULED
    shared: bool = False
    followed: Followed = NOBODY

    @property
    def room(self) -> int:
        """How many of the best are looked for: limits pass some over."""
        return AHEAD * self.wanted.n if self.shared else self.ruled.pool(self.wanted.n)

    def same_as(self, reading: Reading) -> Hashable:
        """Where all of this is as it was, so is what the model says: another event, a correction, a change
        of the catalogue, of the rules or of the model, a minute that passes are each something else."""
        here = self.view.version, self.wishes, self.context_row, self.wanted.n, self.wanted.exclude
        about = None if reading.about is None else reading.about.tobytes()
        # Another object of the same name has learned, or knows more items.
        model = weakref.ref(reading.model)
        read = model, reading.snapshot, reading.newest, reading.present, about
        return *here, self.ruled.key, self.followed.key, *read, int(self.now // TREND_SECONDS)
