"""The moving parts of a shop that serves: lists, taste and popularity, kept up with log and shelf."""

import threading
import uuid
from contextlib import suppress

import numpy as np

from penchant.app.current import CurrentModel
from penchant.app.deltas import Deltas
from penchant.app.shop import Shop
from penchant.errors import PenchantError
from penchant.events.cleaning.run import clean
from penchant.learn.data import fit_to_train, histories_from
from penchant.privacy.consent import Consent
from penchant.privacy.erasure import Erasable
from penchant.recommend.filters import SeenFilter
from penchant.recommend.impressions import ImpressionWriter
from penchant.recommend.pipeline import Recommender
from penchant.recommend.popularity import Popularity
from penchant.recommend.repeats import learn_repeats
from penchant.recommend.trend import ShopTrend
from penchant.taste.tracker import TasteTracker
from penchant.types import Event, Logged, Pseudonym

WATCH_SECONDS = 2.0
NO_TEXT = 0
"""Row of :class:`~penchant.catalog.texts.TextTable` of items without a text."""

NEWEST = 50
"""Events whose people are made ready at the start."""

AT_ONCE = 1_000
"""Events read from the log at once."""


def new_list_id() -> str:
    """For a list that is shown: said to nobody before, and not to be guessed."""
    return uuid.uuid4().hex


