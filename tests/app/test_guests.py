"""A guest who logs in: as if the guest had been the person from the start."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.serve import shops

from penchant.adapters.sqlite.database import Database
from penchant.app.backup import back_up, restore
from penchant.app.shop import Shop
from penchant.errors import StorageError
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Pseudonym

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shops.make_shop(tmp_path_factory.mktemp("made") / "shop")


class House(shops.House):
    def set(self, settings: str) -> None:
        with (self.folder / "shop.toml").open("a", encoding="utf-8") as file:
            file.write(f"\n{settings}")
        self.again()

    @property
    def shop(self) -> Shop:
        return self.serving.shop

    def named(self, user: str) -> Pseudonym:
        return self.shop.pseudonymizer.pseudonym(user)

    def does(self, *events: dict) -> dict:
        return self.ask("POST", "events", json={"events": list(events)})

    def logs_in(self, user: str, guest: str) -> dict:
        return self.ask("POST", f"users/{user}/guests", json={"guest_id": guest})

    def shown(self, user: str) -> list[tuple[str, float]]:
        items = self.ask("GET", f"users/{user}/recommendations?n=6")["items"]
        return [(one["item_id"], pytest.approx(one["score"], abs=1e-5)) for one in items]

    def history(self, user: str) -> list[tuple[str, str]]:
        return [(e.event.item_id, e.event.type.value) for e in self.shop.log.of_user(self.named(user))]

    def trend(self) -> list[list[float]]:
        """What each item's trend is now."""
        live = self.serving.engine.counts.trend.live
        return live.features(self.clock() + 86_400.0, len(self.shop.ids)).tolist()


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Iterator[House]:
    found = House(Path(shutil.copytree(made, tmp_path / "shop")), NOW)
    yield found
    found.serving.close()


GUESTS = {"g", "g-1", "no", "yes", "dog", "tablet"}
"""Their events say that they are a guest's; those of all others do not."""


def event(user: str, item: str, at: float, kind: str = "view", **more: object) -> dict:
    said = {"guest": True} if user in GUESTS else {}
    return {"user_id": user, "item_id": item, "type": kind, "timestamp": NOW + at, **said, **more}


BEFORE = [("tea", -50.0, "view"), ("honey", -40.0, "cart"), ("milk", -30.0, "purchase")]


def guest_and_person(house: House, guest: str, person: str) -> None:
    house.does(event(person, "coffee", -45.0, "purchase"), event(person, "bread", -10.0))
    house.does(*(event(guest, item, at, kind) for item, at, kind in BEFORE))


def test_it_is_as_if_the_guest_had_been_the_person(house: House) -> None:
    guest_and_person(house, "g", "joined")
    guest_and_person(house, "whole", "whole")
    assert house.shown("joined") != house.shown("whole")
    house.shown("g")
    assert house.logs_in("joined", "g") == {"joined": True, "events": 3, "reason": ""}
    assert house.history("joined") == house.history("whole")
    assert [item for item, _ in house.history("joined")] == ["tea", "coffee", "honey", "milk", "bread"]
    assert house.history("g") == []
    assert house.shown("joined") == house.shown("whole")
    for user in ("joined", "whole"):
        house.does(event(user, "tea", -1.0, "purchase"))
    assert house.shown("joined") == house.shown("whole")
    assert house.logs_in("joined", "g")["events"] == 0, "again changes nothing"
    house.again()
    assert house.history("joined") == house.history("whole")
    assert house.shown("joined") == house.shown("whole")
    whole, joined = (house.shop.log.columns().person, house.shop.log.columns().people)
    assert house.named("g") not in joined
    assert len(whole) == house.shop.log.count()


def test_what_comes_late_is_the_persons_and_a_repeat_is_one(house: House) -> None:
    first = [event("g", "tea", -9.0, "rating", value=5), event("g", "milk", -8.0, "purchase", price="1.5")]
    named = [event("g", "milk", -8.0, "purchase", price=1.5, event_id="own", quantity=2)]
    assert house.does(*first)["accepted"] == 2
    assert house.does(*named)["accepted"] == 1
    house.logs_in("anna2", "g")
    house.again()
    for sent in (first, named):
        assert house.does(*sent) == {"accepted": 0, "duplicates": len(sent), "rejected": []}
    assert house.does(event("g", "honey", -8.5), event("other", "tea", -1.0))["accepted"] == 2
    assert [item for item, _ in house.history("anna2")] == ["tea", "honey", "milk", "milk"]


