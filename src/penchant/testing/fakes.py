"""Stores in memory that keep the contracts of the real ones: for tests, examples and trials."""

import hashlib
import re
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from penchant.catalog.ids import id_digest
from penchant.catalog.prices import PriceSince
from penchant.events.attributes import Attributes
from penchant.events.log import Appended, EventColumns
from penchant.events.marks import StepReport
from penchant.privacy.consent import Consent
from penchant.types import DeadLetter, Event, Impression, Item, Logged, Pseudonym


def personal_order(entry: Logged) -> tuple[float, int, int]:
    """Sort key of the log's order within a person."""
    return entry.event.timestamp, entry.event.sequence or 0, entry.position


class InMemoryLog:
    """An :class:`~penchant.events.log.EventLog` that is Erasable too.

    >>> from penchant.types import EventType
    >>> log = InMemoryLog()
    >>> event = Event(user_id="p", type=EventType.VIEW, timestamp=1.0, event_id="e1", item_id="a")
    >>> log.append([event, event])
    Appended(positions=[1, 1], duplicates=[1], conflicts=[])
    """

    erasable_name = "events"

    def __init__(self) -> None:
        self._entries: list[Logged] = []
        self._known: dict[str, Logged] = {}
        self._of: dict[str, list[Logged]] = {}
        self._end = 0

    def append(self, events: Sequence[Event]) -> Appended:
        result = Appended([], [], [])
        for index, event in enumerate(events):
            known = self._known.get(event.event_id or "")
            if known is None:
                result.positions.append(self._write(event))
            elif known.event == event:
                result.positions.append(known.position)
                result.duplicates.append(index)
            else:
                result.positions.append(-1)
                result.conflicts.append(index)
        return result

    def of_user(self, person: Pseudonym, last: int | None = None) -> list[Logged]:
        entries = sorted(self._of.get(person, ()), key=personal_order)
        return entries if last is None else entries[max(0, len(entries) - last) :]

    def follow(self, after: int, limit: int) -> list[Logged]:
        start = bisect_right(self._entries, after, key=lambda entry: entry.position)
        return self._entries[start : start + limit]

    def end(self) -> int:
        return self._end

    def count(self) -> int:
        return len(self._entries)

    def people(self) -> Iterator[Pseudonym]:
        newest = {person: max(e.event.timestamp for e in entries) for person, entries in self._of.items()}
        return iter([Pseudonym(p) for p in sorted(newest, key=lambda p: (-newest[p], p))])

    def columns(self, after: int = 0) -> EventColumns:
        entries = [entry for entry in self._entries if entry.position > after]
        people = sorted({entry.event.user_id for entry in entries})
        number = {person: n for n, person in enumerate(people)}
        entries.sort(key=lambda entry: (number[entry.event.user_id], *personal_order(entry)))
        return _columns(entries, [Pseudonym(person) for person in people])

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [{"log_position": e.position, **msgspec.to_builtins(e.event)} for e in self.of_user(person)]

    def erase_person(self, person: Pseudonym) -> int:
        gone = self._of.pop(person, [])
        self._entries = [entry for entry in self._entries if entry.event.user_id != person]
        for entry in gone:
            self._known.pop(entry.event.event_id or "", None)
        return len(gone)

    def _write(self, event: Event) -> int:
        self._end += 1
        entry = Logged(self._end, event)
        self._entries.append(entry)
        self._of.setdefault(event.user_id, []).append(entry)
        if event.event_id:
            self._known[event.event_id] = entry
        return self._end


def _codes(names: Sequence[str | None]) -> tuple[list[str], list[int]]:
    """Distinct names in order of first sight, and the number of each; -1 for none."""
    table: dict[str, int] = {}
    numbers = [-1 if name is None else table.setdefault(name, len(table)) for name in names]
    return list(table), numbers


