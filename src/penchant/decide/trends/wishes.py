"""Searches that are like each other, and like nothing on sale."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.decide.trends.result import LEAST, Near, Wish
from penchant.decide.trends.searches import Searches

ANSWERED: Final = 20
"""Searches that were taken, of which it is told how like its nearest item one is."""
FAR: Final = 0.05
"""Share of these that are less like it than what counts as far."""
SHOWN: Final = 10
_BLOCK: Final = 64
_NEAREST: Final = 3

Floats = NDArray[np.float32]


class Nearest(NamedTuple):
    """Of Q searches: likeness (Q, n) and rows (Q, n) of the nearest items on sale, nearest first."""

    likeness: Floats
    rows: NDArray[np.int64]


class Space(NamedTuple):
    """Vectors of Q searches (Q, D), the nearest items of each, and both limits of :func:`bars`."""

    asked: Floats
    nearest: Nearest
    far: float
    alike: float


def nearest_items(asked: Floats, items: Floats, rows: NDArray[np.int64]) -> Nearest:
    """The nearest of ``items`` (M, D), of these rows (M,), to each of ``asked`` (Q, D); all of length 1."""
    count = min(_NEAREST, len(rows))
    likeness, found = np.zeros((len(asked), count), np.float32), np.zeros((len(asked), count), np.int64)
    for start in range(0, len(asked), _BLOCK):
        scores = asked[start : start + _BLOCK] @ items.T
        best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        inside = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-inside, axis=1, kind="stable")
        likeness[start : start + _BLOCK] = np.take_along_axis(inside, order, axis=1)
        found[start : start + _BLOCK] = rows[np.take_along_axis(best, order, axis=1)]
    return Nearest(likeness, found)


def bars(searches: Searches, nearest: Nearest) -> tuple[float, float] | None:
    """Likeness below which a search is far from everything, and above which two searches are one wish.

    Both by the searches that are answered: how like their nearest items these are, at the low end and in the
    middle. None where too few are.
    """
    answered = searches.takers >= LEAST
    if int(answered.sum()) < ANSWERED:
        return None
    low, middle = np.quantile(nearest.likeness[answered, 0], (FAR, 0.5))
    return float(low), float(middle)


def wishes_of(
    searches: Searches, space: Space, people: Sequence[set[int]], titles: Sequence[str], ids: Sequence[str]
) -> list[Wish]:
    """Groups of far searches that are not answered, of at least five people, most people first.

    ``people`` are those who asked each of the searches; ``titles`` and ``ids`` of the items by row.
    """
    order = np.argsort(-searches.in_all, kind="stable").tolist()
    groups: list[list[int]] = []
    for number in order:
        if space.nearest.likeness[number, 0] >= space.far or searches.takers[number] >= LEAST:
            continue
        mine = space.asked[number]
        first = next((one for one in groups if float(space.asked[one[0]] @ mine) >= space.alike), None)
        if first is None:
            groups.append([number])
        else:
            first.append(number)
    made = [_wish(searches, group, space.nearest, people, titles, ids) for group in groups]
    return sorted((one for one in made if one.words), key=lambda one: -one.people)[:SHOWN]


def _wish(
    searches: Searches, group: list[int], nearest: Nearest, people: Sequence[set[int]],
    *name: Sequence[str],
) -> Wish:  # fmt: skip
    titles, ids = name
    near: dict[int, float] = {}
    for number in group:
        for row, likeness in zip(
            nearest.rows[number].tolist(), nearest.likeness[number].tolist(), strict=True
        ):
            near[row] = max(likeness, near.get(row, -1.0))
    closest = sorted(near.items(), key=lambda one: -one[1])[:_NEAREST]
    likeness = np.average(nearest.likeness[group, 0], weights=searches.in_all[group])
    return Wish(
        words=_words(searches, group, people),
        people=len(set[int]().union(*(people[number] for number in group))),
        searches=len(group),
        likeness=round(float(likeness), 4),
        near=[Near(titles[row] or ids[row], ids[row], round(likeness, 4)) for row, likeness in closest],
    )


def _words(searches: Searches, group: list[int], people: Sequence[set[int]]) -> list[str]:
    """Words that at least five of them used, those of most people first."""
    users = defaultdict[str, set[int]](set)
    for number in group:
        for term in searches.terms[number]:
            users[term] |= people[number]
    told = sorted(((len(who), term) for term, who in users.items() if len(who) >= LEAST), reverse=True)
    return [term for _, term in told[:5]]
