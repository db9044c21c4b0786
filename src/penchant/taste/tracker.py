"""Follows every person's taste event by event."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.errors import PenchantError
from penchant.events.attributes import Attributes
from penchant.model.delta import Delta
from penchant.model.repeat import Memory
from penchant.model.tokens import Token
from penchant.privacy.consent import ConsentStore
from penchant.taste.disregarded import CountedHistories, Histories
from penchant.taste.memory import People
from penchant.taste.model import PreferenceModel
from penchant.taste.rest import Precision
from penchant.taste.state import Recent, Taste, order_of, recent_of
from penchant.taste.tokens import Basket, Placed, TokenMaker
from penchant.taste.undisturbed import Undisturbed
from penchant.types import Logged, Pseudonym

TRIES = 3
"""Readings of a person's log before events have to wait for one."""

_log = logging.getLogger(__name__)

Floats = NDArray[np.float32]

_BEFORE_ALL = (float("-inf"), 0)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A person at one moment, with the model that the state belongs to. Later events do not change it.

    Attributes:
        state: after all events. window: the newest ones, oldest first. pasts: states without each of them.
        bought: times that each item row was bought. viewed: item rows looked at, ascending. record: all that
            was ever wanted.
        newest: greatest log position in it, negative where an item of it has no row yet.
        about: (D,) what ``model`` makes of the person's attributes; None where they tell it nothing.
        present: whether events of a present that is being bought are in it.
    """

    model: PreferenceModel
    snapshot: str
    state: Any
    pasts: Any
    window: tuple[Token, ...]
    bought: dict[int, int]
    viewed: NDArray[np.int32]
    record: Memory
    newest: int
    about: NDArray[np.float32] | None
    present: bool = False


class TasteTracker:
    """States of the people most recently asked for, moved by their events when they are asked for, and read
    from the log on a miss. An event that comes late is put in among the newest ones; one that is older than
    all of those makes the log be read again.

    An event must be in the log before :meth:`on_event` hears of it. A state never meets a model of
    another ``encoder_id``. Nothing is kept on people who opted out of profiling. What is known of a
    person beside events is asked for at each reading and never kept: a change holds from the next one on.
    One lock guards all that is in memory; no language model is waited for under it.
    """

    erasable_name = "taste-state"

    def __init__(
        self,
        model: PreferenceModel,
        log: Histories,
        tokens: TokenMaker,
        consent: ConsentStore,
        attributes_of: Callable[[Pseudonym], Attributes],
        *,
        snapshot: str = "",
        capacity: int = 100_000,
        rest: Precision = "float32",
    ) -> None:
        self._model = model
        self._version = snapshot
        self._log = log if isinstance(log, CountedHistories) else CountedHistories(log)
        self._tokens = tokens
        self._consent = consent
        self._attributes_of = attributes_of
        self._lock = RLock()
        self._undisturbed = Undisturbed(self._lock)
        self._people = People(capacity, rest)

    def __len__(self) -> int:
        return len(self._people)

    @property
    def model(self) -> PreferenceModel:
        """The one that serves now."""
        return self._model

    @property
    def snapshot(self) -> str:
        """Its name."""
        return self._version.partition("+")[0]

    @property
    def version(self) -> str:
        """The same with the number of what was learned since, as in ``20261126-040922-0+17``."""
        return self._version

    @property
    def serves(self) -> tuple[PreferenceModel, str]:
        """Model and version, of one moment: a swap meanwhile cannot give one model the name of another."""
        with self._lock:
            return self._model, self._version

    def swap(self, model: PreferenceModel, snapshot: str) -> None:
        """Serve with another model; states stay where the encoder is the same, else they are read again."""
        with self._lock:
            known, more = self._model.n_items, model.n_items > self._model.n_items
            other = model.encoder_id
            if other != self._model.encoder_id:
                self._people.clear_rest()
            self._model, self._version = model, snapshot
            self._people.drop_where(lambda one: one.encoder_id != other or (more and one.greatest >= known))

    def learned(self, delta: Delta | None) -> None:
        """Serve with what was learned since the snapshot; all states stay. Raises SnapshotRefused."""
        with self._lock:
            self._model = self._model.with_delta(delta)
            self._version = f"{self.snapshot}+{delta.head.number}" if delta else self.snapshot

    def grow(self, text_vectors: Floats, prices: Floats | None = None) -> int:
        """Take in a longer id table by text vectors (N, T) and prices (N,) of all rows; how many are new.

        States that met an item before the model knew it are read again.
        """
        with self._lock:
            known = self._model.n_items
            if len(new := text_vectors[known:]):
                self._model = self._model.with_items(new, None if prices is None else prices[known:])
                self._people.drop_where(lambda taste: taste.greatest >= known)
            return len(new)

    def retext(self, rows: NDArray[np.int64], text_vectors: Floats, prices: Floats | None = None) -> None:
        """Read the items of ``rows`` (n,) by their new text vectors (n, T), and prices (n,).

        All states are dropped: of most people in memory it is not known whether they hold one of them.
        """
        with self._lock:
            self._model = self._model.with_texts(rows, text_vectors, prices)
            self._people.clear_rest()
            self._people.drop_where(lambda _: True)

    def read(self, person: Pseudonym) -> Reading | None:
        """The person's state now; None for one who opted out of profiling, and for a stranger.

        A stranger whose attributes tell the model something has the state of before any event.
        """
        known: Attributes = {}
        for _ in range(TRIES):
            with self._undisturbed.reading(person) as undisturbed:
                if not self._consent.get(person).profiling:
                    self.forget(person)
                    return None
                known = self._attributes_of(person)
                during = self._log.during_present(person)
                if during is not None:
                    return _beside(*self.serves, self._tokens, during, known)
                with self._lock:
                    found = self._held(person, known)
                if found is not None:
                    return found
                history = self._log.of_user(person)
                self._tokens.read_ahead(logged.event for logged in history)
                with self._lock:
                    if undisturbed():
                        return self._load(person, history, known)
        with self._lock:  # Events come faster than they can be read: now they wait.
            return self._load(person, self._log.of_user(person), known)

    def holds(self, person: Pseudonym) -> bool:
        """Whether :meth:`read` would find the person in memory."""
        return self._people.holds(person)

    def read_each(self, people: Sequence[Pseudonym]) -> list[Reading | None]:
        """:meth:`read` of several people: together they are read for little more than one of them."""
        with self._lock:
            self._people.catch_up(people, self._model)
        return [self.read(person) for person in people]

    def read_ahead(self, entries: Iterable[Logged]) -> None:
        """Read the search texts that :meth:`on_event` will need, all together and beside the lock.

        Raises:
            PenchantError: the language model cannot be loaded.
        """
        searches = [logged for logged in entries if logged.event.query]
        with self._lock:
            known = [e.event for e in searches if self._moved_by(Pseudonym(e.event.user_id), e) is not None]
        self._tokens.read_ahead(known)

    def on_event(self, logged: Logged) -> None:
        """Let the event move its person's state from the next reading on; of somebody who is not in memory
        nothing is read. Moving it now would make whoever sends events wait for what nobody may ask for."""
        person = Pseudonym(logged.event.user_id)
        if logged.event.query:
            try:
                self.read_ahead([logged])
            except PenchantError as error:
                _log.warning("a search cannot be read: %s", error)
                self.forget(person)
        with self._lock:
            self._undisturbed.disturb(person)
            taste = self._moved_by(person, logged)
            if taste is not None:
                self._step(person, taste, logged)

    def _moved_by(self, person: Pseudonym, logged: Logged) -> Taste | None:
        """The state that an event moves; None where none is in memory, or it must be read anew."""
        taste = self._people.taste(person)
        if taste is None or logged.position <= taste.loaded_to or self._log.leave_out(logged):
            return None
        again = logged.position <= taste.newest or not self._people.reach(person, taste, logged)
        if again or not self._consent.get(person).profiling:
            self.forget(person)
            return None
        return taste

    def _held(self, person: Pseudonym, known: Attributes) -> Reading | None:
        self._people.catch_up([person], self._model)
        held = self._people.held(person)
        return None if held is None else _reading(self._model, self._version, *held, known)

    def forget(self, person: Pseudonym) -> int:
        """Drop the person from memory; the next request reads the log again."""
        with self._lock:
            self._undisturbed.disturb(person)
            return int(self._people.drop(person))

    def export_person(self, person: Pseudonym) -> list[dict[str, Any]]:
        """What the state is made of; the numbers themselves mean nothing outside the model."""
        with self._lock:
            taste, rested = self._people.taste(person), self._people.rested(person)
        if taste is None:
            return [{"encoder_id": self._model.encoder_id, "events": rested}] if rested else []
        return [{"encoder_id": taste.encoder_id, "events": taste.events, "last": taste.last[0]}]

    def erase_person(self, person: Pseudonym) -> int:
        return self.forget(person)

    def _load(self, person: Pseudonym, history: list[Logged], known: Attributes) -> Reading | None:
        early = self._tokens.nameless(logged.event for logged in history)
        basket = Basket()
        placed = self._tokens.placed(history, basket)
        recent = recent_of(self._model, placed, self._people.wake(person, self._model, placed))
        taste = _taste(self._model, history, placed, recent, basket)
        if placed and not early:
            self._people.put(person, taste, recent, self._model)
        taste.newest = -taste.newest if early else taste.newest
        reading = _reading(self._model, self._version, taste, recent, known)
        return reading if placed or reading.about is not None else None

    def _step(self, person: Pseudonym, taste: Taste, logged: Logged) -> None:
        taste.hear(logged, self._tokens.placed([logged], taste.basket))
        if not self._people.waits(person, taste):
            self.forget(person)


def _taste(
    model: PreferenceModel, history: list[Logged], placed: list[Placed], recent: Recent, basket: Basket
) -> Taste:
    newest = max((logged.position for logged in history), default=0)
    return Taste(
        encoder_id=model.encoder_id,
        state=recent.state(model),
        events=len(placed),
        loaded_to=newest,
        newest=newest,
        last=order_of(history[-1].event) if history else _BEFORE_ALL,
        greatest=max((one.token.item for one in placed), default=-1),
        basket=basket,
    )


def _beside(
    model: PreferenceModel, snapshot: str, tokens: TokenMaker, history: list[Logged], known: Attributes
) -> Reading | None:
    """The reading of a history that is not kept in memory; None where there is nothing to read."""
    early, basket = tokens.nameless(logged.event for logged in history), Basket()
    placed = tokens.placed(history, basket)
    recent = recent_of(model, placed)
    taste = _taste(model, history, placed, recent, basket)
    taste.newest = -taste.newest if early else taste.newest
    reading = replace(_reading(model, snapshot, taste, recent, known), present=True)
    return reading if placed or reading.about is not None else None


def _reading(
    model: PreferenceModel, snapshot: str, taste: Taste, recent: Recent, known: Attributes
) -> Reading:
    about = model.about(known) if known else None
    return Reading(
        model=model,
        snapshot=snapshot,
        state=taste.state,
        pasts=recent.pasts,
        window=recent.tokens(),
        bought=dict(recent.sums.bought),
        viewed=recent.sums.viewed,
        record=recent.sums.record,
        newest=taste.newest,
        # All zeros say as little: a model may know none of the words.
        about=about if about is not None and about.any() else None,
    )
