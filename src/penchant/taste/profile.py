"""The taste profile that a person and the shop's owner see: plain shares, counted from the events."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import numpy as np

from penchant.catalog.view import CatalogView, top_level
from penchant.taste.price_level import price_levels
from penchant.taste.wished import TITLES
from penchant.types import Event, EventType, Logged

HALF_LIFE = 90.0
"""Days after which an event counts half."""

SHOWN = 12
"""Categories and brands named; the others are one ``other``."""

WORDS = 12
"""Words named, without the others."""

WEEK = 7 * 86_400.0

LAST = 10
"""Newest events whose effect is told."""

CHANGES = 6
"""Changes told of each kind, the largest."""

LEAST_CHANGE = 0.005
"""Of a share that is told."""

_DAY = 86_400.0

INTEREST: Mapping[EventType, float] = {
    EventType.PURCHASE: 1.0,
    EventType.CART: 0.5,
    EventType.WISHLIST: 0.5,
    EventType.REVIEW: 0.5,
    EventType.RATING: 0.5,
    EventType.CLICK: 0.2,
    EventType.VIEW: 0.1,
}
"""How much an event says about what a person likes, a purchase being 1."""


class Share(msgspec.Struct, frozen=True):
    """A part of somebody's interest, from 0 to 1."""

    name: str
    share: float


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """One month: shares of its own events. ``price_level`` as in :class:`TasteProfile`."""

    month: str
    events: int
    categories: list[Share]
    brands: list[Share]
    price_level: float | None


class Change(msgspec.Struct, frozen=True):
    """A share that moved, each from 0 to 1."""

    name: str
    before: float
    now: float


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What ``events`` events moved: the largest changes first. Price levels as in :class:`TasteProfile`."""

    events: int
    categories: list[Change] = []
    brands: list[Change] = []
    words: list[Change] = []
    price_level_before: float | None = None
    price_level: float | None = None


class TasteProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody likes, newer events counting more.

    Attributes:
        events: that it is made of. first, last: unix seconds of the oldest and the newest, None if empty.
        categories: widest levels, by share. brands: by share of events that have one.
        words: of titles, those that say most, by share of all that say something.
        price_level: 0 buys the cheapest of each category, 1 the dearest; None where prices are unknown.
        months: oldest first. week: what moved since a week ago. last_events: what the ``LAST`` events moved.
    """

    events: int
    first: float | None
    last: float | None
    categories: list[Share]
    brands: list[Share]
    words: list[Share]
    price_level: float | None
    months: list[Month]
    week: Moved
    last_events: Moved


def taste_profile(
    history: Sequence[Logged], view: CatalogView, now: float, *, half_life: float = HALF_LIFE
) -> TasteProfile:
    """Profile of one person's events (any order); items that left the catalogue no longer count.

    >>> from penchant.catalog.view import view_of
    >>> from penchant.types import Item
    >>> view = view_of(1, ["m"], {0: Item(item_id="m", category="Dairy > Milk")})
    >>> bought = Logged(1, Event(user_id="u", type=EventType.PURCHASE, timestamp=0.0, item_id="m"))
    >>> taste_profile([bought], view, now=0.0).categories
    [Share(name='Dairy', share=1.0)]
    """
    liked = [
        entry.event for entry in history if entry.event.type in INTEREST and _row(entry.event, view) >= 0
    ]
    levels = _levels([_row(event, view) for event in liked], view)
    times = [event.timestamp for event in liked]
    whole = _interest(liked, view, levels, now, half_life)
    newest = sorted(liked, key=lambda event: event.timestamp)
    before = [event for event in liked if event.timestamp < now - WEEK]
    week_ago = _interest(before, view, levels, now - WEEK, half_life)
    earlier = _interest(newest[:-LAST], view, levels, now, half_life)
    return TasteProfile(
        events=len(liked),
        first=min(times, default=None),
        last=max(times, default=None),
        categories=_largest(whole.categories),
        brands=_largest(whole.brands),
        words=_largest(whole.words, WORDS, other=False),
        price_level=whole.price_level,
        months=_months(liked, view, levels),
        week=_moved(week_ago, whole, len(liked) - len(before)),
        last_events=_moved(earlier, whole, min(LAST, len(liked))),
    )


class _Interest(NamedTuple):
    """Shares of everything that is named, and the price level."""

    categories: dict[str, float]
    brands: dict[str, float]
    words: dict[str, float]
    price_level: float | None


