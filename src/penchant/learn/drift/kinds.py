"""What is watched of a shop, and how a change of it reads."""

import math
from collections.abc import Callable

from penchant.learn.drift.alarm import StreamName
from penchant.learn.drift.stream import Kind
from penchant.types import EVENT_TYPES


def percent(share: float) -> str:
    """A share in two digits or three; the cycles of the week may leave it a little outside of 0 to 1.

    >>> percent(0.031), percent(0.114), percent(-0.001), percent(0.0004)
    ('3.1%', '11%', '0%', '0.04%')
    """
    value = 100 * min(1.0, max(0.0, share))
    return f"{value:.2g}%" if value < 99.5 else "100%"


def _quality(_: str, before: float, after: float) -> str:
    return f"how well the next event is predicted went from {before:.3f} to {after:.3f}"


def _shares(subject: str, of: str) -> Callable[[str, float, float], str]:
    """How a changed share reads; ``subject`` has a place for the name."""

    def tell(name: str, before: float, after: float) -> str:
        return f"{subject.format(name)} went from {percent(before)} to {percent(after)} of all {of}"

    return tell


def _price(_: str, before: float, after: float) -> str:
    return f"the typical price went from {before:.2f} to {after:.2f}"


_TYPES = tuple(kind.value for kind in EVENT_TYPES)

KINDS = (
    Kind(StreamName.QUALITY, _quality, keys=("",), number=True, alarms=1.0, only_falls=True),
    Kind(
        StreamName.EVENT_TYPE,
        _shares("events of type {}", "events"),
        keys=_TYPES,
    ),
    Kind(StreamName.CATEGORY, _shares("looks at {}", "looks")),
    Kind(StreamName.PURCHASE_CATEGORY, _shares("purchases of {}", "purchases"), part=0.5),
    Kind(StreamName.PRICE, _price, keys=("",), number=True, scale=math.exp),
    Kind(StreamName.NEW_ITEMS, _shares("events on new items", "events on items"), keys=("new",)),
    Kind(StreamName.SEARCH_WORDS, _shares("searches with {!r}", "searches"), secret=True, part=0.5),
)
"""Purchases are a stream of their own, or they would drown in the looks. They and searches are rarer: their
blocks are smaller."""
