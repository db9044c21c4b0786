"""Stock in lists: what is nearly out is shown less, what there is too much of may be shown more."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.recommend.rules.force import PLANS, Ruled, Rules
from penchant.recommend.rules.plan import Plan
from penchant.settings import StockSettings
from penchant.types import Pseudonym

PLENTY: Final = "plenty in stock"
"""Named in the reason of an item that is in a list only because there is too much of it."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Pieces ``on_hand`` of items, and pieces that were ``sold`` a day lately; by item id.

    An item of which nothing is told is as if there were enough of it. ``number`` tells one from the next.
    """

    number: int = 0
    on_hand: Mapping[str, float] | None = None
    sold: Mapping[str, float] | None = None

    def cover(self, item_id: str) -> float:
        """Days until the item is sold out at that pace; NaN where nothing is told of it.

        >>> levels = Levels(1, {"tea": 6.0, "pot": 2.0, "cup": 0.0}, {"tea": 2.0})
        >>> [levels.cover(item) for item in ("tea", "pot", "cup", "jug")]
        [3.0, inf, 0.0, nan]
        """
        on_hand = (self.on_hand or {}).get(item_id, np.nan)
        sold = (self.sold or {}).get(item_id, 0.0)
        return on_hand / sold if sold > 0 else np.inf if on_hand > 0 else on_hand


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """Of N rows: what is hidden, and the shift of each in standard deviations of the scores."""

    key: tuple[int, int, int]
    shown: NDArray[np.bool_]
    shift: NDArray[np.float32]
    plenty: NDArray[np.bool_]
    plans: dict[Hashable, Plan] = field(default_factory=dict[Hashable, Plan])


class StockedRules:
    """Rules of the house with stock beside them. What they forbid stays forbidden, and no score moves by more
    than ``less`` down or ``more`` up, on top of what they move.

    :meth:`use` gives what is on hand; before that nothing is moved.
    """

    def __init__(self, rules: Rules, settings: StockSettings) -> None:
        self._rules = rules
        self._settings = settings
        self._levels = Levels()
        self._made: _Made | None = None

    def use(self, levels: Levels) -> None:
        """From the next list on."""
        self._levels = levels

    def about(self, view: CatalogView, person: Pseudonym | None, placement: str, now: float) -> Ruled:
        """What holds of a list; see :meth:`~penchant.recommend.rules.force.RulesInForce.about`."""
        ruled = self._rules.about(view, person, placement, now)
        if self._levels.on_hand is None:
            return ruled
        made = self._at(view)
        of = None if ruled.plan is None else ruled.plan.key
        plan = made.plans.get(of)
        if plan is None:
            plan = self._both(ruled.plan or Plan(None, np.ones(len(view), np.bool_)), made)
            if len(made.plans) >= PLANS:
                made.plans.clear()
            made.plans[of] = plan
        return replace(ruled, plan=plan)

    def _both(self, plan: Plan, made: _Made) -> Plan:
        """What the rules say, with stock beside it."""
        shift = made.shift if plan.shift is None else made.shift + plan.shift
        plenty = (PLENTY, self._settings.more, made.plenty)
        return replace(
            plan,
            key=(plan.key, made.key),
            shown=plan.shown & made.shown,
            shift=shift if shift.any() else None,
            lifts=(*plan.lifts, plenty) if made.plenty.any() else plan.lifts,
        )

    def _at(self, view: CatalogView) -> _Made:
        """Made once for each version of the catalogue and of what is on hand."""
        levels, made = self._levels, self._made
        key = (levels.number, view.version, len(view))
        if made is None or made.key != key:
            self._made = made = self._moved(levels, view, key)
        return made

    def _moved(self, levels: Levels, view: CatalogView, key: tuple[int, int, int]) -> _Made:
        cover, on_hand = np.full(len(view), np.nan), np.full(len(view), np.nan)
        for item_id, pieces in (levels.on_hand or {}).items():
            row = view.row(item_id)
            if row >= 0:
                cover[row], on_hand[row] = levels.cover(item_id), pieces
        few = cover < self._settings.nearly_out
        plenty = (cover > self._settings.too_much) & (self._settings.too_much > 0)
        shift = np.where(few, -self._settings.less, np.where(plenty, self._settings.more, 0.0))
        hidden = (on_hand <= 0) & self._settings.hide
        return _Made(key, ~hidden, shift.astype(np.float32), plenty)