def _interest(
    liked: Sequence[Event], view: CatalogView, levels: Mapping[int, float], now: float, half_life: float
) -> _Interest:
    rows = [_row(event, view) for event in liked]
    weights = [INTEREST[e.type] * 0.5 ** (max(0.0, now - e.timestamp) / (half_life * _DAY)) for e in liked]
    words = TITLES.telling(rows, weights, view)
    return _Interest(
        _shares(_categories(rows, view), weights),
        _shares(_brands(rows, view), weights),
        _shares(list(words), list(words.values())),
        _mean_level(rows, weights, levels),
    )


def _moved(before: _Interest, now: _Interest, events: int) -> Moved:
    if not events:
        return Moved(events=0, price_level_before=before.price_level, price_level=now.price_level)
    return Moved(
        events=events,
        categories=_changes(before.categories, now.categories),
        brands=_changes(before.brands, now.brands),
        words=_changes(before.words, now.words),
        price_level_before=before.price_level,
        price_level=now.price_level,
    )


def _changes(before: Mapping[str, float], now: Mapping[str, float]) -> list[Change]:
    found = [(before.get(name, 0.0), now.get(name, 0.0), name) for name in {**before, **now}]
    found.sort(key=lambda change: (-abs(change[1] - change[0]), change[2]))
    told = [change for change in found[:CHANGES] if abs(change[1] - change[0]) >= LEAST_CHANGE]
    return [Change(name, round(old, 4), round(new, 4)) for old, new, name in told]


def _levels(rows: Sequence[int], view: CatalogView) -> dict[int, float]:
    """Level of the price of each row that has one."""
    taken = np.unique(np.asarray(rows, dtype=np.int64))
    levels = price_levels(view, np.unique(view.category[taken]))[taken]
    known = ~np.isnan(levels)
    return dict(zip(taken[known].tolist(), levels[known].tolist(), strict=True))


def _months(liked: Sequence[Event], view: CatalogView, levels: Mapping[int, float]) -> list[Month]:
    by_month: defaultdict[str, list[Event]] = defaultdict(list)
    for event in liked:
        by_month[datetime.fromtimestamp(event.timestamp, UTC).strftime("%Y-%m")].append(event)
    return [_month(name, by_month[name], view, levels) for name in sorted(by_month)]


def _month(name: str, events: Sequence[Event], view: CatalogView, levels: Mapping[int, float]) -> Month:
    weights = [INTEREST[event.type] for event in events]
    rows = [_row(event, view) for event in events]
    return Month(
        month=name,
        events=len(events),
        categories=_largest(_shares(_categories(rows, view), weights)),
        brands=_largest(_shares(_brands(rows, view), weights)),
        price_level=_mean_level(rows, weights, levels),
    )


def _row(event: Event, view: CatalogView) -> int:
    row = view.row_of.get(event.item_id or "", -1)
    return row if row < len(view) and row >= 0 and view.listed[row] else -1


def _categories(rows: Iterable[int], view: CatalogView) -> list[str]:
    return [top_level(view.categories.name(int(view.category[row]))) for row in rows]


def _brands(rows: Iterable[int], view: CatalogView) -> list[str]:
    return [view.brands.name(int(view.brand[row])) for row in rows]


def _shares(names: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    """Share of each name; events without a name do not count."""
    total: defaultdict[str, float] = defaultdict(float)
    for name, weight in zip(names, weights, strict=True):
        if name:
            total[name] += weight
    whole = sum(total.values())
    return {name: weight / whole for name, weight in total.items()} if whole else {}


def _largest(shares: Mapping[str, float], most: int = SHOWN, *, other: bool = True) -> list[Share]:
    """The largest shares, the rest as ``other`` where that is wanted."""
    largest = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
    shown = [Share(name, round(share, 4)) for name, share in largest]
    rest = round(1.0 - sum(share.share for share in shown), 4)
    return [*shown, Share("other", rest)] if other and len(shares) > most else shown


def _mean_level(rows: Sequence[int], weights: Sequence[float], levels: Mapping[int, float]) -> float | None:
    known = [(levels[row], weight) for row, weight in zip(rows, weights, strict=True) if row in levels]
    whole = sum(weight for _, weight in known)
    return round(sum(level * weight for level, weight in known) / whole, 4) if whole else None
