"""An alarm, and what follows from it."""

from enum import StrEnum
from typing import Literal

import msgspec

KEPT_ALARMS = 200
"""Newest ones that are kept."""


class StreamName(StrEnum):
    """What is watched."""

    QUALITY = "quality"
    EVENT_TYPE = "event-type"
    CATEGORY = "category"
    PURCHASE_CATEGORY = "purchase-category"
    PRICE = "price"
    NEW_ITEMS = "new-items"
    SEARCH_WORDS = "search-words"


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """Something moved. Nothing in it is of one person: all figures are of blocks of many.

    Attributes:
        time: unix seconds of the event at which it was noticed. position: its place in the log.
        stream: what was watched. name: what moved in it, such as a category; empty where it has no names.
        what: the same in words.
        before, after: shares, a price, or a mean of the prequential quality, without the cycles of a week.
        events: places in the log from the estimated moment of the change to its notice.
    """

    time: float
    position: int
    stream: StreamName
    name: str
    what: str
    before: float
    after: float
    events: int


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What the learner should do.

    Attributes:
        action: ``retrain`` orders one, and raises the rate too; ``faster`` raises the
            rate; ``tell`` changes nothing.
        factor: of the learning rate, 1 for no change. events: for how many events from the alarm on.
        why: in words.
    """

    action: Literal["tell", "faster", "retrain"]
    factor: float
    events: int
    why: str


HALF_LOST = 0.3
"""Share of the quality that must be lost for a retrain: the item table alone hardly makes good for that."""
MUCH = 0.05
"""Share of the events that must have moved for a higher rate."""
LONGEST, STRONGEST = 20_000, 4.0
"""Events and factor of a higher rate, at most."""

_TASTE = {StreamName.CATEGORY, StreamName.PURCHASE_CATEGORY, StreamName.NEW_ITEMS, StreamName.SEARCH_WORDS}


def response(alarm: Alarm) -> Response:
    """What follows from an alarm; the same for the same alarm.

    The higher rate lasts five times as long as the change took to be noticed, within 2,000 and 20,000 events.

    >>> fell = Alarm(time=0.0, position=9_000, stream=StreamName.QUALITY, name="", what="it fell",
    ...              before=0.30, after=0.24, events=900)
    >>> response(fell).action, round(response(fell).factor, 2), response(fell).events
    ('faster', 1.25, 4500)
    >>> response(msgspec.structs.replace(fell, after=0.15)).action
    'retrain'
    """
    if alarm.stream is StreamName.QUALITY:
        return _of_quality(alarm)
    if alarm.stream in _TASTE:
        return _of_taste(alarm)
    hint = "is the feed whole?" if alarm.stream is StreamName.EVENT_TYPE else "are the prices right?"
    return _tell(f"no step of the learner makes up for it; {hint}")


def _of_quality(alarm: Alarm) -> Response:
    if alarm.after >= alarm.before:
        return _tell("what is predicted fits better than before")
    lost = min(1.0, (alarm.before - alarm.after) / max(abs(alarm.before), 1e-9))
    factor = min(STRONGEST, 1 / max(1 - lost, 1e-9))
    if lost >= HALF_LOST:
        why = f"{lost:.0%} of the quality is lost: more than the item table alone makes good for"
        return Response(action="retrain", factor=factor, events=_events(alarm), why=why)
    why = f"{lost:.0%} of the quality is lost: newer events count more for a while"
    return Response(action="faster", factor=factor, events=_events(alarm), why=why)


def _of_taste(alarm: Alarm) -> Response:
    moved = abs(alarm.after - alarm.before)
    if moved < MUCH:
        return _tell(f"{moved:.1%} of the events moved: the usual rate follows that")
    why = f"{moved:.0%} of the events moved, though the quality may not have fallen yet"
    return Response(action="faster", factor=1 + min(1.0, 5 * moved), events=_events(alarm), why=why)


def _events(alarm: Alarm) -> int:
    return max(2_000, min(LONGEST, 5 * alarm.events))


def _tell(why: str) -> Response:
    return Response(action="tell", factor=1.0, events=0, why=why)
