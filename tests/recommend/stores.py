"""Small stores in memory and a whole small shop, for the tests of catalogue, taste and lists."""

from dataclasses import dataclass, field

import numpy as np

from penchant.catalog.catalog import Catalog
from penchant.events.attributes import ConsentedAttributes
from penchant.events.log import Appended
from penchant.privacy.consent import Consent
from penchant.recommend.filters import SeenFilter
from penchant.recommend.impressions import WrittenAtOnce
from penchant.recommend.pipeline import Recommender
from penchant.recommend.popularity import Popularity
from penchant.recommend.repeats import RepeatRates
from penchant.settings import RecommendSettings
from penchant.taste.corrections import CorrectionsInMemory
from penchant.taste.tokens import TokenMaker
from penchant.taste.tracker import TasteTracker
from penchant.testing.fakes import InMemoryAttributes
from penchant.testing.planted import PlantedModel, WordEncoder
from penchant.types import Event, EventType, Item, Logged, Pseudonym

DAY = 86_400.0


class Ids:
    def __init__(self):
        self.known = {}

    def __len__(self):
        return len(self.known)

    def rows(self, item_ids):
        return np.array([self.known.get(i, -1) for i in item_ids], dtype=np.int32)

    def assign(self, item_ids):
        for item_id in item_ids:
            self.known.setdefault(item_id, len(self.known))
        return self.rows(item_ids)

    def item_ids(self):
        return list(self.known)


class Items:
    def __init__(self, ids):
        self.ids, self.items, self.v = ids, {}, 0

    def upsert(self, items):
        changed = sum(self.items.get(i.item_id) != i for i in items)
        self.items.update({i.item_id: i for i in items})
        self.v += bool(changed)
        return changed

    def delete(self, item_ids):
        gone = sum(self.items.pop(i, None) is not None for i in item_ids)
        self.v += bool(gone)
        return gone

    def get(self, item_id):
        return self.items.get(item_id)

    def many(self, item_ids):
        return {i: self.items[i] for i in item_ids if i in self.items}

    def all(self):
        return iter(sorted(self.items.values(), key=lambda i: self.ids.known[i.item_id]))

    def version(self):
        return self.v

    def count(self):
        return len(self.items)


class Cache:
    def __init__(self):
        self.kept = {}

    def get(self, model, texts):
        return {t: self.kept[model, t] for t in texts if (model, t) in self.kept}

    def put(self, model, texts, vectors):
        self.kept.update({(model, t): v for t, v in zip(texts, vectors, strict=True)})


class Log:
    def __init__(self):
        self.events, self.reads = [], 0

    def append(self, events):
        start = len(self.events)
        self.events += [Logged(start + n + 1, event) for n, event in enumerate(events)]
        return Appended([entry.position for entry in self.events[start:]], [], [])

    def of_user(self, person, last=None):
        self.reads += 1
        mine = [entry for entry in self.events if entry.event.user_id == person]
        mine.sort(key=lambda e: (e.event.timestamp, e.event.sequence or 0, e.position))
        return mine[-last:] if last else mine


class Choices:
    def __init__(self):
        self.out = {}

    def get(self, person):
        return self.out.get(person, Consent())

    def set(self, person, consent):
        self.out[person] = consent


class Lists:
    def __init__(self):
        self.rows = []

    def append(self, impressions):
        self.rows += impressions


@dataclass
class House:
    """A shop of a few items whose vectors say what is like what."""

    vectors: np.ndarray
    settings: RecommendSettings = field(default_factory=lambda: RecommendSettings(repeats="always"))
    rates: RepeatRates = field(default_factory=RepeatRates)
    items: list[Item] = field(default_factory=list)
    capacity: int = 100
    words: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        self.ids, self.log, self.consent, self.lists = Ids(), Log(), Choices(), Lists()
        self.attributes = InMemoryAttributes()
        self.store, self.encoder, self.cache = Items(self.ids), WordEncoder(), Cache()
        self.catalog = Catalog(self.store, self.ids, self.encoder, self.cache)
        items = self.items or [
            Item(item_id=f"i{n}", title=f"thing {n}", category=f"c{n % 3}") for n in range(len(self.vectors))
        ]
        self.catalog.upsert(items)
        self.model = PlantedModel(self.vectors, words=self.words)
        self.tracker = self.made_tracker()
        self.popularity, self.corrections = Popularity(7.0), CorrectionsInMemory()
        self.number = 0
        self.recommender = Recommender(
            catalog=self.catalog,
            tracker=self.tracker,
            popularity=self.popularity,
            seen=SeenFilter(self.settings, self.rates),
            corrections=self.corrections,
            consent=self.consent,
            sink=WrittenAtOnce(self.lists),
            new_id=self.next_id,
        )

    def made_tracker(self):
        return TasteTracker(
            self.model,
            self.log,
            TokenMaker(self.ids),
            self.consent,
            ConsentedAttributes(self.attributes, self.consent).attributes_of,
            snapshot="s1",
            capacity=self.capacity,
        )

    def next_id(self):
        self.number += 1
        return f"r{self.number}"

    def does(self, person, item, kind=EventType.PURCHASE, at=0.0, **more):
        """An event the way the door lets it in: log, popularity, taste."""
        if item is not None:
            self.ids.assign([item])
        event = Event(user_id=person, item_id=item, type=kind, timestamp=at, **more)
        (position,) = self.log.append([event]).positions
        self.popularity.on_event(int(self.ids.rows([item or ""])[0]), event)
        self.tracker.on_event(Logged(position, event))
        return position

    def list(self, person, n=3, now=10 * DAY, **more):
        shown = self.recommender.recommend(Pseudonym(person) if person else None, n, "home", now, **more)
        return [one.item_id for one in shown.items]