def test_after_the_login_the_guest_is_somebody_else_until_the_next(house: House) -> None:
    house.does(event("tablet", "tea", -5.0))
    house.logs_in("ann", "tablet")
    house.clock.advance(100.0)
    house.does(event("tablet", "milk", 50.0), event("tablet", "honey", -7.0))
    assert [item for item, _ in house.history("ann")] == ["honey", "tea"]
    assert [item for item, _ in house.history("tablet")] == ["milk"]
    assert house.logs_in("bob", "tablet")["events"] == 1
    house.does(event("tablet", "bread", 60.0), event("tablet", "coffee", -6.0), event("tablet", "tea", 101.0))
    assert [item for item, _ in house.history("ann")] == ["honey", "coffee", "tea"]
    assert [item for item, _ in house.history("bob")] == ["milk", "bread"]
    assert [item for item, _ in house.history("tablet")] == ["tea"]


def refused(house: House, user: str, guest: str, status: int) -> str:
    answer = house.client.post(f"/v1/users/{user}/guests", json={"guest_id": guest})
    assert answer.status_code == status, answer.text
    return answer.json()["error"]["message"]


def test_who_is_known_as_a_person_is_no_guest(house: House) -> None:
    names = ("joined", "asked", "told", "g-told")
    house.does(event("g-1", "tea", -9.0), *(event(name, "milk", -8.0) for name in names))
    house.logs_in("joined", "g-1")
    house.ask("PUT", "users/asked/consent", json={"profiling": True})
    for name in ("told", "g-told"):
        house.ask("PUT", f"users/{name}/attributes", json={"city": "Bern"})
    for name in names:
        assert "guest_prefix" in refused(house, "thief", name, 409)
        assert ("milk", "view") in house.history(name)
    house.set('[serve]\nguest_prefix = "g-"\n')
    for name in names[:3]:
        assert "g-" in refused(house, "thief", name, 400)
    assert house.history("thief") == []
    assert house.logs_in("ann", "g-told")["events"] == 1, "the prefix says that it is a guest"
    house.logs_in("g-ann", "g-1")
    assert "person" in refused(house, "thief", "g-ann", 409)


def test_without_a_prefix_each_event_must_say_that_it_is_a_guests(house: House) -> None:
    house.does(event("eve", "milk", -9.0, "purchase", session_id="s-1"))
    assert '"guest": true' in refused(house, "thief", "eve", 409)
    house.does(event("eve", "tea", -8.0, guest=True), event("eve", "tea", -7.0, session_id="eve"))
    refused(house, "thief", "eve", 409)
    for said in (False, 0, "false", "", 2):
        house.does(event(f"no-{said}", "tea", -8.0, guest=said))
        refused(house, "thief", f"no-{said}", 409)
    assert house.history("thief") == []
    assert len(house.history("eve")) == 3
    house.does(event("s-2", "tea", -6.0, session_id="s-2"), event("s-2", "milk", -5.0, guest="true"))
    house.does(event("s-3", "honey", -4.0, guest=1))
    for answered in ("s-3", "s-4"):
        house.ask("POST", "onboarding", json={"user_id": answered, "item_id": "tea", "likes": True})
    assert [house.logs_in("ann", guest)["events"] for guest in ("s-2", "s-3")] == [2, 2]
    assert house.logs_in("ann", "s-4")["joined"] is False, "answers to our questions say nothing of it"


def test_of_whom_there_is_no_event_nobody_knows_whether_it_is_a_guest(house: House) -> None:
    told = house.logs_in("thief", "eve")
    assert (told["joined"], told["events"]) == (False, 0)
    assert "guest_prefix" in told["reason"]
    house.does(event("eve", "milk", -9.0, "purchase"))
    assert house.history("thief") == [], "what comes late is not the thief's either"
    assert [item for item, _ in house.history("eve")] == ["milk"]
    house.does(event("g", "tea", -9.0))
    house.logs_in("ann", "g")
    assert house.logs_in("ann", "g")["joined"], "it is known now, though all of its events are ann's"


def everything_on(house: House, user: str) -> str:
    return json.dumps(house.ask("GET", f"users/{user}/export"))


