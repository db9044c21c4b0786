"""The page on trends: what rises and fades, and what people look for in vain."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from penchant.decide.trends.people import SPAN
from penchant.decide.trends.result import LEAST
from penchant.errors import NotEnoughData
from penchant.serve.console.desk import Desk, day, page
from penchant.serve.console.figures import Block
from penchant.serve.console.sessions import Session

WIDTH, HEIGHT = 120.0, 28.0
"""Of the picture of weeks."""
AXIS = 150.0
"""Width of the picture of an interval."""
MOST = 8.0
"""Times as many, and as few, at its ends."""
TICKS = (0.25, 0.5, 1.0, 2.0, 4.0)
FEW = 3.0
"""Height of a week of fewer than five people, of whom no figure is told."""

Told = Mapping[str, Any]


class Interval(msgspec.Struct, frozen=True):
    """Where the ends of an interval and its middle lie; ``times`` is the middle in figures, ``kind`` ``up``,
    ``down`` or ``open``."""

    low: float
    middle: float
    high: float
    kind: str
    times: str
    label: str


class Row(msgspec.Struct, frozen=True):
    """One thing: its name, what is said of it beside, its weeks and its change."""

    name: str
    beside: str
    people: str
    before: str
    weeks: list[Block]
    interval: Interval


def trends(desk: Desk, request: Request, session: Session) -> Response:
    """All of it; a shop where nothing happened yet is told what will be here."""
    try:
        told = desk.services.campaigns.trends()
    except NotEnoughData:
        return page(desk, request, "trends.html", session=session, told=None)
    kinds = ("rising", "fading", "rising_categories", "fading_categories")
    starts = told["weeks"]
    return page(
        desk, request, "trends.html", session=session, told=told,
        things={kind: [thing_row(one, starts) for one in told[kind]] for kind in kinds},
        searches={kind: [search_row(one, starts) for one in told[kind]] for kind in ("missing", "ignored")},
        active=weeks_of(told["active"], starts, "people did something"),
        ticks=[(place(tick), tick_words(tick)) for tick in TICKS], count=count_words,
    )  # fmt: skip


def thing_row(one: Told, starts: Sequence[float]) -> Row:
    """Of an item or a category."""
    return _row(one["name"], "" if one["available"] else "not on sale", one["change"], starts)


def search_row(one: Told, starts: Sequence[float]) -> Row:
    """Of words that people search for."""
    beside = ""
    if one["hits"]:
        takers = count_words(one["takers"])
        beside = f"{one['hits']:,} on sale, taken by {takers} of {one['people_in_all']:,} people"
    return _row(one["words"], beside, one["change"], starts)


def _row(name: str, beside: str, change: Told, starts: Sequence[float]) -> Row:
    weeks = weeks_of(change["weeks"], starts, "people")
    before = count_words(change["before"])
    return Row(name, beside, count_words(change["people"]), before, weeks, interval_of(change))


def count_words(count: int | None) -> str:
    """A number of people, where it may be told.

    >>> count_words(1200), count_words(None)
    ('1,200', 'fewer than 5')
    """
    return f"fewer than {LEAST}" if count is None else f"{count:,}"


def weeks_of(counts: Sequence[int | None], starts: Sequence[float], what: str) -> list[Block]:
    """A column for each week, the last four in another colour; one of fewer than five people is a stub."""
    top, pitch = max([count or 0 for count in counts] + [1]), WIDTH / max(len(counts), 1)
    found: list[Block] = []
    for at, (count, start) in enumerate(zip(counts, starts, strict=True)):
        height = FEW if count is None else max(FEW, HEIGHT * count / top)
        colour = 7 if count is None or at < len(counts) - SPAN else 0
        label = f"week from {day(start)}: {count_words(count)} {what}"
        x = at * pitch + 0.1 * pitch
        found.append(
            Block(
                round(x, 2), round(HEIGHT - height, 2), round(0.8 * pitch, 2), round(height, 2), colour, label
            )
        )
    return found


def place(ratio: float) -> float:
    """Where a ratio lies on the axis, whose middle is 1.

    >>> place(1.0), place(1000.0), place(0.0)
    (75.0, 150.0, 0.0)
    """
    if ratio <= 0:
        return 0.0
    share = 0.5 + math.log(ratio) / (2 * math.log(MOST))
    return round(AXIS * min(1.0, max(0.0, share)), 2)


def tick_words(ratio: float) -> str:
    """A mark of the axis.

    >>> tick_words(0.25), tick_words(2.0)
    ('¼', '2')
    """
    return {0.25: "¼", 0.5: "½"}.get(ratio, f"{ratio:g}")


def interval_of(change: Told) -> Interval:
    """The interval of a change on the axis."""
    kind = "open" if not change["sure"] else "up" if change["ratio"] > 1 else "down"
    times = f"{change['ratio']:.2f}"
    label = f"{times} times as many ({change['low']:.2f} to {change['high']:.2f})"
    return Interval(place(change["low"]), place(change["ratio"]), place(change["high"]), kind, times, label)