def _columns(entries: Sequence[Logged], people: list[Pseudonym]) -> EventColumns:
    events = [entry.event for entry in entries]
    number = {person: n for n, person in enumerate(people)}
    items, item = _codes([event.item_id for event in events])
    queries, query = _codes([event.query for event in events])
    _, session = _codes([event.session_id for event in events])
    return EventColumns(
        people=people,
        items=items,
        queries=queries,
        person=np.array([number[Pseudonym(event.user_id)] for event in events], dtype=np.int32),
        item=np.array(item, dtype=np.int32),
        query=np.array(query, dtype=np.int32),
        session=np.array(session, dtype=np.int64),
        type=np.array([event.type.code for event in events], dtype=np.int8),
        time=np.array([event.timestamp for event in events], dtype=np.float64),
        value=np.array([event.value for event in events], dtype=np.float32),
        price=np.array([event.price for event in events], dtype=np.float32),
        quantity=np.array([event.quantity for event in events], dtype=np.float32),
        position=np.array([entry.position for entry in entries], dtype=np.int64),
    )


class InMemoryIds:
    """An :class:`~penchant.catalog.ids.IdTable`."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, item_ids: Sequence[str]) -> NDArray[np.int32]:
        return np.array([self._rows.get(item_id, -1) for item_id in item_ids], dtype=np.int32)

    def assign(self, item_ids: Sequence[str]) -> NDArray[np.int32]:
        for item_id in item_ids:
            self._rows.setdefault(item_id, len(self._rows))
        return self.rows(item_ids)

    def item_ids(self) -> list[str]:
        return list(self._rows)

    def digest(self, length: int | None = None) -> str:
        return id_digest(list(self._rows)[:length])


class InMemoryItems:
    """An :class:`~penchant.catalog.store.ItemStore` beside its id table."""

    def __init__(self, ids: InMemoryIds, clock: Callable[[], float] = lambda: 0.0) -> None:
        self._ids = ids
        self._clock = clock
        self._items: dict[str, Item] = {}
        self._prices: dict[str, list[PriceSince]] = {}
        self._version = 0

    def upsert(self, items: Sequence[Item]) -> int:
        last = {item.item_id: item for item in items}
        self._ids.assign(list(last))
        changed = sum(self._items.get(item_id) != item for item_id, item in last.items())
        for item_id, item in last.items():
            self._price(item_id, item.price)
        self._items.update(last)
        self._version += bool(changed)
        return changed

    def _price(self, item_id: str, price: float | None) -> None:
        before = self._items.get(item_id)
        if price != (before.price if before is not None else None):
            since = PriceSince(price=price, since=self._clock())
            self._prices.setdefault(item_id, []).append(since)

    def prices(self, item_id: str) -> list[PriceSince]:
        return list(self._prices.get(item_id, []))

    def delete(self, item_ids: Sequence[str]) -> int:
        for item_id in item_ids:
            self._price(item_id, None)
        gone = sum(self._items.pop(item_id, None) is not None for item_id in item_ids)
        self._version += bool(gone)
        return gone

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def many(self, item_ids: Sequence[str]) -> dict[str, Item]:
        return {item_id: self._items[item_id] for item_id in item_ids if item_id in self._items}

    def all(self) -> Iterator[Item]:
        return iter([self._items[item_id] for item_id in self._ids.item_ids() if item_id in self._items])

    def version(self) -> int:
        return self._version

    def count(self) -> int:
        return len(self._items)


class InMemoryVectors:
    """A :class:`~penchant.catalog.encoder.VectorCache`."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], NDArray[np.float32]] = {}

    def get(self, model: str, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        return {text: self._kept[model, text] for text in texts if (model, text) in self._kept}

    def put(self, model: str, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self._kept.update({(model, text): row for text, row in zip(texts, vectors, strict=True)})


class InMemoryConsent:
    """A :class:`~penchant.privacy.consent.ConsentStore` that is Erasable too."""

    erasable_name = "consent"

    def __init__(self) -> None:
        self._made: dict[Pseudonym, Consent] = {}

    def get(self, person: Pseudonym) -> Consent:
        return self._made.get(person, Consent())

    def set(self, person: Pseudonym, consent: Consent) -> None:
        self._made[person] = consent

    def opted_out(self) -> frozenset[Pseudonym]:
        return frozenset(person for person, consent in self._made.items() if not consent.profiling)

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(self._made[person])] if person in self._made else []

    def erase_person(self, person: Pseudonym) -> int:
        return int(self._made.pop(person, None) is not None)


class InMemoryAttributes:
    """An :class:`~penchant.events.attributes.AttributeStore` that is Erasable too."""

    erasable_name = "attributes"

    def __init__(self) -> None:
        self._known: dict[Pseudonym, dict[str, str]] = {}

    def replace(self, known: Mapping[Pseudonym, Attributes]) -> int:
        changed = {person: new for person, new in known.items() if self.attributes_of(person) != new}
        self._known.update({person: dict(new) for person, new in changed.items()})
        self._known = {person: kept for person, kept in self._known.items() if kept}
        return len(changed)

    def attributes_of(self, person: Pseudonym) -> Attributes:
        return dict(self._known.get(person, {}))

    def many(self, people: Sequence[Pseudonym]) -> dict[Pseudonym, Attributes]:
        return {person: self.attributes_of(person) for person in people if person in self._known}

    def count(self) -> int:
        return len(self._known)

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [dict(self._known[person])] if person in self._known else []

    def erase_person(self, person: Pseudonym) -> int:
        return int(self._known.pop(person, None) is not None)


class InMemoryDeadLetters:
    """:class:`~penchant.events.deadletters.DeadLetters` that are Erasable too."""

    erasable_name = "dead-letters"

    def __init__(self) -> None:
        self._letters: dict[int, DeadLetter] = {}
        self._next = 1

    def add(self, letters: Sequence[DeadLetter]) -> None:
        known = {letter_identity(letter) for letter in self._letters.values()}
        for letter in letters:
            if letter_identity(letter) not in known:
                known.add(letter_identity(letter))
                self._letters[self._next] = letter
                self._next += 1

    def all(self) -> Iterator[tuple[int, DeadLetter]]:
        return iter(list(self._letters.items()))

    def remove(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._letters.pop(number, None)

    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for letter in self._letters.values():
            counts[letter.code] = counts.get(letter.code, 0) + 1
        return counts

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(one) for one in self._letters.values() if one.user_id == person]

    def erase_person(self, person: Pseudonym) -> int:
        gone = [number for number, letter in self._letters.items() if letter.user_id == person]
        self.remove(gone)
        return len(gone)


def letter_identity(letter: DeadLetter) -> bytes:
    """What makes two letters the same one: source, row, code, content and table."""
    return msgspec.json.encode(
        (letter.source, letter.row, letter.code, letter.content, letter.table),
        order="deterministic",
        enc_hook=str,
    )


class InMemoryImpressions:
    """An :class:`~penchant.events.impressions.ImpressionLog` beside an event log; Erasable too."""

    erasable_name = "impressions"

    def __init__(self, log: InMemoryLog) -> None:
        self._log = log
        self._lists: dict[str, Impression] = {}
        self._numbers: dict[str, int] = {}

    def append(self, impressions: Sequence[Impression]) -> None:
        for impression in impressions:
            self._lists.setdefault(impression.recommendation_id, impression)
            self._numbers.setdefault(impression.recommendation_id, len(self._numbers) + 1)

    def follow(self, after: int, limit: int) -> list[tuple[int, Impression]]:
        found = [(self._numbers[name], shown) for name, shown in self._lists.items()]
        return [one for one in found if one[0] > after][:limit]

    def named(self) -> dict[int, str]:
        entries = self._log.follow(0, self._log.end())
        return {one.position: one.event.recommendation_id for one in entries if one.event.recommendation_id}

    def get(self, recommendation_id: str) -> Impression | None:
        return self._lists.get(recommendation_id)

    def of_user(self, person: Pseudonym, last: int) -> list[Impression]:
        mine = [shown for shown in self._lists.values() if shown.user_id == person]
        mine.reverse()
        return sorted(mine, key=lambda shown: -shown.timestamp)[:last]

    def joined(self, recommendation_id: str) -> list[Logged]:
        entries = self._log.follow(0, self._log.count())
        return [entry for entry in entries if entry.event.recommendation_id == recommendation_id]

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(one) for one in self._lists.values() if one.user_id == person]

    def erase_person(self, person: Pseudonym) -> int:
        gone = [key for key, shown in self._lists.items() if shown.user_id == person]
        for key in gone:
            del self._lists[key]
        return len(gone)


