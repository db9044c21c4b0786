"""Small doubles of the stores that are quicker than the real ones, and an intake over them."""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

from penchant.events.identity import content_digest
from penchant.events.intake import Intake
from penchant.events.log import Appended
from penchant.settings import Settings
from penchant.types import DeadLetter, Event, Logged

NOW = 1_700_000_000.0


@dataclass
class MemoryLog:
    events: list[Event] = field(default_factory=list)
    known: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def append(self, events):
        positions, duplicates, conflicts = [], [], []
        for index, event in enumerate(events):
            assert event.event_id
            digest = content_digest(event)
            place, content = self.known.get(event.event_id, (0, b""))
            if not place:
                self.events.append(event)
                place = len(self.events)
                self.known[event.event_id] = (place, digest)
            elif content == digest:
                duplicates.append(index)
            else:
                conflicts.append(index)
                place = -1
            positions.append(place)
        return Appended(positions, duplicates, conflicts)

    def follow(self, after, limit):
        return [Logged(after + n + 1, e) for n, e in enumerate(self.events[after : after + limit])]

    def count(self):
        return len(self.events)


@dataclass
class MemoryLetters:
    letters: dict[int, DeadLetter] = field(default_factory=dict)
    seen: set = field(default_factory=set)

    def add(self, letters):
        for letter in letters:
            key = (letter.source, letter.row, letter.code, repr(letter.content))
            if key not in self.seen:
                self.seen.add(key)
                self.letters[len(self.seen)] = letter

    def all(self):
        return iter(list(self.letters.items()))

    def remove(self, numbers):
        for number in numbers:
            letter = self.letters.pop(number)
            self.seen.discard((letter.source, letter.row, letter.code, repr(letter.content)))

    def counts(self):
        return dict(Counter(letter.code for letter in self.letters.values()))


class Hasher:
    def pseudonyms(self, user_ids):
        return [blake2b(user.encode(), key=b"k", digest_size=12).hexdigest() for user in user_ids]


@dataclass
class Ledger:
    erased: dict[str, float] = field(default_factory=dict)

    def obeys(self, person, timestamp):
        return person not in self.erased or timestamp > self.erased[person]


@dataclass
class Shop:
    log: MemoryLog = field(default_factory=MemoryLog)
    letters: MemoryLetters = field(default_factory=MemoryLetters)
    ledger: Ledger = field(default_factory=Ledger)
    settings: Settings = field(default_factory=Settings)

    @property
    def intake(self):
        return Intake(
            self.log, self.letters, Hasher(), self.ledger, settings=self.settings, clock=lambda: NOW
        )


def view(**changes):
    return {"user_id": "anna", "type": "view", "timestamp": 1_600_000_000, "item_id": "a", **changes}
