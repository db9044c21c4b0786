"""What other rules would have changed: shown lists are made again, under the rules of now and the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from penchant.catalog.view import CatalogView
from penchant.recommend.pipeline import Recommender
from penchant.recommend.request import Wanted
from penchant.recommend.rules.force import Ruled, RulesInForce
from penchant.recommend.rules.rule import told
from penchant.types import Impression, Pseudonym

WEEK: Final = 7 * 86_400.0
LISTS: Final = 300
"""Lists that are made again: 4% of them is 12, give or take 7."""

EXAMPLES: Final = 3
ITEMS: Final = 3
"""Items named of those that a rule holds of."""

OTHER_PLACES: Final = ("similar", "search", "console", "rehearsal")
"""Lists there are not made for people, or not by the recommender."""


class ShownSample(Protocol):
    """Some of the lists that were shown."""

    def sample(self, since: float, most: int) -> Sequence[Impression]:
        """Up to ``most`` of those since ``since`` (unix seconds), spread evenly over the time."""
        ...


@dataclass(slots=True)
class _AtATime:
    """Rules at the time of a list that was shown. What has not started yet counts as if it had."""

    rules: RulesInForce
    at: float = 0.0
    said: Ruled = field(default_factory=Ruled)

    def about(self, view: CatalogView, person: Pseudonym | None, placement: str, now: float) -> Ruled:
        del now
        self.said = self.rules.about(view, person, placement, self.at, early=True)
        return self.said


Pair = tuple[list[str], list[str]]
"""Items of a list as it is and as it would be."""


def dry_run(
    recommender: Recommender,
    shown: Sequence[Impression],
    now: RulesInForce,
    draft: RulesInForce,
    clock: float,
) -> dict[str, Any]:
    """How many lists differ, as made at ``clock`` (unix seconds) by the model that serves.

    ``lists``, ``changed``, ``share``, and up to ``EXAMPLES`` of ``before`` and ``after``.
    Their people, sizes and places are those of ``shown``; nobody sees them and no log holds them.
    """
    pairs = [
        pair
        for pair in _pairs(recommender, shown, _AtATime(now), _AtATime(draft), clock)
        if pair[0] or pair[1]
    ]
    changed = [pair for pair in pairs if pair[0] != pair[1]]
    return {
        "lists": len(pairs),
        "changed": len(changed),
        "share": len(changed) / len(pairs) if pairs else 0.0,
        "moved": moved(changed),
        "examples": [{"before": before, "after": after} for before, after in changed[:EXAMPLES]],
    }


def _pairs(
    recommender: Recommender, shown: Sequence[Impression], now: _AtATime, draft: _AtATime, clock: float
) -> list[Pair]:
    makers = [(recommender.under(rules), rules) for rules in (now, draft)]
    found: list[Pair] = []
    for one in shown:
        if one.placement in OTHER_PLACES or not one.items:
            continue
        wanted = Wanted(Pseudonym(one.user_id) if one.user_id else None, len(one.items), one.placement)
        lists: list[list[str]] = []
        for maker, rules in makers:
            rules.at = one.timestamp
            lists.append([item.item_id for item in maker.made([wanted], clock)[0].items])
        found.append((lists[0], lists[1]))
    return found


def moved(changed: Sequence[Pair]) -> list[list[str]]:
    """Items that came, went or changed their place in each of the lists.

    >>> moved([(["a", "b", "c"], ["a", "c", "d"])])
    [['b', 'c', 'd']]
    """
    return [
        sorted(
            item
            for item in {*before, *after}
            if (before.index(item) if item in before else -1) != (after.index(item) if item in after else -1)
        )
        for before, after in changed
    ]


def effects(force: RulesInForce, view: CatalogView, changed: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Each rule with what it holds of: ``items`` in the catalogue, the first ``titles``, and in how many of
    the changed ``lists`` such an item came, went or moved."""
    matches = force.matches(view)
    rows = [[row for item in items if (row := view.row(item)) >= 0] for items in changed]
    found: list[dict[str, Any]] = []
    for number, rule in enumerate(force.rules.rules):
        holds = matches.rows(number) & view.listed
        titles = [view.titles[row] or view.ids[row] for row in np.flatnonzero(holds)[:ITEMS].tolist()]
        lists = sum(bool(holds[some].any()) for some in rows if some)
        found.append(told(rule) | {"items": int(holds.sum()), "titles": titles, "lists": lists})
    return found
