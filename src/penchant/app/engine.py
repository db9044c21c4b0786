"""The moving parts of a shop that serves: lists, taste and popularity, kept up with log and shelf."""

import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress

import numpy as np
from numpy.typing import NDArray

from penchant.app.counts import Counts
from penchant.app.current import CurrentModel
from penchant.app.deltas import Deltas
from penchant.app.exploring import Exploring
from penchant.app.health import Health
from penchant.app.onboarding import AnsweredLists, crowd_in
from penchant.app.ranker import Rankers
from penchant.app.retrieval import retrieval_of
from penchant.app.ruling import Ruling
from penchant.app.shop import DATABASE, Shop
from penchant.app.tables import Tables
from penchant.app.variety import exposure_of
from penchant.app.wholeness import Wholeness
from penchant.catalog.ids import IdTable
from penchant.catalog.texts import TextTable
from penchant.errors import ShopError, StorageError, WouldWait
from penchant.events.cleaning.run import clean
from penchant.learn.data import fit_to_train
from penchant.privacy.erasure import Erasable
from penchant.privacy.unguessable import Unguessable
from penchant.recommend.fallback import reason_of
from penchant.recommend.filters import SeenFilter
from penchant.recommend.impressions import ImpressionStore, ImpressionWriter
from penchant.recommend.pipeline import Recommender
from penchant.recommend.repeats import learn_repeats
from penchant.recommend.variety.stage import Variety
from penchant.taste.disregarded import Disregarded
from penchant.taste.tracker import TasteTracker
from penchant.types import Event, Logged, Pseudonym

WATCH_SECONDS = 2.0
NO_TEXT = 0
"""Row of :class:`~penchant.catalog.texts.TextTable` of items without a text."""

NEWEST = 50
"""Events whose people are made ready at the start."""

AT_ONCE = 1_000
"""Events read from the log at once."""


