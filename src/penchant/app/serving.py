"""What the HTTP door and the console ask for, answered from one open shop."""

import uuid
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from secrets import token_urlsafe
from typing import Any

import msgspec

from penchant.app.campaigns import CampaignDesk
from penchant.app.choices import Choices
from penchant.app.deciding import DecisionDesk, prices_of
from penchant.app.engine import Engine, alone, rehearse
from penchant.app.guests import GuestDesk
from penchant.app.learning_view import go_back, learning_view
from penchant.app.onboarding import OnboardingDesk
from penchant.app.others import NOBODY, Others
from penchant.app.readiness import EVENTS, readiness
from penchant.app.reports import report_page
from penchant.app.retrieval import by_texts, retrieval_of
from penchant.app.ruling import RuleDesk
from penchant.app.shop import Shop
from penchant.app.showing import reason_words, recent_baskets, shown_items
from penchant.app.tastes import Tastes, taste_of, wishes_of
from penchant.catalog.feeds import items_of_records
from penchant.errors import InvalidInput, NotFound, PenchantError, ShopError, StorageError
from penchant.events.intake import IntakeResult
from penchant.recommend.fallback import reason_of
from penchant.recommend.impressions import ImpressionStore
from penchant.recommend.meaning import Meaning
from penchant.recommend.request import Wanted
from penchant.recommend.search import Search
from penchant.recommend.shown import ShownLists
from penchant.recommend.similar import SimilarItems
from penchant.recommend.wording import Language
from penchant.serve.services import ListWanted
from penchant.settings import Settings
from penchant.types import Event, EventType, Impression, Pseudonym

Records = list[dict[str, Any]]


