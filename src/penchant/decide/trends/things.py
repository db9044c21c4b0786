"""Items and categories that rise and fade."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from penchant.catalog.view import CatalogView
from penchant.decide.trends.people import Codes, Counts, Weeks, changes, usual
from penchant.decide.trends.result import Change, Thing

SHOWN: Final = 20
"""Of each kind."""

Parts = tuple[list[Thing], list[Thing]]
"""What rises, and what fades, the surest first."""


def items(
    weeks: Weeks, codes: Codes, names: Sequence[str], active: Counts, view: CatalogView
) -> tuple[Parts, Parts]:
    """Of items, and of their categories. ``codes`` (E,) into ``names``, -1 for none."""
    people = weeks.people(codes >= 0, codes, len(names))
    base = usual(people, active)
    rows = np.array([view.row(name) for name in names], np.int64)
    # The last one stands for no item.
    of_item = np.append(np.where(rows >= 0, view.category[rows], -1) if len(view) else rows, -1)[codes]
    of_category = weeks.people(of_item >= 0, of_item, len(view.categories.names))

    def item(code: int, change: Change) -> Thing:
        there = rows[code] >= 0 and bool(view.available[rows[code]])
        return Thing(name=view.title_of(names[code]), item_id=names[code], change=change, available=there)

    def category(code: int, change: Change) -> Thing:
        return Thing(name=view.categories.name(code), change=change)

    found = changes(of_category, usual(of_category, active, base))
    return _moved(changes(people, base), item), _moved(found, category)


def _moved(found: Sequence[Change | None], thing: Callable[[int, Change], Thing]) -> Parts:
    moved = [(code, change) for code, change in enumerate(found) if change is not None and change.sure]
    rising = sorted((one for one in moved if one[1].ratio > 1), key=lambda one: -one[1].low)
    fading = sorted((one for one in moved if one[1].ratio < 1), key=lambda one: one[1].high)
    return [thing(*one) for one in rising[:SHOWN]], [thing(*one) for one in fading[:SHOWN]]
