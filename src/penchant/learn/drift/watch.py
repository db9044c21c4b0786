"""All streams of a shop together: events in, alarms out."""

import math
from collections.abc import Iterable
from typing import Any, Self

import msgspec

from penchant.errors import InvalidInput
from penchant.learn.drift.alarm import KEPT_ALARMS, Alarm, StreamName
from penchant.learn.drift.baseline import MakeDetector
from penchant.learn.drift.block import Cell
from penchant.learn.drift.kinds import KINDS
from penchant.learn.drift.settings import DriftSettings
from penchant.learn.drift.stream import Stream, StreamState
from penchant.types import Event, EventType, Item, Pseudonym

MOST_WORDS, LONGEST_WORD = 8, 40
"""Words of one search that count, and characters of one that may be a word."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What drift detection sees of one event; None where an event has no such thing.

    Attributes:
        position: place in the log. time: unix seconds.
        category: top level. price: in the shop's currency, above 0. new: is the item new in the shop? False
            for what was there from its first day.
        quality: how well the event was predicted before it was learned from; larger is better (NDCG,
            reciprocal rank, or a loss with its sign changed). words: of a search.
    """

    position: int
    time: float
    person: Pseudonym
    type: EventType
    category: str | None = None
    price: float | None = None
    new: bool | None = None
    quality: float | None = None
    words: tuple[str, ...] = ()


def seen_of(
    position: int, event: Event, item: Item | None, *, new: bool | None = None, quality: float | None = None
) -> Seen:
    """What is seen of an event in the log.

    >>> lamp = Item(item_id="7", category="Home > Lamps", price=9.5)
    >>> view = Event(user_id="anna", type=EventType.VIEW, timestamp=0.0, item_id="7")
    >>> seen_of(1, view, lamp).category, seen_of(1, view, lamp).price
    ('Home', 9.5)
    """
    price = event.price if event.price is not None else item.price if item else None
    return Seen(
        position=position,
        time=event.timestamp,
        person=Pseudonym(event.user_id),
        type=event.type,
        category=item.category.split(" > ")[0] or None if item else None,
        price=price if price is not None and price > 0 else None,
        new=new,
        quality=quality,
        words=words_of(event.query or ""),
    )


def words_of(query: str) -> tuple[str, ...]:
    """Words of a search that count.

    >>> words_of("Blue  LANTERN, 40 blue")
    ('blue', 'lantern', '40')
    """
    words = ("".join(filter(str.isalnum, part)).casefold() for part in query.split())
    return tuple(dict.fromkeys(word for word in words if 0 < len(word) <= LONGEST_WORD))[:MOST_WORDS]


class WatchState(msgspec.Struct, frozen=True, kw_only=True):
    """A watch as plain JSON. It holds pseudonyms: rows of open blocks, and who used a rare word."""

    version: int
    settings: DriftSettings
    streams: dict[StreamName, StreamState]
    alarms: list[Alarm]


VERSION = 1


class DriftWatch:
    """Follows how well events are predicted and what comes in, and tells what moved.

    Give it every event once, in the order of the log. Memory is bounded; a state goes on after a restart
    as if there had been none. It is :class:`~penchant.privacy.erasure.Erasable`.

    >>> class Never:
    ...     def update(self, value: float) -> bool:
    ...         return False
    ...     def reset(self) -> None: ...
    >>> watch = DriftWatch(lambda among: Never())
    >>> watch.see(Seen(position=1, time=0.0, person=Pseudonym("anna"), type=EventType.VIEW, quality=0.5))
    []
    """

    def __init__(self, make: MakeDetector, settings: DriftSettings | None = None) -> None:
        """``make``: makes detectors, such as ``adapters.river_drift.make_detector``."""
        self._settings = settings or DriftSettings()
        self._streams = {kind.name: Stream(kind, make, self._settings) for kind in KINDS}
        self.alarms: list[Alarm] = []

    def see(self, seen: Seen) -> list[Alarm]:
        """One event; the alarms that it brought, mostly none.

        Raises:
            InvalidInput: time, price or quality is not a finite number, or a price is not above 0.
        """
        _check(seen)
        found: list[Alarm] = []
        for name, cell in _cells(seen):
            alarm = self._streams[name].add(seen.time, seen.position, seen.person, cell)
            if alarm is not None:
                found.append(alarm)
        if found:
            self.alarms = [*self.alarms, *found][-KEPT_ALARMS:]
        return found

    def see_all(self, events: Iterable[Seen]) -> list[Alarm]:
        """Many events, in their order."""
        return [alarm for seen in events for alarm in self.see(seen)]

    def people(self) -> set[Pseudonym]:
        """Everybody on whom anything is held."""
        return {Pseudonym(person) for stream in self._streams.values() for person in stream.people()}

    @property
    def erasable_name(self) -> str:
        return "drift"

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [record for stream in self._streams.values() for record in stream.held_on(person)]

    def erase_person(self, person: Pseudonym) -> int:
        return sum(stream.erase_person(person) for stream in self._streams.values())

    def to_state(self) -> dict[str, Any]:
        """Plain JSON: dictionaries, lists, text and numbers."""
        streams = {name: stream.to_state() for name, stream in self._streams.items()}
        state = WatchState(version=VERSION, settings=self._settings, streams=streams, alarms=self.alarms)
        return msgspec.to_builtins(state)

    @classmethod
    def from_state(
        cls, state: dict[str, Any], make: MakeDetector, settings: DriftSettings | None = None
    ) -> Self:
        """Go on from what :meth:`to_state` gave.

        Raises:
            InvalidInput: it is something else, or was made with other settings.
        """
        watch = cls(make, settings)
        try:
            known = msgspec.convert(state, WatchState)
        except msgspec.ValidationError as error:
            raise InvalidInput(
                f"this is no state of drift detection: {error}; begin anew without it"
            ) from error
        if (known.version, known.settings, set(known.streams)) != (
            VERSION,
            watch._settings,
            set(watch._streams),
        ):
            raise InvalidInput("the state of drift detection is of other settings: begin anew without it")
        for name, stream in watch._streams.items():
            stream.restore(known.streams[name])
        watch.alarms = list(known.alarms)
        return watch


def _cells(seen: Seen) -> Iterable[tuple[StreamName, Cell]]:
    """What each stream gets of an event."""
    yield StreamName.EVENT_TYPE, (seen.type.value,)
    if seen.quality is not None:
        yield StreamName.QUALITY, float(seen.quality)
    if seen.category is not None:
        bought = seen.type is EventType.PURCHASE
        yield StreamName.PURCHASE_CATEGORY if bought else StreamName.CATEGORY, (seen.category,)
    if seen.price is not None:
        yield StreamName.PRICE, math.log(seen.price)
    if seen.new is not None:
        yield StreamName.NEW_ITEMS, ("new",) if seen.new else ()
    if seen.words:
        yield StreamName.SEARCH_WORDS, seen.words


def _check(seen: Seen) -> None:
    for name in ("time", "price", "quality"):
        value = getattr(seen, name)
        if value is not None and not math.isfinite(value):
            raise InvalidInput(
                f"{name} of event {seen.position} must be a finite number, got {value}; leave it out"
            )
    if seen.price is not None and seen.price <= 0:
        raise InvalidInput(f"price of event {seen.position} must be above 0, got {seen.price}; leave it out")
