"""What is watched of a shop, and how a change of it reads."""

import math

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


def _type(name: str, before: float, after: float) -> str:
    return f"events of type {name} went from {percent(before)} to {percent(after)} of all events"


def _looks(name: str, before: float, after: float) -> str:
    return f"looks at {name} went from {percent(before)} to {percent(after)} of all looks"


def _purchases(name: str, before: float, after: float) -> str:
    return f"purchases of {name} went from {percent(before)} to {percent(after)} of all purchases"


def _price(_: str, before: float, after: float) -> str:
    return f"the typical price went from {before:.2f} to {after:.2f}"


def _new(_: str, before: float, after: float) -> str:
    return f"events on new items went from {percent(before)} to {percent(after)} of all events on items"


def _words(name: str, before: float, after: float) -> str:
    return f"searches with {name!r} went from {percent(before)} to {percent(after)} of all searches"


KINDS = (
    Kind(StreamName.QUALITY, _quality, keys=("",), number=True, alarms=1.0, only_falls=True),
    Kind(StreamName.EVENT_TYPE, _type, keys=tuple(kind.value for kind in EVENT_TYPES)),
    Kind(StreamName.CATEGORY, _looks),
    Kind(StreamName.PURCHASE_CATEGORY, _purchases, part=0.5),
    Kind(StreamName.PRICE, _price, keys=("",), number=True, scale=math.exp),
    Kind(StreamName.NEW_ITEMS, _new, keys=("new",)),
    Kind(StreamName.SEARCH_WORDS, _words, secret=True, part=0.5),
)
"""Purchases are a stream of their own, or they would drown in the looks. They and searches are rarer: their
blocks are smaller."""
