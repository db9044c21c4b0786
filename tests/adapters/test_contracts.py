"""The contracts, held by the stores in SQLite and by the fakes."""

import msgspec
import numpy as np
import pytest
from tests.adapters.sqlite_shop import Stores

from penchant.events.marks import StepReport
from penchant.events.offers import Exposure
from penchant.privacy.consent import Consent
from penchant.taste.corrections import Correction, CorrectionsInMemory
from penchant.testing.attributes_contract import AttributesContract
from penchant.testing.catalog_contract import CatalogContract
from penchant.testing.corrections_contract import CorrectionsContract
from penchant.testing.erasable_contract import OTHER, VICTIM, ErasableContract
from penchant.testing.fakes import (
    InMemoryAttributes,
    InMemoryConsent,
    InMemoryDeadLetters,
    InMemoryIds,
    InMemoryImpressions,
    InMemoryItems,
    InMemoryLog,
    InMemoryMarks,
)
from penchant.testing.follow_fakes import InMemoryFollows
from penchant.testing.follows_contract import ZOE, FollowsContract, pair
from penchant.testing.log_contract import ErasableLogContract, LogContract, event
from penchant.testing.offer_fakes import InMemoryExposures, InMemoryOffers, InMemoryStock
from penchant.testing.offers_contract import OffersContract
from penchant.types import DeadLetter, Impression, Reason, Recommendation


@pytest.fixture
def stores(tmp_path):
    made = Stores(tmp_path)
    yield made
    made.close()


class TestLogInMemory(LogContract, ErasableLogContract):
    @pytest.fixture
    def log(self):
        return InMemoryLog()


class TestLogInSqlite(LogContract, ErasableLogContract):
    @pytest.fixture
    def log(self, stores):
        self.stores = stores
        return stores.log

    def reopened(self, log):
        self.stores.close()
        self.stores.__post_init__()
        return self.stores.log


class TestCatalogInMemory(CatalogContract):
    @pytest.fixture
    def ids(self):
        return InMemoryIds()

    @pytest.fixture
    def items(self, ids):
        return InMemoryItems(ids)


class TestCatalogInSqlite(CatalogContract):
    @pytest.fixture
    def ids(self, stores):
        self.stores = stores
        return stores.ids

    @pytest.fixture
    def items(self, stores):
        return stores.items

    def reopened(self, ids, items):
        self.stores.close()
        self.stores.__post_init__()
        return self.stores.ids, self.stores.items


class TestAttributesInMemory(AttributesContract):
    @pytest.fixture
    def attributes(self):
        return InMemoryAttributes()


class TestAttributesInSqlite(AttributesContract):
    @pytest.fixture
    def attributes(self, stores):
        self.stores = stores
        return stores.attributes

    def reopened(self, attributes):
        self.stores.close()
        self.stores.__post_init__()
        return self.stores.attributes


class TestOffersInMemory(OffersContract):
    @pytest.fixture
    def offers(self):
        return InMemoryOffers()

    @pytest.fixture
    def exposures(self):
        return InMemoryExposures()

    @pytest.fixture
    def stock(self):
        return InMemoryStock()


class TestOffersInSqlite(OffersContract):
    @pytest.fixture
    def offers(self, stores):
        self.stores = stores
        return stores.offers

    @pytest.fixture
    def exposures(self, stores):
        return stores.exposures

    @pytest.fixture
    def stock(self, stores):
        return stores.stock

    def reopened(self, offers, exposures, stock):
        self.stores.close()
        self.stores.__post_init__()
        return self.stores.offers, self.stores.exposures, self.stores.stock


class TestFollowsInMemory(FollowsContract):
    @pytest.fixture
    def follows(self):
        return InMemoryFollows()


