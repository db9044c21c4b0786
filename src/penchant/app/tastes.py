"""Tastes as their owners see and correct them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from penchant.app.engine import Engine
from penchant.app.others import Others
from penchant.app.shop import Shop
from penchant.errors import InvalidInput, PenchantError
from penchant.model.snapshot import read_manifest
from penchant.taste.corrections import Correction, merged
from penchant.taste.disregarded import Disregarded, Present, positions_of
from penchant.taste.profile import taste_profile
from penchant.taste.wished import wished
from penchant.types import Logged, Pseudonym

RECENT = 50
"""Newest events that are told one by one, so that one of them can be forgotten."""


_FORM = (
    'send {"corrections": [{"kind": "category|price|brand|word|item", "name": "…", '
    '"weight": "never|less|normal|more"}], "forget": [event ids], "remember": [event ids], '
    '"present": true|false|{"session_id": "…"}}, each of them or some'
)


class ForSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A present that one session of the shop is about."""

    session_id: str


class Changes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person changes about their taste, all or nothing of it.

    Attributes:
        corrections: wishes. forget, remember: ``event_id`` of events of the person's own.
        present: true or a session where buying one begins, false where it ends.
    """

    corrections: list[Correction] = []
    forget: list[str] = []
    remember: list[str] = []
    present: bool | ForSession | None = None


class Tastes:
    """Of one shop, for the process that writes; ``others`` are told."""

    def __init__(self, shop: Shop, engine: Engine, others: Others) -> None:
        self._shop = shop
        self._engine = engine
        self._others = others

    def correct(self, person: Pseudonym, body: dict[str, Any]) -> dict[str, Any]:
        """It holds from the next request on, in every process; the taste as it then is.

        Raises InvalidInput; then nothing changed.
        """
        asked = _read(body)
        with self._engine.lock:  # No event, and no erasure of the person, comes in between.
            store = self._shop.corrections
            wishes = merged(store.get(person), asked.corrections)
            before = store.disregarded(person)
            history = self._shop.log.of_user(person) if asked.forget or asked.remember or before else []
            after = self._disregarded(before, asked, history)
            if asked.corrections:
                store.set(person, wishes)
            if after != before:
                self._disregard(person, before, after, history)
        return taste_of(self._shop, person)

    def _disregarded(self, before: Disregarded, asked: Changes, history: Sequence[Logged]) -> Disregarded:
        now, end = self._shop.clock(), self._shop.log.end()
        after = before.forget(entry.position for entry in positions_of(asked.forget, history))
        after = after.remember(positions_of(asked.remember, history))
        if asked.present is None:
            return after
        if asked.present is False:
            return after.end(now)
        session = asked.present.session_id if isinstance(asked.present, ForSession) else None
        return after.begin(Present(start=now, after=end, session_id=session))

    def _disregard(
        self, person: Pseudonym, before: Disregarded, after: Disregarded, history: Sequence[Logged]
    ) -> None:
        moved = [entry for entry in history if before.leaves_out(entry) != after.leaves_out(entry)]
        # While a present is being bought the list is of more than what counts for good.
        if not moved and before.under_way(self._shop.clock()) is None:
            self._shop.corrections.disregard(person, after)
            return
        # As when somebody opts out and in again: what counted is taken back, what counts now is added.
        self._others.tell("let-go", person)
        self._engine.let_go(person)
        self._shop.corrections.disregard(person, after)
        self._others.tell("consent-came", person, False, True)
        self._engine.consent_came(person, False, True)
        if moved and max(entry.position for entry in moved) > self._learned_to():
            self._shop.learned.erase_person(person)

    def _learned_to(self) -> int:
        """Log position of the snapshot that serves: what came since may be in its deltas."""
        try:
            return read_manifest(self._shop.shelf.path(self._shop.shelf.current())).log_position
        except PenchantError:
            return 0


def _read(body: dict[str, Any]) -> Changes:
    try:
        asked = msgspec.convert(body, Changes)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"taste: {error}; {_FORM}") from error
    if asked == Changes():
        raise InvalidInput("taste: nothing to change; send corrections, forget, remember or present")
    return asked


def wishes_of(shop: Shop, person: Pseudonym) -> tuple[Correction, ...]:
    """The wishes that hold in a list: none of somebody who opted out, who is not recognised."""
    return shop.corrections.get(person) if shop.consent.get(person).profiling else ()


def taste_of(shop: Shop, person: Pseudonym) -> dict[str, Any]:
    """The taste profile with its corrections, as built-ins; that of a stranger is empty."""
    view = shop.catalog.view()
    history, disregarded = shop.log.of_user(person), shop.corrections.disregarded(person)
    # As of the newest event: a taste does not fade because the shop was away.
    newest = max((entry.event.timestamp for entry in history), default=shop.clock())
    profile = taste_profile(disregarded.counted(history), view, newest)
    present = disregarded.under_way(shop.clock())
    wishes = shop.corrections.get(person)
    return {
        **msgspec.to_builtins(profile),
        "corrections": [
            {**msgspec.to_builtins(wish), "items": int((wished(wish, view) & view.listed).sum())}
            for wish in wishes
        ],
        "forgotten": len(disregarded.forgotten),
        "present": None if present is None else _told(present),
        "recent": [_recent(entry, disregarded, view.title_of) for entry in reversed(history[-RECENT:])],
    }


def _told(present: Present) -> dict[str, Any]:
    return {"start": present.start, "until": present.until, "session_id": present.session_id}


def _recent(entry: Logged, disregarded: Disregarded, title_of: Any) -> dict[str, Any]:
    event = entry.event
    out = disregarded.leaves_out(entry)
    why = "forgotten" if entry.position in disregarded.forgotten else "present" if out else ""
    return {
        "event_id": event.event_id,
        "type": event.type.value,
        "timestamp": event.timestamp,
        "item_id": event.item_id,
        "title": title_of(event.item_id) if event.item_id else event.query or "",
        "left_out": why,
    }
