"""What people search for: who asks, what is found, and whether anybody takes it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.decide.trends.people import Codes, Counts, Weeks, changes, told, usual, wilson_high
from penchant.decide.trends.result import LEAST, Change, Sought
from penchant.events.log import EventColumns
from penchant.recommend.terms import asked_in, plain

DAY: Final = 86_400
SHOWN: Final = 20
"""Of each kind."""
MOST: Final = 2_000
"""Searches that are looked at, those of most people first."""

Rows = NDArray[np.int64]
Holding = Callable[[str], Rows]
"""Rows of the items on sale that hold a term."""


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """Q different searches: the same words in any order and number are one.

    Attributes:
        words: as they are written most. terms: of each, as a search compares them.
        code: (E,) of each event, -1 where it is none of them. people: (Q, WEEKS + 2), see ``Weeks.people``.
        in_all: (Q,) people over all weeks. hits: rows of items that hold all terms. takers: (Q,) people who
            took one of these within a day.
    """

    words: list[str]
    terms: list[tuple[str, ...]]
    code: Codes
    people: Counts
    in_all: Counts
    hits: list[Rows]
    takers: Counts


def searches_of(columns: EventColumns, weeks: Weeks, item_rows: Rows, holding: Holding) -> Searches:
    """Those of at least five people. ``columns`` are the events of ``weeks``; ``item_rows`` (I,) the row of
    each item of the columns, -1 where it has none."""
    code, terms, words = _grouped(columns)
    count = len(words)
    in_all = weeks.in_all(code >= 0, code, count) if count else np.zeros(0, np.int64)
    kept = np.argsort(-in_all, kind="stable")[:MOST]
    kept = kept[in_all[kept] >= LEAST]
    again = np.full(count + 1, -1, np.int64)  # The last one stands for no search.
    again[kept] = np.arange(len(kept))
    code = again[code]
    known: dict[str, Rows] = {}
    hits = [_all_held([_of(term, holding, known) for term in terms[at]]) for at in kept.tolist()]
    return Searches(
        words=[words[at] for at in kept.tolist()],
        terms=[terms[at] for at in kept.tolist()],
        code=code,
        people=weeks.people(code >= 0, code, len(kept)),
        in_all=in_all[kept],
        hits=hits,
        takers=_takers(columns, code, hits, item_rows),
    )


def missing(searches: Searches, active: Counts) -> list[Sought]:
    """Searches that find nothing on sale."""
    return _sought(searches, active, [number for number, rows in enumerate(searches.hits) if not len(rows)])


def usual_share(searches: Searches) -> float | None:
    """Of the people whose search found something, how many took it, to two digits; None where fewer than five
    did, or fewer than five did not."""
    found = np.array([len(rows) > 0 for rows in searches.hits], np.bool_)
    people = int(searches.in_all[found].sum())
    takers = int(searches.takers[found].sum())
    return round(takers / people, 2) if min(takers, people - takers) >= LEAST else None


def ignored(searches: Searches, active: Counts) -> list[Sought]:
    """Searches whose hits are surely taken less than half as often as is usual."""
    share = usual_share(searches) or 0.0
    rare = [
        number
        for number, rows in enumerate(searches.hits)
        if len(rows) and wilson_high(searches.takers[number], searches.in_all[number]) < share / 2
    ]
    return _sought(searches, active, rare)


def _sought(searches: Searches, active: Counts, which: Sequence[int]) -> list[Sought]:
    """Those that five people or more ask for now, what rises first."""
    moved = changes(searches.people, usual(searches.people, active))
    found = [
        Sought(
            words=searches.words[number], change=change, hits=len(searches.hits[number]),
            people_in_all=int(searches.in_all[number]), takers=_told(searches, number),
        )
        for number in which
        if (change := moved[number]) is not None and change.people is not None
    ]  # fmt: skip
    return sorted(found, key=lambda one: (not _rises(one.change), -(one.change.people or 0)))[:SHOWN]


def _told(searches: Searches, number: int) -> int | None:
    """Who took a hit, where that tells of no few: neither of those who did nor of those who did not."""
    others = int(searches.in_all[number] - searches.takers[number])
    return None if 0 < others < LEAST else told(searches.takers[number])


def _rises(change: Change) -> bool:
    return change.sure and change.ratio > 1


def _grouped(columns: EventColumns) -> tuple[Rows, list[tuple[str, ...]], list[str]]:
    """Code of each event by its terms, -1 where it is no search; terms; and how each is written."""
    number: dict[tuple[str, ...], int] = {}
    of_query = np.full(len(columns.queries) + 1, -1, np.int64)  # The last one stands for no query.
    for at, text in enumerate(columns.queries):
        key = tuple(sorted(asked_in(f"{text} ")[0]))
        if key:
            of_query[at] = number.setdefault(key, len(number))
    code = of_query[columns.query]
    written = defaultdict[int, Counter[str]](Counter)
    used, times = np.unique(columns.query[code >= 0], return_counts=True)
    for at, often in zip(used.tolist(), times.tolist(), strict=True):
        written[int(of_query[at])][" ".join(plain(columns.queries[at]).split())] += often
    return code, list(number), [_most(written[at]) for at in range(len(number))]


def _most(written: Counter[str]) -> str:
    return max(written.items(), key=lambda one: (one[1], one[0]))[0] if written else ""


def _of(term: str, holding: Holding, known: dict[str, Rows]) -> Rows:
    if term not in known:
        known[term] = holding(term)
    return known[term]


def _all_held(rows: Sequence[Rows]) -> Rows:
    found = rows[0]
    for more in rows[1:]:
        found = np.intersect1d(found, more)
    return found


def _takers(columns: EventColumns, code: Codes, hits: Sequence[Rows], item_rows: Rows) -> Counts:
    """People who did something with a hit within a day of searching, (Q,)."""
    # Events are in the order of people and their own time.
    key = columns.person.astype(np.int64) * 2**34 + columns.time.astype(np.int64)
    rows = np.append(item_rows, -1)[columns.item]
    found = np.zeros(len(hits), np.int64)
    at = np.flatnonzero(code >= 0)
    order = np.argsort(code[at], kind="stable")
    for number, events in zip(*_parts(code[at][order], at[order]), strict=True):
        held = hits[number]
        end = np.searchsorted(key, key[events] + DAY, side="right")
        takers = set[int]()
        for start, stop in zip(events.tolist(), end.tolist(), strict=True):
            person = int(columns.person[start])
            if person not in takers and np.isin(rows[start + 1 : stop], held).any():
                takers.add(person)
        found[number] = len(takers)
    return found


def _parts(codes: Codes, places: Rows) -> tuple[list[int], list[Rows]]:
    """Places by code."""
    if not len(codes):
        return [], []
    cut = np.flatnonzero(np.diff(codes)) + 1
    return [int(part[0]) for part in np.split(codes, cut)], np.split(places, cut)