class TestFollowsInSqlite(FollowsContract):
    @pytest.fixture
    def follows(self, stores):
        self.stores = stores
        return stores.follows

    def reopened(self, follows):
        self.stores.close()
        self.stores.__post_init__()
        return self.stores.follows


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_who_follows_somebody_is_not_told_in_an_export_and_goes_with_the_erasure(kind, stores):
    follows = InMemoryFollows() if kind == "memory" else stores.follows
    follows.put([pair(VICTIM, ZOE), pair(OTHER, VICTIM), pair(OTHER, ZOE)])
    assert follows.export_person(VICTIM) == [{"follows": ZOE}]
    before = follows.version()
    assert follows.erase_person(VICTIM) == 2
    assert follows.all() == [pair(OTHER, ZOE)]
    assert follows.version() != before


class TestCorrectionsInMemory(CorrectionsContract):
    @pytest.fixture
    def corrections(self):
        return CorrectionsInMemory()


class TestCorrectionsInSqlite(CorrectionsContract):
    @pytest.fixture
    def corrections(self, stores):
        self.stores = stores
        return stores.corrections

    def reopened(self, corrections):
        self.stores.close()
        self.stores.__post_init__()
        return self.stores.corrections


def in_memory():
    log = InMemoryLog()
    return {
        "events": (log, log),
        "impressions": (InMemoryImpressions(log), log),
        "dead-letters": (InMemoryDeadLetters(), log),
        "cleaning-marks": (InMemoryMarks(log), log),
        "consent": (InMemoryConsent(), log),
        "attributes": (InMemoryAttributes(), log),
        "exposures": (InMemoryExposures(), log),
        "follows": (InMemoryFollows(), log),
        "taste-corrections": (CorrectionsInMemory(), log),
    }


def put_something(name, store, log, person, number):
    """One record on a person in the store called ``name``."""
    if name == "events":
        store.append([event(f"e{number}", person, query="a secret wish"), event(f"f{number}", person)])
    elif name == "impressions":
        shown = Recommendation(item_id="a", score=1.0, position=0, reason=Reason(kind="popular"))
        store.append(
            [
                Impression(
                    recommendation_id=f"r{number}", user_id=person, timestamp=number, placement="home",
                    items=(shown,),
                )
            ]
        )  # fmt: skip
    elif name == "dead-letters":
        store.add([letter(number, person)])
    elif name == "cleaning-marks":
        (position,) = log.append([event(f"m{number}", person)]).positions
        people = store.marked_people()
        places = store.marked_events()
        store.replace(
            {"refunded": np.append(places.get("refunded", np.zeros(0, np.int64)), position)},
            {"bot": [*people.get("bot", []), person]},
        )
    elif name == "attributes":
        store.replace({person: {"city": f"Bern {number}"}})
    elif name == "exposures":
        store.put([Exposure(user_id=person, campaign_id="spring", timestamp=float(number))])
    elif name == "follows":
        store.put([pair(person, ZOE)])
    elif name == "consent":
        store.set(person, Consent(profiling=False))
    else:
        store.set(person, [Correction(kind="brand", name="OPI", weight="less")])


def letter(row, person="", code="price"):
    return DeadLetter(
        source="events.csv", row=row, column="price", code=code, message="negative", content={"price": -row},
        timestamp=5.0, user_id=person,
    )  # fmt: skip


NAMES = sorted(in_memory())


class TestErasable(ErasableContract):
    @pytest.fixture(params=[f"{where}:{name}" for where in ("memory", "sqlite") for name in NAMES])
    def held(self, request, stores):
        where, name = request.param.split(":")
        store, log = in_memory()[name] if where == "memory" else (self.named(stores, name), stores.log)
        numbers = iter(range(1, 100))
        return store, lambda person: put_something(name, store, log, person, next(numbers))

    def named(self, stores, name):
        (store,) = [one for one in stores.everything() if one.erasable_name == name]
        return store


@pytest.fixture(params=["memory", "sqlite"])
def beside(request, stores):
    """Impressions, dead letters, marks, consent and log of one kind."""
    if request.param == "sqlite":
        return stores
    log = InMemoryLog()
    return type(
        "InMemory", (), {
            "log": log, "impressions": InMemoryImpressions(log), "dead_letters": InMemoryDeadLetters(),
            "marks": InMemoryMarks(log), "consent": InMemoryConsent(),
        },
    )  # fmt: skip


