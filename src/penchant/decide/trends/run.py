"""Trends of a shop, from its log and its catalogue."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.decide.trends.people import WEEK, WEEKS, Weeks, told
from penchant.decide.trends.result import Trends, Wish
from penchant.decide.trends.searches import Searches, ignored, missing, searches_of, usual_share
from penchant.decide.trends.things import items
from penchant.decide.trends.wishes import ANSWERED, Floats, Space, bars, nearest_items, wishes_of
from penchant.errors import EncoderGone, MissingExtra, NotEnoughData
from penchant.events.log import EventColumns
from penchant.recommend.lexicon import Lexicon
from penchant.types import EventType

CONCERNED: Final = (
    EventType.VIEW, EventType.CLICK, EventType.CART, EventType.WISHLIST, EventType.PURCHASE,
)  # fmt: skip
"""Events by which an item concerns a person."""

Vectors = Callable[[Sequence[str]], tuple[Floats, Floats, NDArray[np.int64]]]
"""Vectors of texts, and those of the items on sale with their rows, all of length 1. Raises EncoderGone."""


def trends(columns: EventColumns, view: CatalogView, now: float, vectors: Vectors) -> Trends:
    """Of what counts of a log up to ``now`` (unix seconds); ``vectors`` are asked for where people searched.

    Raises:
        NotEnoughData: nothing happened.
    """
    columns = columns.keep(columns.time <= now)
    if not len(columns.time):
        raise NotEnoughData("nothing happened yet that counts: there are no trends to tell of")
    until = float(columns.time.max())
    week = WEEKS - 1 - ((until - columns.time) // WEEK).astype(np.int64)
    columns, week = columns.keep(week >= 0), week[week >= 0]
    weeks = Weeks(until, columns.person, week)
    everybody = np.ones(len(week), np.bool_)
    active = weeks.people(everybody, np.zeros(len(week), np.int64), 1)[0]
    concerned = np.isin(columns.type, [kind.code for kind in CONCERNED])
    codes = np.where(concerned, columns.item, -1)
    (rising, fading), of_categories = items(weeks, codes, columns.items, active, view)
    rows = np.array([view.row(name) for name in columns.items], np.int64)
    asked = searches_of(_only_searches(columns), weeks, rows, _holding(view))
    wishes, far, notes = _wishes(asked, columns, view, vectors)
    if (until - float(columns.time.min())) // WEEK < 8:
        notes.append("There are fewer than eight weeks: what is new to the shop looks as if it rose.")
    return Trends(
        until=until, weeks=[until - WEEK * (WEEKS - at) for at in range(WEEKS)],
        active=[told(count) for count in active[:WEEKS]],
        rising=rising, fading=fading,
        rising_categories=of_categories[0], fading_categories=of_categories[1],
        missing=missing(asked, active), ignored=ignored(asked, active), usual=usual_share(asked),
        wishes=wishes, far=far, notes=notes,
    )  # fmt: skip


def _only_searches(columns: EventColumns) -> EventColumns:
    """The same, where no other event has words of a search."""
    return replace(columns, query=np.where(columns.type == EventType.SEARCH.code, columns.query, -1))


def _holding(view: CatalogView) -> Callable[[str], NDArray[np.int64]]:
    """Items on sale that hold a term, mistyped or not, as the shop's own search finds them."""
    lexicon = Lexicon()
    lexicon.follow(view)
    # A space behind it: the word was typed to its end.
    return lambda term: np.flatnonzero((lexicon.match(f"{term} ", len(view)) > 0) & view.available)


def _wishes(
    asked: Searches, columns: EventColumns, view: CatalogView, vectors: Vectors
) -> tuple[list[Wish], float | None, list[str]]:
    if not asked.words:
        return [], None, ["Nothing was searched for by five people or more."]
    try:
        words, on_sale, rows = vectors(asked.words)
    except (EncoderGone, MissingExtra) as error:
        return [], None, [f"Wishes that nothing on sale is like are not told: {error}"]
    if not len(rows):
        return [], None, ["Nothing is on sale."]
    nearest = nearest_items(words, on_sale, rows)
    limits = bars(asked, nearest)
    if limits is None:
        why = f"fewer than {ANSWERED} searches lead five people or more to an item"
        return [], None, [f"Wishes that nothing on sale is like are not told: {why}."]
    people = [set[int]() for _ in asked.words]
    at = np.flatnonzero(asked.code >= 0)
    for number, person in zip(asked.code[at].tolist(), columns.person[at].tolist(), strict=True):
        people[number].add(person)
    space = Space(words, nearest, *limits)
    return wishes_of(asked, space, people, view.titles, view.ids), limits[0], []