class Engine:
    """Made once for a process. ``lock`` guards what follows the log; :meth:`close` writes what waits.

    In a process that is not the shop's writer it follows what the writer does: ``impressions`` takes the
    lists there.
    """

    def __init__(self, shop: Shop, impressions: ImpressionStore | None = None) -> None:
        self._shop, self._follows = shop, not shop.database.writes
        self.new_list_id, self.health = Unguessable(), Health(time.monotonic)
        self.lock, self._stop = threading.RLock(), threading.Event()
        # The log is not heard to its end; a new model does not know the newest items.
        self.unheard = self._untold = False
        self.wholeness = Wholeness(shop.folder / DATABASE)
        self._known = _listen(shop)
        begun, columns = shop.log.end(), shop.log.columns()  # Another process may write in between.
        self.position = max(begun, int(columns.position.max(initial=0)))
        _give_rows(shop, columns.items)
        cleaned = clean(columns, shop.settings.cleaning)
        columns = fit_to_train(columns, cleaned, shop.consent, shop.left_out())
        self.counts = Counts(shop, columns, cleaned, self.position, self.health)
        rates = learn_repeats(columns, shop.ids, shop.catalog.view())
        self._seen = SeenFilter(shop.settings.recommend, rates)
        self.answered = AnsweredLists(shop, crowd_in(columns, shop.ids, rates.repeatable))
        self.writer = ImpressionWriter(impressions or shop.impressions, may_keep=shop.ledger.obeys).start()
        self.current, self.deltas = CurrentModel(shop, self.counts.trend.live), Deltas(shop)
        tracker = self.current.tracker()
        if tracker is not None:
            self.deltas.begin(tracker.snapshot)
        # Which text each row of the model was made of. Without a model no text need be read yet.
        self._slot = np.zeros(0, np.int32) if tracker is None else _texts(self._shop).slot
        self.exploring = Exploring(shop, columns, self.position, self.counts, np.random.default_rng())
        self.rankers = Rankers(shop, columns, self.counts.trend.live)
        exposure, sink = exposure_of(shop, self.writer)
        arms, self.ruling = self.current.experiment(), Ruling(shop, self.health.fault)
        self.tables = Tables(shop, self.counts, self.ruling.force, self.health.fault)
        self.recommender = Recommender(
            catalog=shop.catalog, tracker=tracker, popularity=self.counts.popularity, seen=self._seen,
            corrections=shop.corrections, consent=shop.consent, sink=sink, new_id=self.new_list_id,
            experiment=arms, on_fault=self.health.fault, rules=self.tables.rules, suited=self.answered,
            retrieval=retrieval_of(shop.settings.recommend, len(arms.pinned)),
            ranking=self.rankers.ranking, offers=self.tables.offers, circles=self.tables.circles,
            variety=Variety(shop.settings.variety), exposure=exposure, exploration=self.exploring.stage,
        )  # fmt: skip
        self._watcher = threading.Thread(target=self._watch, name="snapshots", daemon=True)
        self._watcher.start()

    def catch_up(self) -> None:
        """Let taste and popularity hear of everything that is new in the log."""
        with self.lock:
            self.unheard, full = True, True
            while full:
                known = len(self._shop.ids) if self._follows else 0
                entries = _come_after(self._shop, self.position)
                self._hear(entries)
                self._known = known
                full = len(entries) >= AT_ONCE and self.position >= entries[-1].position
            self.unheard = False

    def keep_up(self) -> None:
        """The same where another process takes events in; one look at the log's end if nothing is new."""
        if self._follows and self._shop.log.end() > self.position:
            self.catch_up()

    def caches(self) -> list[Erasable]:
        """What this process holds on people in memory."""
        return [self.writer, *self.exploring.erasables(), *self._trackers()]

    def _trackers(self) -> list[TasteTracker]:
        """The one that serves, if there is one, and those of arms with weights of their own."""
        serves = self.recommender.tracker
        return [*([serves] if serves is not None else []), *self.recommender.experiment.pinned.values()]

    def read_catalogue(self) -> None:
        """Let the models know items that are new in the catalogue, and texts that changed.

        An item that left keeps its vector: histories hold it still. Prices are those of when a snapshot was
        loaded, an item was new or its text changed: one that moved would make many states be read again.
        """
        self.recommender.follow_catalogue()
        if not self._trackers():
            return
        with self.lock:
            table = _texts(self._shop)
            prices = self._shop.catalog.prices(len(table.slot))
            self._slot = _retell(self._trackers(), table, prices, self._slot)

    def close(self) -> None:
        """Stop following and write the lists that wait."""
        self.wholeness.stop()
        self._stop.set()
        self._watcher.join(WATCH_SECONDS * 2)
        self.writer.close()

    def let_go(self, person: Pseudonym) -> None:
        """Take the person out of trend and memory, while the log and the consent are still there."""
        with self.lock:
            self.catch_up()
            if self.counts.counts(person):
                self.counts.trend.take_back(self.counts.heard_of(person, self.position))
            self._drop(person)

    def gone(self, person: Pseudonym) -> None:
        """The erasure is done: drop what a request read while it went on, all search words and user ids."""
        self._drop(person)
        _forget(self, person)
        self.rankers.taken_back()
        self.counts.forget_mark(person)
        self._shop.catalog.queries.forget()
        self._shop.pseudonymizer.forget()

    def consent_comes(self, person: Pseudonym, wanted: bool) -> None:
        """It is about to be written; no event comes before it is."""
        if wanted:
            self.catch_up()
        else:
            self.let_go(person)
            _forget(self, person)

    def consent_came(self, person: Pseudonym, before: bool, now: bool) -> None:
        """It is written, and was ``before``. So after all else that :meth:`let_go` comes before."""
        with self.lock:
            if not before or not now:
                self._drop(person)
            if not before and self.counts.counts(person):
                self.counts.trend.add(self.counts.heard_of(person, self.position))
        if before != now:
            self.rankers.taken_back()

    def _drop(self, person: Pseudonym) -> None:
        for tracker in self._trackers():
            tracker.forget(person)
        self.recommender.personal.latest.forget(person)
        self.answered.forget(person)
        self.tables.forget(person)

    def _hear(self, entries: list[Logged]) -> None:
        self.answered.heard(entries)
        row_of = _row_of(self._shop.ids, entries, assign=not self._follows)
        if self._follows:
            entries, unread = _complete(entries, row_of, self._known)
            for person in unread:
                self._drop(person)
        people = filter(self.counts.counts, {Pseudonym(entry.event.user_id) for entry in entries})
        # Looked up before anything is counted: a disk that fails here leaves all of them to be heard again.
        counted = _disregarded(self._shop, people, self.health)
        trackers = self._trackers()
        for tracker in trackers:
            with suppress(Exception):  # It is told for each event below.
                tracker.read_ahead(entries)
        heard: list[Event] = []
        try:
            for entry in entries:
                for tracker in trackers:  # Only the one of the person's arm holds the person.
                    _tell(tracker, entry, self.health)
                # Counted once and only if the line above went well: otherwise the event is heard again.
                self.position = entry.position
                disregarded = counted.get(Pseudonym(entry.event.user_id))
                if disregarded is not None and not disregarded.leaves_out(entry):
                    heard.append(entry.event)
        finally:
            self.tables.circles.heard({Pseudonym(entry.event.user_id) for entry in entries})
            self.counts.add(heard, row_of)

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            self.look()

    def look(self) -> None:
        """Serve with what is newest and was learned since; make up for what could not be done before."""
        newest = None
        try:
            self.ruling.follow()
            self.tables.follow()
            # First what may wait for nothing: that something is no longer learned of somebody, and events.
            if self.recommender.tracker is not None:
                self.deltas.follow(self.recommender.tracker, self.lock)
            if self.unheard:
                self.catch_up()
            self.exploring.follow(self.lock)
            if (newest := self.current.newer_than(self.recommender.tracker)) is not None:
                self._serve_with(newest.name)
                newest, self._untold = None, True
            if self._untold or self._shop.catalog.unread:
                self.read_catalogue()
                self._untold = False
            self.recommender.follow_catalogue()
            if self.rankers.follow():
                self.recommender.personal.rank(self.rankers.ranking)
        # Whatever is wrong with a snapshot or its folder: the next one must still be heard of.
        except Exception as error:
            self.current.refuse(newest, error)

    def _serve_with(self, name: str) -> None:
        tracker = self.recommender.tracker
        # Loading takes seconds: events are taken in meanwhile, and texts may change.
        slot = _texts(self._shop).slot
        made = self.current.tracker() if tracker is None else self.current.load(name)
        with self.lock:
            if isinstance(made, TasteTracker):
                self.recommender.use(made, self._seen)
            elif tracker is not None and made is not None:
                tracker.swap(made, name)
            self._slot = _surely(slot, _texts(self._shop).slot)
        self.deltas.begin(made.snapshot if isinstance(made, TasteTracker) else name)