def test_dead_letters_are_kept_once_and_removed_by_number(beside):
    box = beside.dead_letters
    box.add([letter(1), letter(2), letter(1)])
    box.add([letter(2), letter(3, code="time")])
    assert [one.row for _, one in box.all()] == [1, 2, 3]
    assert box.counts() == {"price": 2, "time": 1}
    numbers = [number for number, _ in box.all()]
    box.remove(numbers[:2])
    assert [one for _, one in box.all()] == [letter(3, code="time")]
    box.add([letter(4)])
    assert [number for number, _ in box.all()][-1] > numbers[-1]


def test_unreadable_rows_of_two_tables_in_files_of_one_name_are_two_letters(beside):
    unreadable = msgspec.structs.replace(letter(3, code="ragged"), content={})
    beside.dead_letters.add([unreadable, msgspec.structs.replace(unreadable, table="items")])
    assert [one.table for _, one in beside.dead_letters.all()] == ["events", "items"]


def test_letters_may_be_removed_while_they_are_read(beside):
    beside.dead_letters.add([letter(n) for n in range(20)])
    for number, _ in beside.dead_letters.all():
        beside.dead_letters.remove([number])
    assert beside.dead_letters.counts() == {}


def test_a_list_is_found_with_the_events_that_answer_it(beside):
    for number, person in enumerate(["p", "q", "p", "p"], start=1):
        put_something("impressions", beside.impressions, None, person, number)
    assert [shown.recommendation_id for shown in beside.impressions.of_user("p", 2)] == ["r4", "r3"]
    assert beside.impressions.get("r2").user_id == "q"
    assert beside.impressions.get("r9") is None
    put_something("impressions", beside.impressions, None, "thief", 2)
    assert beside.impressions.get("r2").user_id == "q"
    beside.log.append([event("e1", recommendation_id="r2"), event("e2"), event("e3", recommendation_id="r2")])
    assert [entry.event.event_id for entry in beside.impressions.joined("r2")] == ["e1", "e3"]
    assert beside.impressions.named() == {1: "r2", 3: "r2"}


def test_lists_are_followed_in_the_order_of_being_written(beside):
    for number, person in enumerate(["p", "q", "p", "q"], start=1):
        put_something("impressions", beside.impressions, None, person, number)
    (first, _), (second, shown) = beside.impressions.follow(0, 2)
    assert 0 < first < second
    assert shown.recommendation_id == "r2"
    beside.impressions.erase_person("p")
    put_something("impressions", beside.impressions, None, "q", 5)
    rest = beside.impressions.follow(first, 10)
    assert [shown.recommendation_id for _, shown in rest] == ["r2", "r4", "r5"]
    assert beside.impressions.follow(rest[-1][0], 10) == []


def test_marks_are_replaced_as_a_whole(beside):
    beside.log.append([event(str(n)) for n in range(5)])
    steps = [
        StepReport(mark=mark, about="", counts={"found": n}) for n, mark in enumerate(("refunded", "bot"))
    ]
    beside.marks.replace({"refunded": np.array([3, 1, 3])}, {"bot": ["p", "p"]}, steps)
    assert beside.marks.steps() == steps
    assert {k: v.tolist() for k, v in beside.marks.marked_events().items()} == {"refunded": [1, 3]}
    assert beside.marks.marked_people() == {"bot": ["p"]}
    beside.marks.replace({"outlier": np.array([2])}, {})
    assert {k: v.tolist() for k, v in beside.marks.marked_events().items()} == {"outlier": [2]}
    assert beside.marks.marked_people() == {}
    assert beside.marks.steps() == []


def test_consent_holds_and_can_be_given_again(beside):
    assert beside.consent.get("p") == Consent()
    beside.consent.set("p", Consent(profiling=False))
    assert beside.consent.opted_out() == {"p"}
    beside.consent.set("p", Consent(profiling=True))
    assert (beside.consent.get("p").profiling, beside.consent.opted_out()) == (True, frozenset())
