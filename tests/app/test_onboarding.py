"""Somebody new is asked a few questions over HTTP, and the next list follows the answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serve import shops

from penchant.app.shop import init_shop

NOW = 1_800_000_000.0
KINDS = ["milk", "books", "games"]


def records() -> list[dict]:
    """All buy milk, half of them books, a fifth games; twelve things of each. The tenth is a guest."""
    found = []
    for n in range(40):
        kinds = [0] + [1] * (n % 2) + [2] * (n % 5 == 0)
        for kind in kinds:
            for step in range(4):
                item = f"{KINDS[kind]}-{(5 * n + step * (1 + n % 2)) % 12}"
                at = NOW - 86_400.0 * (40 - n) / 10 + 60 * step
                event = {"user_id": f"p{n}", "item_id": item, "type": "purchase", "timestamp": at}
                found.append(event | {"guest": n == 9})
    return found


class House(shops.House):
    def questions(self, user: str = "", n: int = 5) -> list[str]:
        more = f"&user_id={user}" if user else ""
        return [one["category"] for one in self.ask("GET", f"onboarding?n={n}{more}")["questions"]]

    def says(self, user: str, item: str, likes: bool) -> dict:
        return self.ask("POST", "onboarding", json={"user_id": user, "item_id": item, "likes": likes})

    def books(self, user: str) -> int:
        """How far up books are in a list of everything."""
        items = self.ask("GET", f"users/{user}/recommendations?n=36")["items"]
        return sum(36 - one["position"] for one in items if one["item_id"].startswith("books"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    init_shop(tmp_path / "shop", name="Corner")
    found = House(tmp_path / "shop", NOW)
    items = [
        {"item_id": f"{kind}-{n}", "title": f"{kind} {n}", "category": kind}
        for kind in KINDS
        for n in range(12)
    ]
    found.ask("PUT", "items", json={"items": items})
    found.ask("POST", "events", json={"events": records()})
    found.again()
    yield found
    found.serving.close()


def test_the_next_question_and_the_next_list_follow_the_answers(house: House) -> None:
    assert house.questions() == house.questions("new") == ["books", "games", "milk"]
    before = house.books("new")
    told = house.says("new", "books-1", likes=True)
    assert (told["answered"], [one["category"] for one in told["questions"]]) == (1, ["games"])
    assert house.questions("new") == ["games", "milk"]
    assert house.books("new") > before
    house.says("other", "books-1", likes=False)
    assert house.books("other") < before
    assert house.books("stranger") == before
    house.again()
    assert house.questions("new") == ["games", "milk"]
    assert house.books("new") > before > house.books("other")
    house.clock.advance(60.0)
    house.says("new", "books-1", likes=False)
    assert house.books("new") < before, "the newest answer about an item counts"


def test_answers_are_the_persons_own_events(house: House) -> None:
    viewed = {"user_id": "guest", "item_id": "milk-1", "type": "view", "timestamp": NOW - 9.0, "guest": True}
    house.ask("POST", "events", json={"events": [viewed]})
    house.ask("POST", "users/first/guests", json={"guest_id": "guest"})
    house.clock.advance(1.0)
    before = house.books("new")
    house.says("guest", "books-1", likes=True)
    (event,) = house.ask("GET", "users/guest/taste")["recent"]
    assert (event["type"], event["item_id"]) == ("message", "books-1")
    house.ask("PATCH", "users/guest/taste", json={"forget": [event["event_id"]]})
    assert house.books("guest") == before
    house.ask("PATCH", "users/guest/taste", json={"remember": [event["event_id"]]})
    house.ask("POST", "users/new/guests", json={"guest_id": "guest"})
    assert house.books("new") > before == house.books("guest")
    house.ask("PUT", "users/new/consent", json={"profiling": False})
    assert house.books("new") == before
    assert house.questions("new") == house.questions()
    house.ask("PUT", "users/new/consent", json={"profiling": True})
    assert house.books("new") > before
    house.ask("DELETE", "users/new")
    house.clock.advance(60.0)
    assert house.books("new") == before
    assert len(house.questions("new")) == 3


def test_who_opts_out_or_is_erased_is_no_example_for_others(house: House) -> None:
    crowd = house.serving.engine.answered.crowd
    assert len(crowd) == 40
    house.ask("PUT", "users/p1/consent", json={"profiling": False})
    house.ask("DELETE", "users/p3")
    assert len(crowd) == 38
    house.again()
    assert len(house.serving.engine.answered.crowd) == 38


def test_who_logs_in_or_corrects_stays_an_example_and_a_guest_is_one_no_more(house: House) -> None:
    crowd = house.serving.engine.answered.crowd
    wish = {"kind": "item", "name": "milk-1", "weight": "never"}
    house.ask("PATCH", "users/p1/taste", json={"corrections": [wish]})
    event = {"user_id": "p3", "item_id": "milk-1", "type": "view", "timestamp": NOW}
    house.ask("POST", "events", json={"events": [event]})
    house.ask("PATCH", "users/p3/taste", json={"present": True})
    house.ask("POST", "users/p5/guests", json={"guest_id": "somebody"})
    assert len(crowd) == 40
    house.ask("POST", "users/p7/guests", json={"guest_id": "p9"})
    assert len(crowd) == 39
    house.ask("DELETE", "users/p7")
    assert len(crowd) == 38


def test_who_opted_out_is_asked_something_else_after_each_answer(house: House) -> None:
    house.ask("PUT", "users/new/consent", json={"profiling": False})
    told = house.says("new", "books-1", likes=True)
    assert (told["answered"], [one["category"] for one in told["questions"]]) == (0, ["games"])
    past = "exclude=books-1&exclude=games-3&exclude=unknown"
    left = house.ask("GET", f"onboarding?user_id=new&{past}")["questions"]
    assert [one["category"] for one in left] == ["milk"]
    assert house.client.get("/v1/onboarding?" + "exclude=a&" * 201).status_code == 422


def test_what_somebody_never_wants_to_see_is_not_asked(house: House) -> None:
    wish = {"kind": "category", "name": "books", "weight": "never"}
    house.ask("PATCH", "users/new/taste", json={"corrections": [wish]})
    assert house.questions("new") == ["games", "milk"]
    assert house.questions() == ["books", "games", "milk"]


def test_a_list_reads_the_log_for_answers_once_until_there_is_a_new_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.says("new", "books-1", likes=True)
    before, read = house.books("new"), list[str]()
    log = house.serving.shop.log
    of_user = log.of_user
    monkeypatch.setattr(log, "of_user", lambda person: read.append(person) or of_user(person))
    event = {"user_id": "new", "item_id": "milk-1", "type": "view", "timestamp": NOW}
    house.ask("POST", "events", json={"events": [event]})
    assert house.books("new") == before
    assert read == []
    house.clock.advance(60.0)
    house.says("new", "books-1", likes=False)
    assert house.books("new") < before
    assert len(read) == 1


def test_what_may_not_be_shown_is_not_asked(house: House) -> None:
    (first,) = house.ask("GET", "onboarding?n=1")["questions"]
    house.ask(
        "PUT",
        "items",
        json={"items": [{"item_id": first["item_id"], "category": "books", "available": False}]},
    )
    (other,) = house.ask("GET", "onboarding?n=1")["questions"]
    assert other["category"] == "books"
    assert other["item_id"] != first["item_id"]
    house.ask("DELETE", "items", json={"item_ids": [f"books-{n}" for n in range(12)]})
    assert house.questions() == ["games", "milk"]


def test_a_list_is_answered_whatever_is_wrong_with_the_answers(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = house.books("new")
    house.says("new", "books-1", likes=True)
    monkeypatch.setattr(house.serving.engine.answered.crowd, "scores", lambda *_: 1 / 0)
    assert house.books("new") == before


GOOD = {"user_id": "u", "item_id": "books-1", "likes": True}


WRONG = [{"likes": 1}, {"likes": None}, {"item_id": 3}, {"user_id": ""}, {"user_id": "a\nb"}, {"more": 1}]


@pytest.mark.parametrize("change", WRONG)
def test_what_is_no_answer_is_refused(house: House, change: dict) -> None:
    answer = house.client.post("/v1/onboarding", json=GOOD | change)
    assert answer.status_code == 400
    assert house.client.post("/v1/onboarding", json=[GOOD]).status_code == 400
    assert house.client.post("/v1/onboarding", json=GOOD | {"item_id": "no such"}).status_code == 404
    assert house.client.get("/v1/onboarding?n=0").status_code == 400


def test_a_shop_without_events_asks_nothing_and_does_not_fail(tmp_path: Path) -> None:
    init_shop(tmp_path / "shop", name="Empty")
    house = House(tmp_path / "shop", NOW)
    try:
        house.ask("PUT", "items", json={"items": [{"item_id": "a", "title": "a", "category": "books"}]})
        assert house.questions() == []
        house.says("new", "a", likes=True)
        assert [one["item_id"] for one in house.ask("GET", "users/new/recommendations")["items"]] == ["a"]
    finally:
        house.serving.close()