@contextmanager
def alone(lock: threading.RLock, wait: bool) -> Generator[None]:
    """While nobody else holds the lock. Raises WouldWait where somebody does and nobody is to ``wait``."""
    if not lock.acquire(blocking=wait):
        raise WouldWait("the log is being followed")
    try:
        yield
    finally:
        lock.release()


def _forget(engine: Engine, person: Pseudonym) -> None:
    """Somebody who opts out or is erased teaches nothing of others any more."""
    engine.exploring.forget(person)
    engine.answered.crowd.forget(person)


def _come_after(shop: Shop, position: int) -> list[Logged]:
    """What this process has just written need not be read back."""
    return shop.log.just_written(position) or shop.log.follow(position, AT_ONCE)


def _texts(shop: Shop) -> TextTable:
    """What can be read of the catalogue's texts: a language model that is gone keeps nobody out."""
    return shop.catalog.text_table(whole=False)


def _retell(
    trackers: Iterable[TasteTracker],
    table: TextTable,
    prices: NDArray[np.float32],
    before: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Let the models know texts that are others than ``before``, and new rows; the text of each row since."""
    slot = _told(before, table.slot)
    for tracker in trackers:
        known = min(len(before), tracker.model.n_items)
        changed = np.flatnonzero((slot[:known] != before[:known]) & (slot[:known] != NO_TEXT))
        if len(changed):
            tracker.retext(changed, table.vectors[slot[changed]], prices[changed])
        if len(slot) > tracker.model.n_items:
            tracker.grow(table.vectors[slot], prices)
    return slot


def _surely(slot: NDArray[np.int32], now: NDArray[np.int32]) -> NDArray[np.int32]:
    """The texts of before a model was loaded, but of what left meanwhile: the model may not have that.

    >>> _surely(np.array([3, 5], np.int32), np.array([3, NO_TEXT, 6], np.int32)).tolist()
    [3, 0]
    """
    return np.where(now[: len(slot)] == NO_TEXT, np.int32(NO_TEXT), slot)


def _told(before: NDArray[np.int32], slot: NDArray[np.int32]) -> NDArray[np.int32]:
    """The text that models know of each row: where there is none now, as of an item that left, the last.

    >>> _told(np.array([3, 5], np.int32), np.array([4, NO_TEXT, 6], np.int32)).tolist()
    [4, 5, 6]
    """
    known, now = min(len(before), len(slot)), slot.copy()
    now[:known] = np.where(slot[:known] == NO_TEXT, before[:known], slot[:known])
    return now


def _tell(tracker: TasteTracker, entry: Logged, health: Health) -> None:
    """Of an event that cannot be followed the person's log is read again, and all others go on."""
    try:
        tracker.on_event(entry)
    except (StorageError, ShopError):
        raise  # The event is heard again when the disk can be read.
    except Exception as error:
        health.fault(reason_of(error), error)
        tracker.forget(Pseudonym(entry.event.user_id))


def _disregarded(shop: Shop, people: Iterable[Pseudonym], health: Health) -> dict[Pseudonym, Disregarded]:
    """What of each does not count; nothing of somebody of whom that cannot be understood is counted."""
    found = dict[Pseudonym, Disregarded]()
    for person in people:
        try:
            found[person] = shop.corrections.disregarded(person)
        except (StorageError, ShopError):
            raise
        except Exception as error:
            health.fault(reason_of(error), error)
    return found


def _listen(shop: Shop) -> int:
    """Who does not write is told of items from here on; how many there are."""
    if not shop.database.writes:
        shop.catalog.heard([])
    return len(shop.ids)


def _give_rows(shop: Shop, items: list[str]) -> None:
    """Who writes may have been killed before an item of the log, in order of first sight, got its row."""
    if shop.database.writes:
        shop.ids.assign(items)


def _row_of(ids: IdTable, entries: list[Logged], *, assign: bool) -> dict[str, int]:
    """Row of each item that is named; with ``assign`` it is made where it is new."""
    named = [entry.event.item_id for entry in entries if entry.event.item_id]
    if not named:
        return {}
    rows = ids.assign(named) if assign else ids.rows(named)
    return dict(zip(named, rows.tolist(), strict=True))


def _complete(
    entries: list[Logged], row_of: dict[str, int], known: int
) -> tuple[list[Logged], set[Pseudonym]]:
    """Those that the writer has heard of, up to the first whose item has no row. And who named an item that
    came after the ``known`` ones: if they were read in between it was without it.
    """
    rows = [row_of.get(entry.event.item_id or "", 0) for entry in entries]
    end = next((place for place, row in enumerate(rows) if row < 0), len(rows))
    new = {Pseudonym(entries[place].event.user_id) for place in range(end) if rows[place] >= known}
    return entries[:end], new


def rehearse(shop: Shop, engine: Engine) -> None:
    """Read the states of those who did something last, and make the first lists before anybody waits."""
    if shop.database.writes:
        shop.database.keep_little()
        shop.database.copy_back_beside()
        engine.wholeness.start()
    newest = shop.log.follow(max(0, engine.position - NEWEST), NEWEST)
    people: list[Pseudonym | None] = [None, *{Pseudonym(entry.event.user_id) for entry in newest}]
    for person in people:
        engine.recommender.rehearse(person, shop.settings.recommend.size, shop.clock())
