"""What each person of an experiment did since their first list in it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.evaluate.ab.lists import Lists, answered_slots, codes
from penchant.events.cleaning.run import Cleaned
from penchant.events.log import EventColumns
from penchant.types import EventType

DAY = 86_400.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """P people, each in one arm.

    Attributes:
        arm: (P,) into the arms asked for. came: (P,) unix seconds of the first list.
        totals: name → (P,) of each person: lists, answered, fallbacks, empty, purchases, converted, revenue,
            refunds.
        left_out: why → people who were not counted.
        unpriced: purchases without a price, which bring no revenue.
    """

    arm: NDArray[np.int64]
    came: Floats
    totals: dict[str, Floats]
    left_out: dict[str, int]
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """``since``, ``until``: unix seconds between which lists and events count. ``days``: of each person, from
    the first list on; people whose days are not over are left out. None for all so far."""

    since: float = 0.0
    until: float = np.inf
    days: float | None = None


def outcomes_of(
    lists: Lists,
    columns: EventColumns,
    named: Mapping[int, str],
    arms: Sequence[str],
    *,
    cleaned: Cleaned,
    opted_out: AbstractSet[str] = frozenset(),
    period: Period | None = None,
) -> Outcomes:
    """Totals of everybody who is in one of ``arms`` and counts.

    People who opted out of profiling, robots and wholesale accounts are left out; so is who was in two arms,
    for what they did is of both. A purchase that was given back in full, or with an impossible price, earns
    nothing.

    Args:
        lists: of the experiment.
        columns: all events.
        named: log position → recommendation_id of an event.
        arms: names, in the order wanted.
        cleaned: what cleaning marks in the log.
        opted_out: pseudonyms.
        period: that counts; all so far if None.
    """
    when = period or Period()
    inside = (lists.time >= when.since) & (lists.time < when.until)
    inside &= np.array([name in arms for name in lists.arms], dtype=bool)[lists.arm]
    first, last, came = _arms_of(lists, inside, arms)
    seen = first >= 0
    left_out = dict[str, int]()
    keep = seen.copy()
    marked = cleaned.all_people()
    for why, wrong in (
        ("opted out", np.array([name in opted_out for name in lists.people], dtype=bool)),
        ("robots and wholesale accounts", np.array([name in marked for name in lists.people], dtype=bool)),
        ("in more than one arm", first != last),
        ("days not over", came + (when.days or 0.0) * DAY > when.until),
    ):
        left_out[why] = int((keep & wrong).sum())
        keep &= ~wrong
    ends = np.full(len(came), when.until) if when.days is None else came + when.days * DAY
    totals, unpriced = _totals(lists, columns, named, (came, np.minimum(ends, when.until)), cleaned)
    return Outcomes(
        arm=first[keep],
        came=came[keep],
        totals={name: total[keep] for name, total in totals.items()},
        left_out={why: count for why, count in left_out.items() if count},
        unpriced=unpriced,
    )


def _arms_of(
    lists: Lists, inside: NDArray[np.bool_], arms: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Lowest and highest arm of each person, -1 for none; time of the first list, infinite for none."""
    code = np.array([arms.index(name) if name in arms else -1 for name in lists.arms], dtype=np.int64)
    arm, person = code[lists.arm[inside]], lists.person[inside]
    first, last = np.full(len(lists.people), len(arms)), np.full(len(lists.people), -1)
    came = np.full(len(lists.people), np.inf)
    np.minimum.at(first, person, arm)
    np.maximum.at(last, person, arm)
    np.minimum.at(came, person, lists.time[inside])
    return np.where(last >= 0, first, -1), last, came


def _totals(
    lists: Lists,
    columns: EventColumns,
    named: Mapping[int, str],
    span: tuple[Floats, Floats],
    cleaned: Cleaned,
) -> tuple[dict[str, Floats], int]:
    """By name and person; ``span``: from when until when each one counts."""
    count = len(lists.people)
    begins, ends = span
    columns, person = _of_people(columns, lists.people)
    mine = (lists.time >= begins[lists.person]) & (lists.time < ends[lists.person])
    answered = np.zeros(len(lists.ids), dtype=bool)
    before = columns.keep(columns.time < ends[person])
    answered[lists.slot_list[answered_slots(lists, before, named)]] = True

    def of_lists(which: NDArray[np.bool_]) -> Floats:
        return np.bincount(lists.person[mine & which], minlength=count).astype(np.float64)

    counts = (columns.time >= begins[person]) & (columns.time < ends[person])
    fine = counts & ~np.isin(columns.position, cleaned.all_events())
    bought = fine & (columns.type == EventType.PURCHASE.code)
    amount = amounts(columns)

    def of_events(which: NDArray[np.bool_], weight: Floats | None = None) -> Floats:
        weights = None if weight is None else weight[which]
        return np.bincount(person[which], weights=weights, minlength=count).astype(np.float64)

    purchases = of_events(bought)
    return {
        "lists": of_lists(np.ones(len(lists.ids), dtype=bool)),
        "answered": of_lists(answered),
        "fallbacks": of_lists(lists.fallback),
        "empty": of_lists(lists.empty),
        "purchases": purchases,
        "converted": (purchases > 0).astype(np.float64),
        "revenue": of_events(bought, np.nan_to_num(amount)),
        "refunds": of_events(counts & (columns.type == EventType.REFUND.code)),
    }, int((bought & np.isnan(amount)).sum())


def _of_people(columns: EventColumns, people: Sequence[str]) -> tuple[EventColumns, NDArray[np.int64]]:
    """Only their events, and whose each is."""
    if not columns.people:
        return columns, np.zeros(0, dtype=np.int64)
    person = codes(columns.people, people)[columns.person]
    return columns.keep(person >= 0), person[person >= 0]


def amounts(columns: EventColumns) -> Floats:
    """What each event is worth, (E,): price times quantity (1 if absent), else its value; NaN for neither."""
    quantity = np.nan_to_num(columns.quantity.astype(np.float64), nan=1.0)
    amount = columns.price.astype(np.float64) * quantity
    return np.where(np.isnan(amount), columns.value.astype(np.float64), amount)
