"""What a ranker is told of each candidate: columns in named groups. Numpy only.

Everything is made of a :class:`Moment`, which holds what happened before it, and of facts of an earlier
table: no column can know what came after. NaN where there is nothing to say; trees read that as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.model.entries import ago, last_of, units
from penchant.model.repeat import FEATURES, UNIT, features, setting
from penchant.model.tokens import DAY
from penchant.model.trend import LIFETIMES
from penchant.recommend.candidates import places_of
from penchant.recommend.sources.again import lateness
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.merge import Candidates
from penchant.recommend.sources.moment import HOUR_UNITS, Moment

Floats = NDArray[np.float32]
Columns = list[NDArray[Any]]

REPEATED = FEATURES - len(LIFETIMES)
"""Columns of the repeat memory that are not the trend."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Candidates of one moment, and where each is in the person's record (C,), -1 where it is not."""

    moment: Moment
    candidates: Candidates
    facts: Facts
    place: NDArray[np.int64]

    @classmethod
    def of(cls, moment: Moment, candidates: Candidates, facts: Facts) -> "Asked":
        """Look up the record."""
        return cls(moment, candidates, facts, places_of(candidates.rows, moment.wanted()))

    def fact(self, table: NDArray[Any]) -> Floats:
        """Of each candidate, NaN for items that came later than the facts."""
        rows = self.candidates.rows
        known = rows < len(table)
        found = np.full(len(rows), np.nan, np.float32)
        found[known] = table[rows[known]]
        return found

    def same(self, value: float) -> Floats:
        """One number for all."""
        return np.full(len(self.candidates), value, np.float32)


def _taste(asked: Asked) -> Columns:
    scores = asked.moment.scores[asked.candidates.rows]
    order = np.argsort(-scores, kind="stable")
    rank = np.empty(len(scores), np.float32)
    rank[order] = np.arange(len(scores))
    best = scores[order]
    tenth = best[min(9, len(best) - 1)] if len(best) else 0.0
    return [scores, np.log1p(rank), scores - best[:1].sum(), scores - tenth]


def _repeat(asked: Asked) -> Columns:
    found = np.full((len(asked.place), REPEATED), np.nan, np.float32)
    known, moment = asked.place >= 0, asked.moment
    if known.any():
        place = asked.place[known]
        zeros, owner = np.zeros((len(place), len(LIFETIMES)), np.float32), np.zeros(len(place), np.int64)
        now, events = np.array([moment.now]), np.array([float(moment.events())])
        at = setting(moment.record[None], now, events, owner, place, zeros)
        found[known] = features(moment.record[place], at)[:, :REPEATED]
    return list(found.T)


def _due(asked: Asked) -> Columns:
    late, interval = asked.same(np.nan), asked.fact(asked.facts.interval)
    known = (asked.place >= 0) & np.isfinite(interval)
    record = asked.moment.record[asked.place[known]]
    late[known] = lateness(record, asked.moment.now, interval[known])
    return [late, np.abs(late), interval, asked.fact(asked.facts.again)]


def _trend(asked: Asked) -> Columns:
    return list(asked.moment.trend[asked.candidates.rows].T)


def _sources(asked: Asked) -> Columns:
    return list(asked.candidates.strength.T)


def _price(asked: Asked) -> Columns:
    view, wanted = asked.moment.view, asked.moment.wanted()
    own = view.price[wanted[wanted < len(view)]]
    own = np.log(own[own > 0])
    usual = float(own.mean()) if len(own) else np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.log(asked.fact(view.price))
    price[~np.isfinite(price)] = np.nan
    return [price, price - usual, asked.same(float(own.std()) if len(own) else np.nan)]


def _person(asked: Asked) -> Columns:
    record, moment = asked.moment.record, asked.moment
    if not len(record):
        return [asked.same(value) for value in (0.0, 0.0, np.nan, np.nan, 0.0)]
    since = ago(record, units(np.array(moment.now))) * (UNIT / DAY)
    errands = 1 + int((np.diff(last_of(record)) > HOUR_UNITS).sum())
    span = float(since.max() - since.min())
    values = (
        np.log1p(moment.events()),
        np.log1p(len(record)),
        np.log1p(float(since.min())),
        np.log1p(span / errands),
        len(record) / max(1, moment.events()),
    )
    return [asked.same(float(value)) for value in values]


def _clock(asked: Asked) -> Columns:
    days = asked.moment.now / DAY
    return [asked.same(days % 1.0 * 24), asked.same(np.floor(days + 3) % 7)]


def _item(asked: Asked) -> Columns:
    age = np.log1p(np.maximum((asked.moment.now - asked.fact(asked.facts.born)) / DAY, 0))
    return [age, np.log1p(asked.fact(asked.facts.takers))]


def _kin(asked: Asked) -> Columns:
    view, rows = asked.moment.view, asked.candidates.rows
    wanted = asked.moment.wanted()
    wanted = wanted[wanted < len(view)]
    found: Columns = []
    for codes in (view.category, view.brand):
        mine = codes[wanted]
        share = np.bincount(mine[mine >= 0], minlength=1) / max(1, len(wanted))
        code = codes[rows]
        inside = (code >= 0) & (code < len(share))
        found.append(np.where(inside, share[np.where(inside, code, 0)], np.where(code < 0, np.nan, 0.0)))
    return found


GROUPS: Mapping[str, Callable[[Asked], Columns]] = {
    "taste": _taste,
    "repeat": _repeat,
    "due": _due,
    "trend": _trend,
    "sources": _sources,
    "price": _price,
    "person": _person,
    "clock": _clock,
    "item": _item,
    "kin": _kin,
}
"""By name: what makes the columns of a group. The order is that of the columns."""

_REPEAT_NAMES = (
    *("count", "slow", "fast", "days", "day", "age", "due", "late", "several", "share", "events", "bought"),
    *("part", "others", "since", "purchased", "chosen", "looked", "newer", "newest"),
)

_NAMES: Mapping[str, Sequence[str]] = {
    "taste": ("score", "rank", "to-best", "to-tenth"),
    "repeat": _REPEAT_NAMES,
    "due": ("lateness", "off", "interval", "again"),
    "trend": [f"{life:g}-days{'-first' if n > 1 else ''}" for n, life in enumerate(LIFETIMES)],
    "price": ("price", "to-usual", "spread"),
    "person": ("events", "items", "since", "pace", "new"),
    "clock": ("hour", "weekday"),
    "item": ("age", "takers"),
    "kin": ("category", "brand"),
}


def names(sources: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Of the columns of :func:`matrix`.

    >>> names(["taste"], ["clock", "sources"])
    ['clock:hour', 'clock:weekday', 'sources:taste']
    """
    known = {**_NAMES, "sources": sources}
    return [f"{group}:{name}" for group in groups for name in known[group]]


def matrix(moment: Moment, candidates: Candidates, facts: Facts, groups: Sequence[str]) -> Floats:
    """Columns of the named groups in their order, (C, F)."""
    asked = Asked.of(moment, candidates, facts)
    columns = [column for group in groups for column in GROUPS[group](asked)]
    found = np.empty((len(candidates), len(columns)), np.float32)
    for place, column in enumerate(columns):
        found[:, place] = column
    return found
