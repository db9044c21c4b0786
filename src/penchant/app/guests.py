"""A guest logs in: what the guest did is the person's, in the log and in every process of the server."""

from functools import partial
from typing import Any

from penchant.app.choices import FLUSH_SECONDS
from penchant.app.engine import Engine
from penchant.app.onboarding import ANSWER
from penchant.app.others import Others
from penchant.app.shop import Shop
from penchant.errors import Conflict, InvalidInput
from penchant.types import Event, Pseudonym

KNOWN = (
    "guest_id: known as a person, not as a guest; nothing was joined. If guests of this shop have consent or "
    "attributes, give their ids a prefix of their own and set serve.guest_prefix."
)
UNMARKED = (
    "guest_id: has events that are not said to be a guest's; nothing was joined. Send the events of guests "
    'with "guest": true, or with their id as session_id, or give their ids a prefix of their own and set '
    "serve.guest_prefix."
)
OPTED_OUT = "the guest opted out of profiling, and so is not told to be anybody"
NO_EVENTS = (
    "no event says that this is a guest; send the guest's events first, or give ids of guests a prefix of "
    "their own and set serve.guest_prefix"
)
YES = (True, "true", "1")
"""What a column ``guest`` may say of an event, as JSON, Parquet and CSV have it; 1 is True."""


def is_guests(event: Event, guest_id: str) -> bool:
    """Whether an event says itself that it is a guest's, not a customer's.

    >>> from penchant.types import EventType
    >>> seen = Event(user_id="p", type=EventType.VIEW, timestamp=0.0, item_id="tea", session_id="s-1")
    >>> is_guests(seen, "s-1"), is_guests(seen, "ann")
    (True, False)
    """
    return event.session_id == guest_id or event.context.get("guest") in YES


def guest_joined(engine: Engine, guest: Pseudonym, person: Pseudonym, since: float) -> None:
    """In each process, when it is written: what is held in memory of the guest is the person's, if it is not
    of before ``since`` (unix seconds); the guest is no example for others any more."""
    with engine.lock:  # Lists that are read from the log meanwhile come before or after it.
        engine.exploring.rename(guest, person, since)
        engine.answered.crowd.forget(guest)


class GuestDesk:
    """:class:`~penchant.serve.guests.GuestServices` of the process that writes; the ``others`` are told."""

    def __init__(self, shop: Shop, engine: Engine, others: Others) -> None:
        self._shop = shop
        self._engine = engine
        self._others = others

    def join_guest(self, user_id: str, guest_id: str) -> dict[str, Any]:
        """See :meth:`~penchant.serve.guests.GuestServices.join_guest`."""
        prefix = self._shop.settings.serve.guest_prefix
        if not guest_id.startswith(prefix):
            raise InvalidInput(f"guest_id: does not begin with {prefix!r}, as every id of a guest does")
        guest, person = self._shop.pseudonymizer.pseudonyms([guest_id, user_id])
        if guest == person:
            raise InvalidInput(
                "guest_id: the guest and the person are the same; send the id of before the login"
            )
        with self._engine.lock:  # No event, no erasure and no consent comes in between.
            if not self._shop.consent.get(guest).profiling:
                return {"joined": False, "events": 0, "reason": OPTED_OUT}
            if self._shop.guests.is_person(guest, prefixed=bool(prefix)):
                raise Conflict(KNOWN)
            if not (prefix or self._said_to_be(guest, guest_id)):
                return {"joined": False, "events": 0, "reason": NO_EVENTS}
            return {"joined": True, "events": self._join(guest, person), "reason": ""}

    def _said_to_be(self, guest: Pseudonym, guest_id: str) -> bool:
        """Whether the log says of somebody that it is a guest. Raises Conflict where it says that it is none:
        any event of a customer is one that nobody may take by naming the customer."""
        events = [entry.event for entry in self._shop.log.of_user(guest)]
        # Answers to our own questions are written by us, and say nothing of who answers.
        telling = [event for event in events if ANSWER not in event.context]
        if not all(is_guests(event, guest_id) for event in telling):
            raise Conflict(UNMARKED)
        return bool(telling or self._shop.guests.of_each([guest]))

    def _join(self, guest: Pseudonym, person: Pseudonym) -> int:
        now, may = self._shop.clock(), partial(self._shop.ledger.obeys, person)
        self._engine.writer.flush(FLUSH_SECONDS)
        # As when both opt out and the person in again: what counted is taken back, what counts now is added.
        for one in (guest, person):
            self._others.tell("let-go", one)
            self._engine.let_go(one)
        try:
            joined = self._shop.guests.join(guest, person, now, may)
        finally:
            for one in (guest, person):
                self._others.tell("consent-came", one, False, True)
                self._engine.consent_came(one, False, True)
        if joined.events and not self._shop.consent.get(person).profiling:
            # What is learned since the last snapshot may be of what counted until now.
            self._shop.learned.erase_person(person)
        self._engine.writer.flush(FLUSH_SECONDS)
        self._shop.guests.lists_since(guest, person, now, may)
        since = self._shop.ledger.erased_at(person)
        self._others.tell("guest-joined", guest, person, since)
        guest_joined(self._engine, guest, person, since)
        return len(joined.events)
