"""What the rules that hold now do to the items: arrays that any number of lists share."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.recommend.rules.matches import Matches
from penchant.recommend.rules.rule import Rule

Mask = NDArray[np.bool_]


class Pin(NamedTuple):
    """``place`` from 0; ``rows``: of which one stands there."""

    rule: str
    place: int
    rows: NDArray[np.int64]


class Limit(NamedTuple):
    """At most ``most`` rows of each group; ``groups`` (N,), -1 for rows that are not counted."""

    rule: str
    most: int
    groups: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Of N rows of a catalogue.

    Attributes:
        key: equal for what is made of the same rules that hold. shown: (N,) rows that may be shown.
        ages: (N,) years that a person must have, or None. shift: (N,) change of score in standard deviations,
            or None. lifts: names and rows of what is boosted. pins: by place. limits: in order.
    """

    key: Hashable
    shown: Mask
    ages: NDArray[np.int16] | None = None
    shift: NDArray[np.float32] | None = None
    lifts: tuple[tuple[str, float, Mask], ...] = ()
    pins: tuple[Pin, ...] = ()
    limits: tuple[Limit, ...] = ()

    def shown_to(self, age: int | None) -> Mask:
        """Rows that a person of that age may see, (N,); None where it is not known."""
        return self.shown if self.ages is None else self.shown & (self.ages <= (age or 0))

    def lifted_by(self, row: int) -> str:
        """Name of the rule that lifts the row most, empty where none does."""
        found = [(amount, name) for name, amount, rows in self.lifts if rows[row]]
        return max(found)[1] if found else ""


def plan_of(
    rules: Sequence[Rule], matches: Matches, active: Sequence[int], view: CatalogView, key: Hashable
) -> Plan:
    """What the ``active`` rules do, by number, in the order of the document."""
    hits = dict(zip(active, _hits(rules, matches, active), strict=True))
    shown, ages = matches.known.copy(), np.zeros(matches.size, np.int16)
    shift = np.zeros(matches.size, np.float32)
    for number, rows in hits.items():
        rule = rules[number]
        if rule.action == "exclude":
            shown &= ~rows
        elif rule.action == "age":
            ages[rows] = np.maximum(ages[rows], int(rule.amount))
        elif rule.action in ("boost", "bury"):
            shift[rows] += rule.amount if rule.action == "boost" else -rule.amount
    of = {
        action: [(rules[n], rows) for n, rows in hits.items() if rules[n].action == action]
        for action in _LATER
    }
    return Plan(
        key=key,
        shown=shown,
        ages=ages if ages.any() else None,
        shift=shift if shift.any() else None,
        lifts=tuple((rule.name, rule.amount, rows) for rule, rows in of["boost"]),
        pins=_pins(of["pin"]),
        limits=tuple(Limit(r.name, int(r.amount), _groups(r, rows, view)) for r, rows in of["limit"]),
    )


_LATER = ("boost", "pin", "limit")


def _hits(rules: Sequence[Rule], matches: Matches, active: Sequence[int]) -> list[Mask]:
    """Rows that each rule acts on: where only the first one of a table does, the others leave them to it."""
    taken: dict[int, Mask] = {}
    found: list[Mask] = []
    for number in active:
        rule, rows = rules[number], matches.rows(number)
        if rule.first:
            before = taken.setdefault(rule.table, np.zeros(matches.size, dtype=bool))
            rows = rows & ~before
            before |= rows
        found.append(rows)
    return found


def _pins(found: Sequence[tuple[Rule, Mask]]) -> tuple[Pin, ...]:
    pins = [Pin(rule.name, int(rule.amount) - 1, np.flatnonzero(rows)) for rule, rows in found]
    return tuple(sorted(pins, key=lambda pin: pin.place))


def _groups(rule: Rule, rows: Mask, view: CatalogView) -> NDArray[np.int32]:
    if not rule.per:
        return np.where(rows, 0, -1).astype(np.int32)
    codes = {"brand": view.brand, "category": view.category, "department": view.department}[rule.per]
    return np.where(rows, codes[: len(rows)], -1).astype(np.int32)