class InMemoryMarks:
    """:class:`~penchant.events.marks.Marks` beside an event log; Erasable too.

    Marks of events go when either this store or the log erases the person.
    """

    erasable_name = "cleaning-marks"

    def __init__(self, log: InMemoryLog) -> None:
        self._log = log
        self._events: dict[str, list[int]] = {}
        self._people: dict[str, list[Pseudonym]] = {}
        self._steps: list[StepReport] = []

    def replace(
        self,
        events: Mapping[str, NDArray[np.int64]],
        people: Mapping[str, Sequence[Pseudonym]],
        steps: Sequence[StepReport] = (),
    ) -> None:
        self._steps = list(steps)
        self._events = {reason: sorted({int(p) for p in places}) for reason, places in events.items()}
        self._people = {reason: sorted(set(names)) for reason, names in people.items()}

    def marked_events(self) -> dict[str, NDArray[np.int64]]:
        held = {entry.position for entry in self._log.follow(0, self._log.count())}
        kept = {reason: [p for p in places if p in held] for reason, places in self._events.items()}
        return {reason: np.array(places, dtype=np.int64) for reason, places in kept.items() if places}

    def marked_people(self) -> dict[str, list[Pseudonym]]:
        return {reason: list(people) for reason, people in self._people.items() if people}

    def steps(self) -> list[StepReport]:
        return list(self._steps)

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        mine = {entry.position for entry in self._log.of_user(person)}
        people = [{"reason": reason} for reason, names in self._people.items() if person in names]
        events = [
            {"reason": reason, "log_position": place}
            for reason, places in self._events.items()
            for place in places
            if place in mine
        ]
        return [*people, *events]

    def erase_person(self, person: Pseudonym) -> int:
        gone = len(self.export_person(person))
        mine = {entry.position for entry in self._log.of_user(person)}
        self._events = {
            reason: [p for p in places if p not in mine] for reason, places in self._events.items()
        }
        self._people = {reason: [p for p in names if p != person] for reason, names in self._people.items()}
        return gone


