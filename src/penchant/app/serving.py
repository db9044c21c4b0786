"""What the HTTP door and the console ask for, answered from one open shop."""

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from secrets import token_urlsafe
from typing import Any

import msgspec

from penchant.app.engine import Engine, new_list_id
from penchant.app.learning_view import go_back, learning_view
from penchant.app.quality import quality_page
from penchant.app.readiness import readiness
from penchant.app.shop import Shop
from penchant.app.showing import recent_baskets, shown_items, taste_of
from penchant.app.together import Together
from penchant.catalog.feeds import items_of_records
from penchant.errors import InvalidInput, NotFound, PenchantError
from penchant.events.intake import IntakeResult
from penchant.privacy.consent import Consent
from penchant.privacy.rights import Rights
from penchant.recommend.search import Search
from penchant.recommend.shown import ShownLists
from penchant.recommend.similar import SimilarItems
from penchant.settings import Settings
from penchant.taste.corrections import Correction, merged
from penchant.types import Event, EventType, Impression, Pseudonym

AT_ONCE = 5_000
"""Events of several requests that share one commit, at most; a larger request has its own."""

Records = list[dict[str, Any]]


class Serving:
    """Answers :class:`~penchant.serve.services.Services`, for the door and for the console."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._engine = Engine(shop)
        self.recommender = self._engine.recommender
        self._similar = SimilarItems(shop.catalog, lambda: self.recommender.tracker)
        self._search = Search(shop.catalog, self.recommender.tracker_of)
        self._lists = ShownLists(self._engine.writer, shop.consent, new_list_id, self.recommender.experiment)
        self._events: Together[Records, IntakeResult] = Together(
            lambda asked: _take_all(self.shop, self._engine, asked), len, AT_ONCE
        )
        self.console_token = token_urlsafe(18)
        self.learner: Callable[[], str] = lambda: "off"

    def warm(self) -> None:
        """See :meth:`~penchant.serve.services.ApiServices.warm`."""
        # What fails here fails again in the request that needs it, and is told there.
        with suppress(PenchantError):
            self._engine.warm()
            view = self.shop.catalog.view()
            # Without a model the texts may be unread, which takes minutes: the shop opens before that.
            if self.recommender.tracker is not None and view.listed.any():
                # Not the methods of this class: nobody sees these lists, so no log may hold them.
                self._search.search("first", 1, self.shop.clock())
                self._similar.similar(view.ids[int(view.listed.argmax())], 1)

    @property
    def settings(self) -> Settings:
        return self.shop.settings

    def verify(self, token: str) -> frozenset[str] | None:
        return self.shop.keys.verify(token)

    def _known_as(self, user_id: str) -> Pseudonym:
        return self.shop.pseudonymizer.pseudonym(user_id)

    def take_in(self, records: Records) -> IntakeResult:
        return self._events.ask(records)

    def recommend(
        self,
        user_id: str | None,
        size: int,
        placement: str,
        context_item: str | None,
        exclude: Sequence[str],
    ) -> Impression:
        person = None if user_id is None else self._known_as(user_id)
        return self.recommender.recommend(
            person, size, placement, self.shop.clock(), context_item=context_item, exclude=exclude
        )

    def similar(self, item_id: str, size: int) -> Impression:
        return self._lists.show(self._similar.similar(item_id, size), "similar", self.shop.clock())

    def search(self, query: str, size: int, user_id: str | None) -> Impression:
        person, now = None if user_id is None else self._known_as(user_id), self.shop.clock()
        found = self._search.search(query, size, now, person=person)
        return self._lists.show(found, "search", now, person=person)

    def taste(self, user_id: str) -> dict[str, Any]:
        return self.taste_of(self._known_as(user_id))

    def taste_of(self, person: Pseudonym) -> dict[str, Any]:
        """The profile with its corrections."""
        return taste_of(self.shop, person)

    def correct_taste(self, user_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        person = self._known_as(user_id)
        wishes = merged(self.shop.corrections.get(person), _wishes(changes))
        self.shop.corrections.set(person, wishes)
        return self.taste_of(person)

    def upsert_items(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        checked = items_of_records(records, self.shop.settings)
        if checked.violations:
            first = checked.violations[min(checked.violations)]
            raise InvalidInput(f"items: record {first.row}: {first.message}; nothing was written")
        changed = self.shop.catalog.upsert(checked.items)
        self._engine.read_catalogue()
        return {"received": len(checked.items), "changed": changed}

    def delete_items(self, item_ids: list[str]) -> dict[str, Any]:
        return {"deleted": self.shop.catalog.delete(item_ids)}

    def set_consent(self, user_id: str, profiling: bool) -> dict[str, Any]:
        return self.consent_of(self._known_as(user_id), profiling)

    def consent_of(self, person: Pseudonym, profiling: bool) -> dict[str, Any]:
        """Set the consent; it holds from the next request on."""
        self._engine.set_consent(person, Consent(profiling=profiling))
        return {"profiling": profiling}

    def set_attributes(self, user_id: str, attributes: dict[str, Any]) -> dict[str, Any]:
        with self._engine.lock:  # An erasure of the person comes before or after it as a whole.
            return {"attributes": self.shop.users().put(user_id, attributes)}

    def rights(self) -> Rights:
        """Every store, the caches of this process first."""
        stores = [*self._engine.caches(), *self.shop.stores()]
        return Rights(stores, self.shop.consent, self.shop.ledger)

    def export(self, user_id: str) -> dict[str, Any]:
        return self.rights().export(self._known_as(user_id))

    def erase(self, user_id: str) -> dict[str, Any]:
        return self.erase_person(self._known_as(user_id))

    def erase_person(self, person: Pseudonym) -> dict[str, Any]:
        """Remove all that is held on the person."""
        with self._engine.lock:
            self._engine.writer.flush(5.0)
            self._engine.let_go(person)
            erasure = self.rights().erase(person, self.shop.clock())
            self._engine.gone(person)
            self.shop.pseudonymizer.forget()
        return msgspec.to_builtins(erasure)

    def readiness(self) -> dict[str, Any]:
        return readiness(self._engine) | {"learner": self.learner()}

    def close(self) -> None:
        self._engine.close()
        self.shop.close()

    def overview(self) -> dict[str, Any]:
        tracker = self.recommender.tracker
        return {
            "events": self.shop.log.count(),
            "people": self.shop.log.people_count(),
            "items": self.shop.items.count(),
            "opted_out": len(self.shop.consent.opted_out()),
            "snapshot": tracker.snapshot if tracker is not None else "",
            "metrics": self._engine.current.load_metrics(tracker.snapshot) if tracker is not None else {},
        }

    def people(self, query: str, limit: int) -> list[dict[str, Any]]:
        found = self.shop.log.activity(query, limit)
        if query and not found:
            found = self.shop.log.activity(self._known_as(query), limit)
        return [{"pseudonym": name, "events": events, "last": last} for name, events, last in found]

    def person(self, pseudonym: str) -> dict[str, Any]:
        history = self.shop.log.of_user(Pseudonym(pseudonym))
        if not history:
            raise NotFound(f"nobody with the pseudonym {pseudonym!r} has an event in the log")
        return {
            "baskets": recent_baskets(self.shop.catalog, history),
            "profile": self.taste_of(Pseudonym(pseudonym)),
            "consent": {"profiling": self.shop.consent.get(Pseudonym(pseudonym)).profiling},
        }

    def person_recommend(self, pseudonym: str, size: int) -> dict[str, Any]:
        shown = self.recommender.recommend(Pseudonym(pseudonym), size, "console", self.shop.clock())
        items = shown_items(self.shop.catalog, shown.items)
        return {"recommendation_id": shown.recommendation_id, "items": items}

    def person_event(
        self, pseudonym: str, item_id: str, type: str, *, recommendation_id: str | None, position: int | None
    ) -> None:
        event = Event(
            user_id=pseudonym, type=_kind(type), timestamp=self.shop.clock(), item_id=item_id,
            event_id=uuid.uuid4().hex, context={"source": "console"},
            recommendation_id=recommendation_id, position=position,
        )  # fmt: skip
        with self._engine.lock:
            self.shop.log.append([event])
            self._engine.catch_up()

    def person_consent(self, pseudonym: str, profiling: bool) -> dict[str, Any]:
        return self.consent_of(Pseudonym(pseudonym), profiling)

    def person_export(self, pseudonym: str) -> dict[str, Any]:
        return self.rights().export(Pseudonym(pseudonym))

    def person_erase(self, pseudonym: str) -> dict[str, Any]:
        return self.erase_person(Pseudonym(pseudonym))

    # As at the start: what the staff look up is no list that a shopper saw, so no log may hold it.
    def find_items(self, query: str, size: int) -> list[dict[str, Any]]:
        return shown_items(self.shop.catalog, self._search.search(query, size, self.shop.clock()).items)

    def similar_items(self, item_id: str, size: int) -> list[dict[str, Any]]:
        return shown_items(self.shop.catalog, self._similar.similar(item_id, size).items)

    def quality_html(self) -> str:
        return quality_page(self.shop)

    def evaluation_html(self) -> str | None:
        return _report(self.shop, "evaluation")

    def learning(self) -> dict[str, Any]:
        return learning_view(self.shop, self.readiness())

    def rollback(self, expected: str) -> dict[str, Any]:
        return go_back(self.shop, expected)

    def learning_html(self) -> str | None:
        return _report(self.shop, "learning")


def _take_all(shop: Shop, engine: Engine, requests: list[Records]) -> list[IntakeResult]:
    with engine.lock:
        found = shop.intake().accept_all(requests)
        engine.catch_up()
    return found


def _report(shop: Shop, name: str) -> str | None:
    page = shop.folder / "reports" / f"{name}.html"
    return page.read_text(encoding="utf-8") if page.is_file() else None


def _wishes(changes: dict[str, Any]) -> list[Correction]:
    try:
        return msgspec.convert(changes.get("corrections"), list[Correction])
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f'taste: {error}; send {{"corrections": [{{"kind": "category", "name": "…", '
            '"weight": "never|less|normal|more"}]}'
        ) from error


def _kind(name: str) -> EventType:
    try:
        return EventType(name)
    except ValueError as error:
        raise InvalidInput(f"unknown event type {name!r}") from error
