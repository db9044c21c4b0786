"""What people whom somebody follows took, over HTTP: at once after events, choices, erasure and logins."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.recommend.test_social import Planted
from tests.serve.shops import House, make_shop

from penchant.app import work
from penchant.app.circles import past_followed
from penchant.model.histories import histories_of
from penchant.model.trend import LiveTrend
from penchant.recommend.ranking.ranker import Desk, Ranker
from penchant.recommend.ranking.serving import Ranking
from penchant.recommend.sources.choose import BUDGETS, sources
from penchant.recommend.sources.facts import Facts

NOW = 1_767_700_000.0
DAY = 86_400.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Iterator[House]:
    shutil.copytree(made, tmp_path / "shop")
    house = House(tmp_path / "shop", NOW)
    plant(house)
    happens(house, "anna", items(house)[0], type="view")
    yield house
    house.serving.close()


def plant(house: House) -> None:
    """A ranker that goes by this source alone."""
    count = len(house.serving.shop.ids)
    facts = Facts.of(histories_of([[0]]), count, NOW)
    desk = Desk(facts, sources(tuple(BUDGETS), facts))
    ranking = Ranking(Ranker(desk, Planted(desk, 1e6)), LiveTrend())
    house.serving.engine.recommender.personal.rank(ranking)


def items(house: House) -> list[str]:
    view = house.serving.shop.catalog.view()
    return [view.ids[row] for row in range(len(view)) if view.available[row]]


def happens(house: House, user: str, item: str, **more: Any) -> str:
    event = {"user_id": user, "type": "purchase", "timestamp": house.clock() - 60, "item_id": item}
    event |= {"event_id": f"{user}-{item}-{more.get('type', 'purchase')}"} | more
    answer = house.client.post("/v1/events", json={"events": [event]})
    assert answer.json()["accepted"] == 1, answer.text
    return str(event["event_id"])


def first(house: House, user: str = "anna") -> str:
    """The first item, where it is there because of this source; else nothing."""
    shown = house.ask("GET", f"users/{user}/recommendations?n=50")
    assert not shown["fallback"]
    top = shown["items"][0]
    return top["item_id"] if top["score"] > 1e4 else ""


def befriend(house: House, user: str = "anna", *others: str) -> None:
    followed = list(others or ("ben", "zoe"))
    assert house.ask("PUT", f"users/{user}/follows", json={"follows": followed})["follows"] == len(followed)


def both_buy(house: House) -> str:
    item = items(house)[-1]
    happens(house, "ben", item)
    happens(house, "zoe", item)
    return item


def test_what_two_of_them_bought_is_there_at_once_and_what_one_bought_is_not(house: House) -> None:
    befriend(house)
    item, other = items(house)[-1], items(house)[-2]
    happens(house, "ben", item)
    assert first(house) == ""
    happens(house, "ben", item, event_id="twice", timestamp=NOW - 5)
    assert first(house) == "", "one person who bought it twice is one"
    happens(house, "zoe", item, type="view")
    assert first(house) == "", "a view is no purchase"
    happens(house, "zoe", item, type="cart")
    assert first(house) == item
    happens(house, "ben", other, type="rating", value=2, event_id="bad")
    happens(house, "zoe", other, type="rating", value=5)
    assert first(house) == item, "ben did not like it"
    assert first(house, "ben") == "", "he follows nobody"
    house.again()
    plant(house)
    assert first(house) == item


def test_who_is_followed_no_more_is_told_of_no_more(house: House) -> None:
    item = both_buy(house)
    assert first(house) == ""
    befriend(house)
    assert first(house) == item
    befriend(house, "anna", "ben")
    assert first(house) == ""
    befriend(house, "anna", "ben", "zoe", "mia")
    assert first(house) == item
    assert house.ask("PUT", "users/anna/follows", json={"follows": []})["changed"] == 3
    assert first(house) == ""


@pytest.mark.parametrize("who", ["ben", "anna"])
def test_an_opt_out_holds_at_once_of_either_side_and_can_be_taken_back(house: House, who: str) -> None:
    befriend(house)
    item = both_buy(house)
    assert first(house) == item
    house.ask("PUT", f"users/{who}/consent", json={"profiling": False})
    shown = house.ask("GET", "users/anna/recommendations?n=50")["items"]
    assert max(one["score"] for one in shown) < 1e4
    assert "followed" not in {one["reason"]["kind"] for one in shown}
    house.ask("PUT", f"users/{who}/consent", json={"profiling": True})
    assert first(house) == item


def test_an_erasure_holds_at_once_and_the_export_tells_whom_one_follows(house: House) -> None:
    befriend(house)
    befriend(house, "ben", "anna")
    item = both_buy(house)
    assert first(house) == item
    zoe, ben = house.serving.shop.pseudonymizer.pseudonyms(["zoe", "ben"])
    held = house.ask("GET", "users/anna/export")["held"]["follows"]
    assert held == [{"follows": zoe}, {"follows": ben}]
    assert house.ask("GET", "users/zoe/export")["held"]["follows"] == []
    assert house.ask("DELETE", "users/zoe")["removed"]["follows"] == 1
    assert first(house) == ""
    # Zoe comes back, and nobody follows her any more.
    house.clock.advance(60)
    happens(house, "zoe", item, event_id="again", timestamp=house.clock() - 1)
    assert first(house) == ""


def test_what_its_owner_forgets_or_buys_as_a_present_is_not_told(house: House) -> None:
    befriend(house)
    item = items(house)[-1]
    happens(house, "ben", item)
    event = happens(house, "zoe", item)
    assert first(house) == item
    house.ask("PATCH", "users/zoe/taste", json={"forget": [event]})
    assert first(house) == ""
    house.ask("PATCH", "users/zoe/taste", json={"remember": [event]})
    assert first(house) == item


def test_a_guest_who_logs_in_takes_along_whom_they_follow(house: House) -> None:
    item = both_buy(house)
    befriend(house, "guest-1")
    happens(house, "guest-1", items(house)[0], type="view", session_id="guest-1")
    assert first(house, "guest-1") == item
    assert house.ask("POST", "users/anna/guests", json={"guest_id": "guest-1"})["joined"]
    assert first(house, "anna") == item


@pytest.mark.parametrize(
    "body",
    [{"follows": "ben"}, {"follows": ["anna"]}, {"follows": [""]}, {"follows": [7.5, {}]}, ["ben"], {}],
)
def test_a_wrong_list_is_refused_whole_and_names_nobody(house: House, body: Any) -> None:
    befriend(house)
    answer = house.client.put("/v1/users/anna/follows", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid-input")
    assert len(house.serving.shop.follows.all()) == 2


def test_a_ranker_learns_from_the_same_as_it_is_told_when_it_serves(house: House) -> None:
    befriend(house)
    both_buy(house)
    happens(house, "ben", items(house)[-2], type="cart")
    happens(house, "zoe", items(house)[-2], type="rating", value=5)
    house.ask("PUT", "users/mia/consent", json={"profiling": False})
    shop = house.serving.shop
    anna = shop.pseudonymizer.pseudonym("anna")
    served = house.serving.engine.tables.circles.of(anna, NOW)
    data = work.material(shop, lambda what, share: None).data
    learned = past_followed(shop, data).at(data.people.index(anna), NOW)
    assert served.rows.tolist() == learned.rows.tolist()
    assert len(served.rows) == 2
    np.testing.assert_allclose(served.strength, learned.strength)