class FakeTextEncoder:
    """A :class:`~penchant.catalog.encoder.TextEncoder` without a model: a random vector a word, summed.

    Texts that share words are near each other; the same text always gives the same vector.

    >>> a, b, c = FakeTextEncoder().encode(["red polish", "blue polish", "oat milk"])
    >>> bool(a @ b > 0.3 > a @ c)
    True
    """

    def __init__(self, dim: int = 64, name: str = "fake-words@1") -> None:
        self._dim = dim
        self._name = name
        self.read: list[str] = []
        """Every text that was asked for, in order."""

    @property
    def name(self) -> str:
        return self._name

    @property
    def dim(self) -> int:
        return self._dim

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read.extend(texts)
        vectors = np.zeros((len(texts), self._dim), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                seed = zlib.crc32(f"{self._name}:{word}".encode())
                vectors[row] += np.random.default_rng(seed).standard_normal(self._dim, np.float32)
        norm = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(norm, np.float32(1e-9))


class ManualClock:
    """A clock that stands still until it is told otherwise: ``clock()`` gives unix seconds.

    >>> clock = ManualClock(100.0)
    >>> clock.advance(2.5)
    >>> clock()
    102.5
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def fake_pseudonym(user_id: str) -> Pseudonym:
    """A pseudonym for tests that need no key."""
    return Pseudonym(hashlib.blake2b(user_id.encode(), digest_size=16).hexdigest())
