"""Offers of a person: the route, the lists, consent, erasure, rules; over HTTP."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.recommend.ruled import row
from tests.serve.shops import House, make_shop

from penchant.recommend.rules.document import document_of

NOW = 1_767_700_000.0
DAY = 86_400.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Iterator[House]:
    shutil.copytree(made, tmp_path / "shop")
    house = House(tmp_path / "shop", NOW)
    yield house
    house.serving.close()


def items(house: House) -> list[str]:
    view = house.serving.shop.catalog.view()
    return [view.ids[row] for row in range(len(view)) if view.available[row]]


def offer(item: str, **more: Any) -> dict[str, Any]:
    plain = {
        "offer_id": "o1",
        "campaign_id": "spring",
        "starts": NOW - DAY,
        "ends": NOW + DAY,
        "discount": 0.2,
    }
    return plain | {"item_id": item} | more


def told(user: str, **more: Any) -> dict[str, Any]:
    return {"user_id": user, "campaign_id": "spring", "timestamp": NOW - DAY} | more


def put(house: House, table: str, *rows: dict[str, Any]) -> dict[str, Any]:
    return house.ask("PUT", table, json={table: list(rows)})


def listed(house: House, user: str) -> dict[str, Any]:
    found = house.ask("GET", f"users/{user}/recommendations?n=50")["items"]
    return {one["item_id"]: one["offer"] for one in found if "offer" in one}


def campaigns(house: House, user: str) -> list[dict[str, Any]]:
    return house.ask("GET", f"users/{user}/campaigns")["campaigns"]


def test_who_was_told_sees_the_offer_and_nobody_else_does(house: House) -> None:
    first, second, *_ = items(house)
    assert (listed(house, "anna"), campaigns(house, "anna")) == ({}, [])
    assert put(house, "offers", offer(first), offer(second, discount=None))["changed"] == 2
    put(house, "exposures", told("anna"), told("ben", held_out=True), told("ben", timestamp=NOW - 2 * DAY))
    made = {"offer_id": "o1", "campaign_id": "spring"}
    expected = {first: made | {"discount": 0.2}, second: made}
    assert {item: one for item, one in expected.items() if item in listed(house, "anna")} == listed(
        house, "anna"
    )
    assert listed(house, "anna")
    assert (listed(house, "ben"), listed(house, "stranger")) == ({}, {})
    (campaign,) = campaigns(house, "anna")
    assert (campaign["campaign_id"], campaign["since"]) == ("spring", NOW - DAY)
    (one,) = campaign["offers"]
    assert (sorted(one["items"]), one["items_in_all"]) == (sorted([first, second]), 2)
    assert campaigns(house, "ben") == []


def test_the_log_keeps_what_was_offered(house: House) -> None:
    put(house, "offers", *(offer(item) for item in items(house)))
    put(house, "exposures", told("anna"))
    shown = house.ask("GET", "users/anna/recommendations")
    house.serving.engine.writer.flush(5)
    kept = house.serving.shop.impressions.get(shown["recommendation_id"])
    assert kept is not None
    assert [one.offer is not None and one.offer.offer_id for one in kept.items] == ["o1"] * len(kept.items)


def test_an_offer_holds_within_its_time_only_and_the_best_one_is_told(house: House) -> None:
    every = items(house)
    put(house, "offers", *(offer(item) for item in every))
    put(
        house,
        "offers",
        *(offer(item, offer_id="o2", discount=0.5, starts=NOW + 5, ends=NOW + 10) for item in every),
    )
    put(house, "exposures", told("anna", timestamp=NOW))
    for seconds, expected in ((0, {"o1"}), (5, {"o2"}), (5, {"o1"}), (2 * DAY, set())):
        house.clock.advance(seconds)
        assert {one["offer_id"] for one in listed(house, "anna").values()} == expected
        assert bool(campaigns(house, "anna")) is bool(expected)


def test_who_opts_out_is_shown_no_offer_and_is_again_when_they_opt_in(house: House) -> None:
    put(house, "offers", *(offer(item) for item in items(house)))
    put(house, "exposures", told("anna"))
    assert listed(house, "anna")
    house.ask("PUT", "users/anna/consent", json={"profiling": False})
    assert (listed(house, "anna"), campaigns(house, "anna")) == ({}, [])
    house.ask("PUT", "users/anna/consent", json={"profiling": True})
    assert listed(house, "anna")
    assert campaigns(house, "anna")


def test_who_is_erased_is_told_of_nothing(house: House) -> None:
    put(house, "offers", *(offer(item) for item in items(house)))
    put(house, "exposures", told("anna"))
    assert listed(house, "anna")
    held = house.ask("GET", "users/anna/export")["held"]["exposures"]
    assert held == [{"campaign_id": "spring", "timestamp": NOW - DAY, "held_out": False}]
    assert house.ask("DELETE", "users/anna")["removed"]["exposures"] == 1
    assert (listed(house, "anna"), campaigns(house, "anna")) == ({}, [])
    assert put(house, "exposures", told("anna")) == {"received": 1, "changed": 0, "erased": 1}


def test_what_may_not_be_shown_is_not_offered(house: House) -> None:
    first, second, *_ = items(house)
    put(house, "offers", offer(first), offer(second))
    put(house, "exposures", told("anna"))
    kept = house.serving.shop.items.get(second)
    assert kept is not None
    record = {"item_id": second, "title": kept.title, "category": kept.category, "available": False}
    house.ask("PUT", "items", json={"items": [record]})
    assert campaigns(house, "anna")[0]["offers"][0]["items"] == [first]
    hidden = row("none", "exclude", **{"items": f'"{first}"'})
    document = msgspec.json.decode(document_of([hidden]))
    house.ask("PUT", "rules", json={"document": document})
    assert campaigns(house, "anna") == []


def test_what_a_person_never_wants_to_see_is_not_offered_to_them(house: House) -> None:
    first, second, *_ = items(house)
    put(house, "offers", offer(first), offer(second))
    put(house, "exposures", told("anna"), told("ben"))
    wish = {"kind": "item", "name": first, "weight": "never"}
    house.ask("PATCH", "users/anna/taste", json={"corrections": [wish]})
    assert campaigns(house, "anna")[0]["offers"][0]["items"] == [second]
    assert campaigns(house, "ben")[0]["offers"][0]["items_in_all"] == 2
    house.ask("PATCH", "users/anna/taste", json={"corrections": [wish, {**wish, "name": second}]})
    assert campaigns(house, "anna") == []


def test_a_request_with_a_bad_row_writes_nothing(house: House) -> None:
    answer = house.client.put("/v1/offers", json={"offers": [offer("tea"), offer("cup", ends=NOW - 9 * DAY)]})
    assert answer.status_code == 400
    assert "record 1: ends is not after starts" in answer.json()["error"]["message"]
    assert house.serving.shop.offers.all() == []
    assert house.client.put("/v1/stock", json={"offers": []}).status_code == 400
    key = house.serving.shop.keys.create(["events"], 0.0)
    answer = house.client.put("/v1/stock", json={"stock": []}, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 403


def test_no_offers_no_question_and_a_list_in_the_loop_asks_no_disk(house: House) -> None:
    shop, engine = house.serving.shop, house.serving.engine
    anna = shop.pseudonymizer.pseudonym("anna")
    asked = list[str]()
    read = shop.exposures.of_person
    shop.exposures.of_person = lambda person: (asked.append(person), read(person))[1]  # type: ignore[method-assign]
    listed(house, "anna")
    assert not asked
    put(house, "offers", offer(items(house)[0]))
    listed(house, "anna")
    assert engine.recommender.at_hand(anna, shop.log.is_short)
    listed(house, "anna")
    assert asked == [anna]
    engine.tables.offers.forget(anna)
    assert not engine.recommender.at_hand(anna, shop.log.is_short)


def test_exposures_that_cannot_be_read_cost_no_list(house: House) -> None:
    put(house, "offers", *(offer(item) for item in items(house)))
    put(house, "exposures", told("anna"))

    def broken(person: str) -> Any:
        raise RuntimeError("the disk")

    house.serving.shop.exposures.of_person = broken  # type: ignore[method-assign]
    assert house.ask("GET", "users/anna/recommendations")["items"]
    assert listed(house, "anna") == {}


def test_of_two_threads_that_read_what_is_new_the_later_one_holds(house: House) -> None:
    shop, tables = house.serving.shop, house.serving.engine.tables
    first, second, *_ = items(house)
    door, read = shop.tables()["offers"], shop.offers.unended
    reading, go_on = threading.Event(), threading.Event()

    def slow(now: float) -> Any:
        found = read(now)
        shop.offers.unended = read  # type: ignore[method-assign]
        reading.set()
        assert go_on.wait(10)
        return found

    shop.offers.unended = slow  # type: ignore[method-assign]
    door.put([offer(first)])
    threads = [threading.Thread(target=tables.follow) for _ in range(2)]
    threads[0].start()
    assert reading.wait(10)
    door.put([offer(second)])
    threads[1].start()
    threads[1].join(0.2)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert tables.offers._book.campaigns["spring"].keys() == {first, second}
    assert tables.offers._versions[0] == shop.offers.version()
