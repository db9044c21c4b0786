"""The taste profile that a person and the shop's owner see: plain shares, counted from the events."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

from penchant.catalog.view import CatalogView, top_level
from penchant.types import Event, EventType, Logged

HALF_LIFE = 90.0
"""Days after which an event counts half."""

SHOWN = 12
"""Categories and brands named; the others are one ``other``."""

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


class TasteProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody likes, newer events counting more.

    Attributes:
        events: that it is made of. first, last: unix seconds of the oldest and the newest, None if empty.
        categories: widest levels, by share. brands: by share of events that have one.
        price_level: 0 buys the cheapest of each category, 1 the dearest; None where prices are unknown.
        months: oldest first.
    """

    events: int
    first: float | None
    last: float | None
    categories: list[Share]
    brands: list[Share]
    price_level: float | None
    months: list[Month]


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
    rows = [_row(event, view) for event in liked]
    levels = price_levels(rows, view)
    weights = [INTEREST[e.type] * 0.5 ** (max(0.0, now - e.timestamp) / (half_life * _DAY)) for e in liked]
    times = [event.timestamp for event in liked]
    return TasteProfile(
        events=len(liked),
        first=min(times, default=None),
        last=max(times, default=None),
        categories=_shares(_categories(rows, view), weights),
        brands=_shares(_brands(rows, view), weights),
        price_level=_mean_level(rows, weights, levels),
        months=_months(liked, view, levels),
    )


def price_levels(bought: Sequence[int], view: CatalogView) -> dict[int, float]:
    """Quantile of each row's price among those of its category, for categories of four prices or more."""
    rows = np.unique(np.asarray(bought, dtype=np.int64))
    priced = view.listed & ~np.isnan(view.price)
    inside = np.flatnonzero(priced & np.isin(view.category, view.category[rows]))
    inside = inside[np.lexsort((view.price[inside], view.category[inside]))]
    categories, prices = view.category[inside], view.price[inside]
    found: dict[int, float] = {}
    for row in rows[priced[rows]].tolist():
        start = np.searchsorted(categories, view.category[row], "left")
        end = np.searchsorted(categories, view.category[row], "right")
        if end - start >= 4:
            below = np.searchsorted(prices[start:end], view.price[row], "left")
            upto = np.searchsorted(prices[start:end], view.price[row], "right")
            found[row] = float((below + upto) / 2 / (end - start))
    return found


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
        categories=_shares(_categories(rows, view), weights),
        brands=_shares(_brands(rows, view), weights),
        price_level=_mean_level(rows, weights, levels),
    )


def _row(event: Event, view: CatalogView) -> int:
    row = view.row_of.get(event.item_id or "", -1)
    return row if row < len(view) and row >= 0 and view.listed[row] else -1


def _categories(rows: Iterable[int], view: CatalogView) -> list[str]:
    return [top_level(view.categories.name(int(view.category[row]))) for row in rows]


def _brands(rows: Iterable[int], view: CatalogView) -> list[str]:
    return [view.brands.name(int(view.brand[row])) for row in rows]


def _shares(names: Sequence[str], weights: Sequence[float]) -> list[Share]:
    """The largest shares, the rest as ``other``; events without a name do not count."""
    total: defaultdict[str, float] = defaultdict(float)
    for name, weight in zip(names, weights, strict=True):
        if name:
            total[name] += weight
    whole = sum(total.values())
    if not whole:
        return []
    largest = sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]
    shown = [Share(name, round(weight / whole, 4)) for name, weight in largest]
    rest = round(1.0 - sum(share.share for share in shown), 4)
    return [*shown, Share("other", rest)] if len(total) > SHOWN else shown


def _mean_level(rows: Sequence[int], weights: Sequence[float], levels: Mapping[int, float]) -> float | None:
    known = [(levels[row], weight) for row, weight in zip(rows, weights, strict=True) if row in levels]
    whole = sum(weight for _, weight in known)
    return round(sum(level * weight for level, weight in known) / whole, 4) if whole else None