def test_lists_refusals_wishes_and_attributes_come_along(house: House) -> None:
    house.set('[serve]\nguest_prefix = "g"\n')
    house.ask("PUT", "users/g/attributes", json={"city": "Bern", "size": "2"})
    house.ask("PUT", "users/ann/attributes", json={"city": "Thun"})
    wish = {"kind": "item", "weight": "never"}
    house.ask(
        "PATCH", "users/g/taste", json={"corrections": [{**wish, "name": "tea"}, {**wish, "name": "milk"}]}
    )
    more = {"kind": "item", "name": "milk", "weight": "more"}
    house.ask("PATCH", "users/ann/taste", json={"corrections": [more]})
    shown = house.ask("GET", "users/g/recommendations?n=3")["recommendation_id"]
    house.does(
        event("g", "honey", -1.0, recommendation_id=shown, position=0), event("g", "tea", 0.0, "no such type")
    )
    house.logs_in("ann", "g")
    ann = house.named("ann")
    assert house.shop.attributes.attributes_of(ann) == {"city": "Thun", "size": "2"}
    assert house.shop.attributes.attributes_of(house.named("g")) == {}
    wishes = {(wish.name, wish.weight) for wish in house.shop.corrections.get(ann)}
    assert wishes == {("tea", "never"), ("milk", "more")}
    assert "tea" not in [item for item, _ in house.shown("ann")]
    assert shown in [one.recommendation_id for one in house.shop.impressions.of_user(ann, 9)]
    assert house.shop.impressions.get(shown).user_id == ann
    (letter,) = house.shop.dead_letters.export_person(ann)
    assert letter["user_id"] == letter["content"]["user_id"] == ann
    held = json.loads(everything_on(house, "g"))["held"]
    assert not any(records for store, records in held.items() if store != "taste-state"), held
    assert json.loads(everything_on(house, "ann"))["held"]["guests"] == [
        {"guest": house.named("g"), "until": NOW}
    ]


def test_what_the_guest_forgot_and_bought_for_others_stays_left_out(house: House) -> None:
    house.does(event("g", "tea", -9.0, event_id="a"), event("g", "milk", -8.0))
    house.ask("PATCH", "users/g/taste", json={"forget": ["a"]})
    house.ask("PATCH", "users/g/taste", json={"present": True})
    house.clock.advance(10.0)
    house.does(event("g", "honey", 5.0), event("ann", "coffee", 6.0))
    house.ask("PATCH", "users/g/taste", json={"present": False})
    house.clock.advance(10.0)
    house.logs_in("ann", "g")
    out, ann = house.shop.corrections.disregarded(house.named("ann")), house.named("ann")
    counted = [entry.event.item_id for entry in out.counted(house.shop.log.of_user(ann))]
    assert counted == ["milk", "coffee"]


def test_a_present_that_is_being_bought_goes_on(house: House) -> None:
    house.does(event("ann", "tea", -9.0), event("g", "milk", -8.0))
    house.ask("PATCH", "users/g/taste", json={"present": True})
    house.logs_in("ann", "g")
    house.clock.advance(5.0)
    house.does(event("ann", "honey", 3.0))
    ann = house.named("ann")
    out = house.shop.corrections.disregarded(ann)
    counted = [entry.event.item_id for entry in out.counted(house.shop.log.of_user(ann))]
    assert counted == ["tea", "milk"]


def test_consent_decides(house: House) -> None:
    house.does(event("no", "tea", -9.0, "purchase"), event("yes", "milk", -8.0, "purchase"))
    house.ask("PUT", "users/no/consent", json={"profiling": False})
    told = house.logs_in("ann", "no")
    assert (told["joined"], told["events"]) == (False, 0)
    assert "opted out" in told["reason"]
    assert house.history("ann") == []
    house.ask("PUT", "users/bob/consent", json={"profiling": False})
    shared = house.shown("bob")
    assert house.logs_in("bob", "yes")["events"] == 1
    assert house.shown("bob") == shared, "nothing of it counts"
    assert house.shop.consent.get(house.named("bob")).profiling is False
    before = house.trend()
    house.does(event("cat", "honey", -5.0, "purchase"), event("dog", "honey", -4.0, "purchase"))
    house.logs_in("cat", "dog")
    trend = house.trend()
    house.again()
    assert trend != before
    np.testing.assert_allclose(trend, house.trend(), atol=1e-4)


