"""Taste over time as shapes for an SVG: columns of shares, one for each month, and a line of price levels."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

COLOURS = 7
"""Names with a colour of their own; all others share one more."""

MONTHS = 12
"""Shown of the past."""

WIDTH, HEIGHT = 600.0, 160.0

Shares = Sequence[Mapping[str, Any]]


class Bar(msgspec.Struct, frozen=True):
    """A part of a whole, ``share`` from 0 to 1, and the number of its colour."""

    name: str
    share: float
    colour: int


class Block(msgspec.Struct, frozen=True):
    """A rectangle in the units of the picture, and what it says on hover."""

    x: float
    y: float
    width: float
    height: float
    colour: int
    label: str


class Dot(msgspec.Struct, frozen=True):
    """A point of the price line."""

    x: float
    y: float
    label: str


def bars(shares: Shares, limit: int = COLOURS) -> list[Bar]:
    """The largest shares, and the rest as one.

    >>> bars([{"name": "Dairy", "share": 0.75}, {"name": "Meat", "share": 0.25}], limit=1)
    [Bar(name='Dairy', share=0.75, colour=0), Bar(name='Other', share=0.25, colour=7)]
    """
    named = [share for share in shares if share["name"] != "other"]
    shown = [Bar(share["name"], share["share"], rank) for rank, share in enumerate(named[:limit])]
    rest = sum(share["share"] for share in shares) - sum(bar.share for bar in shown)
    return [*shown, Bar("Other", rest, COLOURS)] if rest > 0.004 else shown


def calendar(months: Sequence[Mapping[str, Any]], limit: int = MONTHS) -> list[Mapping[str, Any]]:
    """The last months up to the newest with events, those without events in their places.

    >>> [month["month"] for month in calendar([{"month": "2016-12"}, {"month": "2017-02"}])]
    ['2016-12', '2017-01', '2017-02']
    """
    if not months:
        return []
    known = {_number(month["month"]): month for month in months}
    last = max(known)
    first = max(min(known), last - limit + 1)
    return [known.get(n) or {"month": _named(n), "events": 0} for n in range(first, last + 1)]


def _number(month: str) -> int:
    """Months since year 0 of a ``YYYY-MM``."""
    year, of_year = month.split("-")
    return 12 * int(year) + int(of_year) - 1


def _named(number: int) -> str:
    return f"{number // 12:04}-{number % 12 + 1:02}"


def columns(months: Sequence[Mapping[str, Any]], field: str, top: Sequence[Bar]) -> list[Block]:
    """A stacked column of each month's ``field``, in the colours of ``top``; none for under two months."""
    if len(months) < 2:
        return []
    pitch = WIDTH / len(months)
    found: list[Block] = []
    for place, month in enumerate(months):
        found += _column(month, field, top, place * pitch + 0.08 * pitch, 0.84 * pitch)
    return found


def _column(month: Mapping[str, Any], field: str, top: Sequence[Bar], x: float, width: float) -> list[Block]:
    share_of = {share["name"]: float(share["share"]) for share in month.get(field) or []}
    parts = [(bar.name, share_of.get(bar.name, 0.0), bar.colour) for bar in top if bar.colour < COLOURS]
    rest = max(0.0, sum(share_of.values()) - sum(share for _, share, _ in parts))
    blocks: list[Block] = []
    y = HEIGHT
    for name, share, colour in [*parts, ("Other", rest, COLOURS)]:
        if share > 0:
            y -= share * HEIGHT
            label = f"{month['month']}: {name} {share:.0%} of {month['events']} events"
            blocks.append(
                Block(round(x, 2), round(y, 2), round(width, 2), round(share * HEIGHT, 2), colour, label)
            )
    return blocks


def price_dots(months: Sequence[Mapping[str, Any]]) -> list[Dot]:
    """Mean price level of each month that has one; 0, the cheapest of its category, is at the bottom."""
    if len(months) < 2:
        return []
    pitch = WIDTH / len(months)
    return [
        Dot(
            round((place + 0.5) * pitch, 2),
            round((1 - month["price_level"]) * HEIGHT / 2, 2),
            f"{month['month']}: {price_words(month['price_level'])}",
        )
        for place, month in enumerate(months)
        if month.get("price_level") is not None
    ]


def price_words(level: float | None) -> str:
    """A price level in words.

    >>> price_words(0.2), price_words(None)
    ('cheaper than 80% of its kind', 'not known')
    """
    if level is None:
        return "not known"
    return (
        f"dearer than {level:.0%} of its kind"
        if level >= 0.5
        else f"cheaper than {1 - level:.0%} of its kind"
    )
