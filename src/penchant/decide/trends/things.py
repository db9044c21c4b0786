"""Items and categories that rise and fade."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from penchant.catalog.view import CatalogView
from penchant.decide.trends.people import Codes, Counts, Weeks, changes
from penchant.decide.trends.result import Change, Thing

SHOWN: Final = 20
"""Of each kind."""

Parts = tuple[list[Thing], list[Thing]]
"""What rises, and what fades, the surest first."""


def items(weeks: Weeks, codes: Codes, names: Sequence[str], active: Counts, view: CatalogView) -> Parts:
    """``codes`` (E,) into ``names``, -1 for none."""

    def thing(code: int, change: Change) -> Thing:
        item_id = names[code]
        row = view.row(item_id)
        there = row >= 0 and bool(view.available[row])
        return Thing(name=view.title_of(item_id), item_id=item_id, change=change, available=there)

    return _parts(weeks, codes, len(names), active, thing)


def categories(weeks: Weeks, codes: Codes, names: Sequence[str], active: Counts, view: CatalogView) -> Parts:
    """The same by the categories of the items."""
    rows = np.array([view.row(name) for name in names], np.int64)
    of_item = np.append(
        np.where(rows >= 0, view.category[rows], -1) if len(view) else np.full(len(rows), -1), -1
    )

    def thing(code: int, change: Change) -> Thing:
        return Thing(name=view.categories.name(code), change=change)

    return _parts(weeks, of_item[codes], len(view.categories.names), active, thing)


def _parts(
    weeks: Weeks, codes: Codes, count: int, active: Counts, thing: Callable[[int, Change], Thing]
) -> Parts:
    found = changes(weeks.people(codes >= 0, codes, count), active)
    moved = [(code, change) for code, change in enumerate(found) if change is not None and change.sure]
    rising = sorted((one for one in moved if one[1].ratio > 1), key=lambda one: -one[1].low)
    fading = sorted((one for one in moved if one[1].ratio < 1), key=lambda one: one[1].high)
    return [thing(*one) for one in rising[:SHOWN]], [thing(*one) for one in fading[:SHOWN]]