def test_erased_with_the_person_and_never_back(house: House, tmp_path: Path) -> None:
    sent = [event("g", "tea", -9.0), event("g", "milk", -8.0)]
    house.does(*sent)
    house.shown("g")
    house.does(event("g", "tea", -7.0, "no such type"))
    file = tmp_path / "before"
    back_up(house.shop, file)
    house.logs_in("ann", "g")
    house.clock.advance(10.0)
    house.does(event("g", "honey", 5.0))  # The next guest at the same device.
    erased = house.ask("DELETE", "users/ann")
    assert erased["removed"]["guests"] == 1
    assert erased["removed"]["events"] == 2
    assert [item for item, _ in house.history("g")] == ["honey"]
    for again in (False, True):
        if again:
            house.again()
        answer = house.does(*sent, event("g", "bread", -6.0), event("g", "tea", 7.0))
        assert [code for _, code in [(r["index"], r["code"]) for r in answer["rejected"]]] == ["erased"] * 3
    assert house.history("ann") == []
    ledger = (house.folder / "erased.ledger").read_bytes()
    content = (house.folder / "shop.db").read_bytes()
    assert house.named("ann").encode() not in content
    assert house.named("g").encode() not in ledger
    older = tmp_path / "older"
    older.mkdir()
    shutil.copy2(house.folder / "erased.ledger", older / "erased.ledger")
    restore(file, older, clock=house.clock, tell=lambda what, share: None)
    with Shop(older, writer=True, clock=house.clock, encoder=FakeTextEncoder()) as shop:
        assert shop.log.of_user(house.named("g")) == []
        assert shop.log.of_user(house.named("ann")) == []


def test_who_was_erased_before_does_not_get_it_back_by_a_login(house: House) -> None:
    house.does(event("g", "tea", -9.0), event("ann", "milk", -8.0))
    house.ask("DELETE", "users/ann")
    house.clock.advance(10.0)
    house.does(event("g", "honey", 5.0))
    assert house.logs_in("ann", "g")["events"] == 1
    assert [item for item, _ in house.history("ann")] == ["honey"]


def leaves_much(house: House, user: str, wish: str) -> None:
    """A list, a refused record, a wish and attributes."""
    house.shown(user)
    house.does(event(user, "tea", 0.0, f"no such type, {wish}"))
    told = [{"kind": "item", "weight": "never", "name": wish}]
    house.ask("PATCH", f"users/{user}/taste", json={"corrections": told})
    house.ask("PUT", f"users/{user}/attributes", json={"city": "Bern"})


def kept(house: House, user: str) -> dict[str, int]:
    """How many records of each store of the file there are."""
    who, shop = house.named(user), house.shop
    house.serving.engine.writer.flush()
    stores = (shop.impressions, shop.dead_letters, shop.corrections, shop.attributes)
    return {store.erasable_name: len(store.export_person(who)) for store in stores}


def test_nothing_of_before_an_erasure_comes_back_by_a_login(house: House) -> None:
    house.set('[serve]\nguest_prefix = "g"\n')
    house.does(event("g", "honey", -9.0, event_id="a"), event("ann", "milk", -8.0))
    leaves_much(house, "g", "milk")
    before = kept(house, "g")
    assert set(before.values()) == {1}
    house.ask("DELETE", "users/ann")
    house.clock.advance(10.0)
    house.does(event("g", "bread", 5.0, event_id="b"), event("g", "tea", 5.0, "none"))
    house.ask("PATCH", "users/g/taste", json={"forget": ["b"]})
    newer = house.ask("GET", "users/g/recommendations?n=3")["recommendation_id"]
    assert house.logs_in("ann", "g")["events"] == 1
    ann = house.named("ann")
    assert kept(house, "g") == before | {"taste-corrections": 2}
    assert [one.recommendation_id for one in house.shop.impressions.of_user(ann, 9)] == [newer]
    assert [one["timestamp"] for one in house.shop.dead_letters.export_person(ann)] == [NOW + 10.0]
    assert house.shop.corrections.get(ann) == ()
    assert house.shop.attributes.attributes_of(ann) == {}
    out = house.shop.corrections.disregarded(ann)
    assert [out.leaves_out(entry) for entry in house.shop.log.of_user(ann)] == [True]