class Engine:
    """Made once for a process. ``lock`` guards what follows the log; :meth:`close` writes what waits."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.lock = threading.RLock()
        self._stop = threading.Event()
        columns = shop.log.columns()
        self.position = shop.log.end()
        cleaned = clean(columns, shop.settings.cleaning)
        columns = fit_to_train(columns, cleaned, shop.consent)
        self._popularity = Popularity(shop.settings.recommend.popularity_days)
        self._popularity.rebuild(columns, shop.ids)
        self._seen = SeenFilter(
            shop.settings.recommend, learn_repeats(columns, shop.ids, shop.catalog.view())
        )
        self.writer = ImpressionWriter(shop.impressions, may_keep=shop.ledger.obeys).start()
        self._trend = ShopTrend(*histories_from(columns, shop.ids), shop.ids)
        self._begun = self.position
        self._marked, self._marked_events = cleaned.all_people(), cleaned.all_events()
        self.current = CurrentModel(shop, self._trend.live)
        self.deltas = Deltas(shop)
        tracker = self.current.tracker()
        if tracker is not None:
            self.deltas.begin(tracker.snapshot)
        # Which text each row of the model was made of. Without a model no text need be read yet.
        self._slot = np.zeros(0, np.int32) if tracker is None else shop.catalog.text_table().slot
        self.recommender = Recommender(
            catalog=shop.catalog,
            tracker=tracker,
            popularity=self._popularity,
            seen=self._seen,
            corrections=shop.corrections,
            consent=shop.consent,
            sink=self.writer,
            new_id=new_list_id,
            experiment=self.current.experiment(),
        )
        self._watcher = threading.Thread(target=self._watch, name="snapshots", daemon=True)
        self._watcher.start()

    def catch_up(self) -> None:
        """Let taste and popularity hear of everything that is new in the log."""
        with self.lock:
            full = True
            while full:
                entries = self._shop.log.follow(self.position, AT_ONCE)
                self._hear(entries)
                full = len(entries) == AT_ONCE

    def caches(self) -> list[Erasable]:
        """What this process holds on people in memory."""
        return [self.writer, *self._trackers()]

    def _trackers(self) -> list[TasteTracker]:
        """The one that serves, if there is one, and those of arms with weights of their own."""
        serves = self.recommender.tracker
        return [*([serves] if serves is not None else []), *self.recommender.experiment.pinned.values()]

    def read_catalogue(self) -> None:
        """Let the model know items that are new in the catalogue, and texts that changed.

        An item that left keeps its vector: it is not shown, and histories hold it still. Prices are those of
        when a snapshot was loaded, an item was new or its text changed: they move often, and a price level
        that moved would make every state that holds the item be read again.
        """
        if not self._trackers():
            return
        with self.lock:
            table = self._shop.catalog.text_table()
            prices = self._shop.catalog.prices(len(table.slot))
            for tracker in self._trackers():
                known = min(len(self._slot), tracker.model.n_items)
                slot = table.slot[:known]
                changed = np.flatnonzero((slot != self._slot[:known]) & (slot != NO_TEXT))
                if len(changed):
                    tracker.retext(changed, table.vectors[slot[changed]], prices[changed])
                if len(table.slot) > tracker.model.n_items:
                    tracker.grow(table.by_row(), prices)
            self._slot = table.slot

    def warm(self) -> None:
        """Read the states of those who did something last, and make the first lists before anybody waits."""
        newest = self._shop.log.follow(max(0, self.position - NEWEST), NEWEST)
        people: list[Pseudonym | None] = [None, *{Pseudonym(entry.event.user_id) for entry in newest}]
        for person in people:
            self.recommender.rehearse(person, self._shop.settings.recommend.size, self._shop.clock())

    def close(self) -> None:
        """Stop following and write the lists that wait."""
        self._stop.set()
        self._watcher.join(WATCH_SECONDS * 2)
        self.writer.close()

    def let_go(self, person: Pseudonym) -> None:
        """Take the person out of trend and memory, while the log and the consent are still there."""
        with self.lock:
            self.catch_up()
            if self._counts(person):
                self._trend.take_back(self._heard_of(person))
            self._drop(person)

    def gone(self, person: Pseudonym) -> None:
        """The person's erasure is done: drop what a request read while it went on, and all search words."""
        self._drop(person)
        self._marked.discard(person)
        self._shop.catalog.queries.forget()

    def set_consent(self, person: Pseudonym, consent: Consent) -> None:
        """From now on; what the person did counts for all or not at all."""
        with self.lock:
            before = self._shop.consent.get(person).profiling
            if consent.profiling:
                self.catch_up()
            else:
                self.let_go(person)
            self._shop.consent.set(person, consent)
            if not consent.profiling:
                self._drop(person)
                self._shop.learned.erase_person(person)
            if not before and self._counts(person):
                self._trend.add(self._heard_of(person))

    def _drop(self, person: Pseudonym) -> None:
        for tracker in self._trackers():
            tracker.forget(person)

    def _counts(self, person: Pseudonym) -> bool:
        return person not in self._marked and self._shop.consent.get(person).profiling

    def _heard_of(self, person: Pseudonym) -> list[Event]:
        """What a person did that counts, in the order in which this process heard of it."""
        heard = [entry for entry in self._shop.log.of_user(person) if entry.position <= self.position]
        bad = np.isin([entry.position for entry in heard], self._marked_events)
        kept = [entry for entry, wrong in zip(heard, bad.tolist(), strict=True) if not wrong]
        return [entry.event for entry in sorted(kept, key=lambda entry: max(entry.position, self._begun))]

    def _hear(self, entries: list[Logged]) -> None:
        named = [entry.event.item_id for entry in entries if entry.event.item_id]
        row_of = dict(zip(named, self._shop.ids.assign(named).tolist(), strict=True)) if named else {}
        people = {Pseudonym(entry.event.user_id) for entry in entries}
        counted = {person for person in people if self._counts(person)}
        trackers = self._trackers()
        for tracker in trackers:
            with suppress(PenchantError):  # It is told for each event below.
                tracker.read_ahead(entries)
        heard: list[Event] = []
        try:
            for entry in entries:
                for tracker in trackers:  # Only the one of the person's arm holds the person.
                    tracker.on_event(entry)
                # Counted once and only if the line above went well: otherwise the event is heard again.
                self.position = entry.position
                if entry.event.user_id in counted:
                    self._popularity.on_event(row_of.get(entry.event.item_id or "", -1), entry.event)
                    heard.append(entry.event)
        finally:
            self._trend.add(heard)

    def _watch(self) -> None:
        """Serve with a new snapshot as soon as one is promoted, by whatever process."""
        behind = False
        while not self._stop.wait(WATCH_SECONDS):
            newest = None
            try:
                newest = self.current.newer_than(self.recommender.tracker)
                if newest is not None:
                    self._serve_with(newest.name)
                    newest, behind = None, True
                if behind:
                    self.read_catalogue()
                    behind = False
                if self.recommender.tracker is not None:
                    self.deltas.follow(self.recommender.tracker, self.lock)
            # Whatever is wrong with a snapshot or its folder: the next one must still be heard of.
            except Exception as error:
                self.current.refuse(newest, error)

    def _serve_with(self, name: str) -> None:
        tracker = self.recommender.tracker
        # Loading takes seconds: events are taken in meanwhile, and texts may change.
        slot = self._shop.catalog.text_table().slot
        made = self.current.tracker() if tracker is None else self.current.load(name)
        with self.lock:
            if isinstance(made, TasteTracker):
                self.recommender.use(made, self._seen)
            elif tracker is not None and made is not None:
                tracker.swap(made, name)
            self._slot = slot
        self.deltas.begin(name)