class Serving:
    """Answers :class:`~penchant.serve.services.Services`, for the door and for the console.

    Of a ``shop`` that was not opened as its writer, only what reads: ``impressions`` takes its lists.
    ``others`` hear of what changes.
    """

    def __init__(
        self, shop: Shop, others: Others = NOBODY, impressions: ImpressionStore | None = None
    ) -> None:
        self.shop = shop
        self._engine = Engine(shop, impressions)
        self._others = others
        self.recommender = self._engine.recommender
        engine, serves = self._engine, lambda: self.recommender.tracker
        fault, popular, force = engine.health.fault, engine.counts.popular, engine.tables.rules
        near = retrieval_of(shop.settings.recommend)
        self._similar = SimilarItems(shop.catalog, serves, popular, fault, rules=force, retrieval=near)
        self._search = Search(
            shop.catalog, self.recommender.tracker_of, popular, fault,
            rules=force, wishes_of=partial(wishes_of, shop), meaning=Meaning(by_texts),
        )  # fmt: skip
        self._lists = ShownLists(
            engine.writer, shop.consent, engine.new_list_id, self.recommender.experiment, fault
        )
        self.guests, self.campaigns = GuestDesk(shop, engine, others), CampaignDesk(shop, engine)
        self.onboarding = OnboardingDesk(shop, engine.answered, popular, force, self.take_in_each)
        self.rules = RuleDesk(shop, engine.ruling, self.recommender, lambda: others.tell("rules-came"))
        self.decided = DecisionDesk(shop)
        self.console_token = token_urlsafe(18)
        self.learner: Callable[[], str] = lambda: "off"

    @property
    def _choices(self) -> Choices:
        return Choices(self.shop, self._engine, self._others)

    @property
    def engine(self) -> Engine:
        """What follows the log and the shelf."""
        return self._engine

    def warm(self) -> None:
        """See :meth:`~penchant.serve.services.ApiServices.warm`."""
        # What fails here fails again in the request that needs it, and is told there.
        with suppress(PenchantError):
            rehearse(self.shop, self._engine)
            view = self.shop.catalog.view()
            # Without a model the texts may be unread, which takes minutes: the shop opens before that.
            if self.recommender.tracker is not None and view.listed.any():  # Lists that no log may hold.
                self._search.search("first", 1, self.shop.clock())
                self._similar.similar(view.ids[int(view.listed.argmax())], 1, self.shop.clock())

    @property
    def settings(self) -> Settings:
        return self.shop.settings

    def verify(self, token: str) -> frozenset[str] | None:
        return self.shop.keys.verify(token)

    def _known_as(self, user_id: str) -> Pseudonym:
        return self.shop.pseudonymizer.pseudonym(user_id)

    def take_in_each(self, requests: list[Records], *, wait: bool = True) -> list[IntakeResult]:
        with alone(self._engine.lock, wait), nullcontext() if wait else self.shop.database.at_once():
            return _take_all(self.shop, self._engine, requests)

    def at_hand(self, wanted: ListWanted) -> bool:
        # Who follows another process looks into the log first.
        known = self.shop.database.writes and wanted.user_id is not None and not self._engine.writer.crowded
        return known and self.recommender.at_hand(self._known_as(str(wanted.user_id)), self.shop.log.is_short)

    def recommend_each(self, wanted: list[ListWanted], *, wait: bool = True) -> list[Impression]:
        self._engine.keep_up()
        asked = [_asked(one, self._known_as) for one in wanted]
        with nullcontext() if wait else self.shop.log.brief():
            return self.recommender.recommend_each(asked, self.shop.clock())

    def similar(self, item_id: str, size: int, user_id: str | None = None) -> Impression:
        wishes = () if user_id is None else wishes_of(self.shop, self._known_as(user_id))
        now = self.shop.clock()
        return self._lists.show(self._similar.similar(item_id, size, now, wishes), "similar", now)

    def search(self, query: str, size: int, user_id: str | None) -> Impression:
        person, now = None if user_id is None else self._known_as(user_id), self.shop.clock()
        self._engine.keep_up()
        found = self._search.search(query, size, now, person=person)
        return self._lists.show(found, "search", now, person=person)

    def reason_words(self, shown: Impression, language: Language) -> list[str]:
        return reason_words(self.shop.catalog, shown, language)

    def taste(self, user_id: str) -> dict[str, Any]:
        return taste_of(self.shop, self._known_as(user_id))

    def correct_taste(self, user_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        return self.person_taste(self._known_as(user_id), changes)

    def upsert_items(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        checked = items_of_records(records, self.shop.settings)
        if checked.violations:
            first = checked.violations[min(checked.violations)]
            raise InvalidInput(f"items: record {first.row}: {first.message}; nothing was written")
        changed = self.shop.catalog.upsert(checked.items)
        self._engine.read_catalogue()
        self._others.tell("items-came", [item.item_id for item in checked.items])
        return {"received": len(checked.items), "changed": changed}

    def item_prices(self, item_id: str) -> dict[str, Any]:
        return prices_of(self.shop, item_id)

    def delete_items(self, item_ids: list[str]) -> dict[str, Any]:
        deleted = self.shop.catalog.delete(item_ids)
        self._others.tell("items-left", item_ids)
        return {"deleted": deleted}

    def set_consent(
        self, user_id: str, profiling: bool | None = None, experiments: bool | None = None
    ) -> dict[str, Any]:
        return self._choices.consent_to(self._known_as(user_id), profiling, experiments)

    def set_attributes(self, user_id: str, attributes: dict[str, Any]) -> dict[str, Any]:
        with self._engine.lock:  # An erasure of the person comes before or after it as a whole.
            return {"attributes": self.shop.users().put(user_id, attributes)}

    def export(self, user_id: str) -> dict[str, Any]:
        return self._choices.rights().export(self._known_as(user_id))

    def erase(self, user_id: str) -> dict[str, Any]:
        return self._choices.erase(self._known_as(user_id))

    def readiness(self) -> dict[str, Any]:
        return readiness(self.shop, self._engine, self.learner())

    def close(self) -> None:
        self._engine.close()
        self.shop.close()

    def overview(self) -> dict[str, Any]:
        return _overview(self.shop, self._engine)

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
            "profile": taste_of(self.shop, Pseudonym(pseudonym)),
            "consent": msgspec.to_builtins(self.shop.consent.get(Pseudonym(pseudonym))),
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

    def person_consent(
        self, pseudonym: str, profiling: bool | None = None, experiments: bool | None = None
    ) -> dict[str, Any]:
        return self._choices.consent_to(Pseudonym(pseudonym), profiling, experiments)

    def person_taste(self, pseudonym: str, changes: dict[str, Any]) -> dict[str, Any]:
        return Tastes(self.shop, self._engine, self._others).correct(Pseudonym(pseudonym), changes)

    def person_export(self, pseudonym: str) -> dict[str, Any]:
        return self._choices.rights().export(Pseudonym(pseudonym))

    def person_erase(self, pseudonym: str) -> dict[str, Any]:
        return self._choices.erase(Pseudonym(pseudonym))

    # As at the start: what the staff look up is no list that a shopper saw, so no log may hold it.
    def find_items(self, query: str, size: int) -> list[dict[str, Any]]:
        return shown_items(self.shop.catalog, self._search.search(query, size, self.shop.clock()).items)

    def similar_items(self, item_id: str, size: int) -> list[dict[str, Any]]:
        return shown_items(self.shop.catalog, self._similar.similar(item_id, size, self.shop.clock()).items)

    def report_html(self, name: str) -> str | None:
        return report_page(self.shop, name)

    def learning(self) -> dict[str, Any]:
        return learning_view(self.shop, self.readiness())

    def rollback(self, expected: str) -> dict[str, Any]:
        return go_back(self.shop, expected)


def _overview(shop: Shop, engine: Engine) -> dict[str, Any]:
    tracker = engine.recommender.tracker
    return {
        "events": shop.log.count(),
        "people": shop.log.people_count(),
        "items": shop.items.count(),
        "opted_out": len(shop.consent.opted_out()),
        "snapshot": tracker.snapshot if tracker is not None else "",
        "metrics": engine.current.load_metrics(tracker.snapshot) if tracker is not None else {},
    }


def _take_all(shop: Shop, engine: Engine, requests: list[Records]) -> list[IntakeResult]:
    # Whatever comes, some of it may be in the log already: then it is heard of a little later.
    engine.unheard = True
    try:
        found = shop.intake().accept_all(requests)
    except (StorageError, ShopError) as error:
        engine.health.fault(EVENTS, error, stays=True)  # A write must show that it is over.
        raise
    engine.health.well(EVENTS)
    try:
        engine.catch_up()
    except Exception as error:  # They are in the log: asked again, all of them would be called duplicates.
        engine.health.fault(reason_of(error), error)
    return found


def _asked(one: ListWanted, known_as: Callable[[str], Pseudonym]) -> Wanted:
    person = None if one.user_id is None else known_as(one.user_id)
    return Wanted(person, one.size, one.placement, one.context_item, one.exclude)


def _kind(name: str) -> EventType:
    try:
        return EventType(name)
    except ValueError as error:
        raise InvalidInput(f"unknown event type {name!r}") from error