def test_who_refused_experiments_still_does(house: House) -> None:
    house.set('[serve]\nguest_prefix = "g"\n')
    assert house.shop.consent.get(house.named("ann")).experiments
    house.ask("PUT", "users/g/consent", json={"experiments": False})
    house.ask("PUT", "users/bob/consent", json={"experiments": False, "profiling": False})
    for user in ("ann", "bob"):
        house.logs_in(user, "g")
        consent = house.shop.consent.get(house.named(user))
        assert (consent.profiling, consent.experiments) == (user == "ann", False)
    house.logs_in("bob", "g2")
    assert not house.shop.consent.get(house.named("bob")).experiments, "who agreed takes nothing back"


def test_a_guest_who_is_erased_is_nobodys(house: House) -> None:
    house.does(event("g", "tea", -9.0))
    house.logs_in("ann", "g")
    assert house.ask("DELETE", "users/g")["removed"]["guests"] == 1
    assert house.shop.guests.of_person(house.named("ann")) == []
    assert house.named("g").encode() not in (house.folder / "shop.db").read_bytes()
    assert [item for item, _ in house.history("ann")] == ["tea"]


def test_what_the_next_person_was_shown_stays(house: House) -> None:
    house.does(event("g", "tea", -9.0))
    house.logs_in("ann", "g")
    old = event("g", "tea", 0.0, "none at all")
    house.does(old)  # Comes late, and is refused before anybody asks whose it is.
    assert kept(house, "g")["dead-letters"] == 1
    house.clock.advance(10.0)
    house.shown("g")
    house.does(event("g", "tea", 5.0, "none"))
    house.ask("DELETE", "users/ann")
    assert (kept(house, "g")["impressions"], kept(house, "g")["dead-letters"]) == (1, 1)
    (letter,) = house.shop.dead_letters.export_person(house.named("g"))
    assert letter["timestamp"] == NOW + 10.0


def test_the_same_login_again_is_one_row(house: House) -> None:
    house.does(event("g", "honey", -5.0))
    for _ in range(3):
        house.clock.advance(10.0)
        house.logs_in("ann", "g")
    ann = house.named("ann")
    assert house.shop.guests.of_person(ann) == [(house.named("g"), NOW + 30.0)]
    house.does(event("g", "tea", 5.0), event("g", "milk", 25.0))
    assert len(house.history("ann")) == 3
    for user in ("bob", "ann"):
        house.clock.advance(10.0)
        house.logs_in(user, "g")
    assert [until for _, until in house.shop.guests.of_person(ann)] == [NOW + 30.0, NOW + 50.0]


def test_a_login_that_breaks_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    guest_and_person(house, "g", "ann")
    before = house.shown("ann"), house.shown("g"), house.history("g")

    def full(*_: object) -> int:
        raise StorageError("the disk is full")

    monkeypatch.setattr("penchant.adapters.sqlite.guests.join_letters", full)
    answer = house.client.post("/v1/users/ann/guests", json={"guest_id": "g"})
    assert answer.status_code == 503
    assert (house.shown("ann"), house.shown("g"), house.history("g")) == before
    monkeypatch.undo()
    house.does(event("g", "bread", -1.0))
    assert house.logs_in("ann", "g")["events"] == 4


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"guest_id": ""},
        {"guest_id": 7},
        {"guest_id": "a\n"},
        {"guest_id": "ann"},
        {"guest_id": "g", "x": 1},
        [1],
    ],
)
def test_what_names_no_guest_is_refused(house: House, body: object) -> None:
    answer = house.client.post("/v1/users/ann/guests", json=body)
    assert answer.status_code == 400
    assert "guest_id" in answer.json()["error"]["message"]


def test_rows_are_whole_after_it(house: House) -> None:
    """Checksums are of the person's number; the index of people too."""
    guest_and_person(house, "g", "ann")
    house.logs_in("ann", "g")
    log = house.shop.log
    assert len(log.follow(0, 10_000)) == log.count()
    assert {one.event.user_id for one in log.of_user(house.named("ann"))} == {house.named("ann")}
    database = Database(house.folder / "shop.db", writer=False)
    assert database.read("PRAGMA integrity_check") == [("ok",)]
    assert database.read(
        "SELECT count(*) FROM events LEFT JOIN people USING (person) WHERE pseudonym IS NULL"
    ) == [(0,)]
    database.close()
