"""Pins and limits: from what ranks best to the list that is shown."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from penchant.recommend.rules.plan import Plan
from penchant.types import Reason

Mask = NDArray[np.bool_]

Entry = tuple[int, float, Reason]

Ranked = list[Entry]
"""Row, score and reason of each item, best first."""

More = Callable[[Mask, int], Ranked]
"""The best of the rows of a mask, up to so many."""


def arranged(ranked: Ranked, allowed: Mask, n: int, plan: Plan, more: More) -> Ranked:
    """A list of up to ``n``: pinned rows at their places, the others by rank, and no limit passed.

    ``ranked``: best first; ``allowed`` (N,): rows that may be shown at all, whatever is ranked or pinned.
    ``more`` fills what ``ranked`` leaves open. A pin whose rows may not be shown, or which would pass a
    limit, is as if it were not there.
    """
    left, counts = allowed.copy(), _Counts(plan)
    pins = {place: one for place, one in _placed(ranked, left, plan, more, counts) if place < n}
    places: Ranked = []
    rest = _within(_filled(ranked, left, n, more, counts), left, counts)
    while len(places) < n:
        one = pins.pop(len(places), None) or next(rest, None)
        if one is None:
            break
        places.append(one)
    # A list that is shorter than the place of a pin ends with it.
    return [*places, *(pins[place] for place in sorted(pins))][:n]


def limited(ranked: Ranked, n: int, plan: Plan | None) -> Ranked:
    """The first ``n`` of what is found that pass no limit; nothing is pinned or filled in."""
    if plan is None or not plan.limits:
        return ranked[:n]
    found, counts = Ranked(), _Counts(plan)
    for one in ranked:
        if counts.fits(one[0]):
            counts.take(one[0])
            found.append(one)
    return found[:n]


class _Counts:
    """How many rows of each group are in a list."""

    def __init__(self, plan: Plan) -> None:
        self._limits = plan.limits
        self._counts = [Counter[int]() for _ in plan.limits]

    def fits(self, row: int) -> bool:
        """Whether one more row passes no limit."""
        return all(
            (group := int(limit.groups[row])) < 0 or counts[group] < limit.most
            for limit, counts in zip(self._limits, self._counts, strict=True)
        )

    def take(self, row: int) -> None:
        for limit, counts in zip(self._limits, self._counts, strict=True):
            counts[int(limit.groups[row])] += 1

    def open(self, rows: Mask) -> Mask:
        """Of the rows of a mask those that would still fit."""
        for limit, counts in zip(self._limits, self._counts, strict=True):
            full = [group for group, count in counts.items() if group >= 0 and count >= limit.most]
            if full:
                rows = rows & ~np.isin(limit.groups[: len(rows)], full)
        return rows


def _placed(
    ranked: Ranked, left: Mask, plan: Plan, more: More, counts: _Counts
) -> Iterator[tuple[int, Entry]]:
    """Places and rows of pins; each is no longer ``left``. Two of one place: one comes after it."""
    taken: set[int] = set()
    for pin in plan.pins:
        rows = np.zeros(len(left), dtype=bool)
        rows[pin.rows[pin.rows < len(left)]] = True
        one = _best(ranked, counts.open(rows & left), more)
        if one is None:
            continue
        place = next(p for p in range(pin.place, pin.place + len(taken) + 1) if p not in taken)
        taken.add(place)
        left[one[0]] = False
        counts.take(one[0])
        yield place, (one[0], one[1], Reason(kind="rule", rule=pin.rule))


def _best(ranked: Ranked, rows: Mask, more: More) -> Entry | None:
    found = next((one for one in ranked if one[0] < len(rows) and rows[one[0]]), None)
    if found is None and rows.any():
        found = next(iter(more(rows, 1)), None)
    return found


def _filled(ranked: Ranked, left: Mask, n: int, more: More, counts: _Counts) -> Iterator[Entry]:
    """What is ranked, and then whatever still fits, best first."""
    yield from ranked
    while (rows := counts.open(left)).any():
        found = more(rows, n)
        if not found:
            return
        yield from found


def _within(found: Iterable[Entry], left: Mask, counts: _Counts) -> Iterator[Entry]:
    for one in found:
        row = one[0]
        if row < len(left) and left[row] and counts.fits(row):
            left[row] = False
            counts.take(row)
            yield one
