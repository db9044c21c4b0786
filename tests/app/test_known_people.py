"""What a shop knows of its people, from the table to the lists: here a country decides what is bought."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.app.commands import copy_of
from tests.serve.shops import behind_the_door

from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_in
from penchant.app.work import Material, compare, keep_model, material, train_model
from penchant.evaluate.run import Plan
from penchant.evaluate.summary import Sampling
from penchant.model.scoring import PreferenceModel
from penchant.testing.fakes import FakeTextEncoder

ITEMS = 20
OLD, NEW, ORDERS = 360, 60, 5
START, DAY = 1_700_000_000, 86_400
CUT = START + 100 * DAY
SETTINGS = """
[train]
dim = 16
layers = 1
dropout = 0.0
dropout_long = 0.0
lr = 0.01
max_epochs = 6
batch = 64
memory = 8
text_dim = 8
threads = 1
"""


def told(what: str, share: float) -> None:
    """Nobody listens."""


def silent(progress: object) -> None:
    """Nobody listens."""


def country(person: int) -> str:
    return "AB"[person % 2]


def bought_in(where: str) -> set[str]:
    return {f"i{n}" for n in range(ITEMS) if country(n) == where}


def events(draw: random.Random) -> Iterator[str]:
    """Those of the first hundred days, and the first order of everybody who is new after them."""
    for person in range(OLD + NEW):
        mine = draw.sample(range(person % 2, ITEMS, 2), ORDERS)
        first, orders = (START, ORDERS) if person < OLD else (CUT, 1)
        for place, item in enumerate(mine[:orders]):
            at = first + place * 15 * DAY + draw.randrange(10 * DAY)
            yield f"u{person},i{item},purchase,{at}"


def write(path: Path, head: str, lines: Iterator[str]) -> Path:
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class World:
    folder: Path
    given: Material
    model: PreferenceModel


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Imported, and trained on the time before ``CUT``."""
    base = tmp_path_factory.mktemp("known")
    init_shop(base / "shop", more=SETTINGS)
    items = write(base / "items.csv", "item_id,title", (f"i{n},thing {n}" for n in range(ITEMS)))
    done = write(base / "events.csv", "user_id,item_id,type,timestamp", events(random.Random(0)))
    # Two more, of whom there is no event. What only a few have tells nothing of anybody.
    people = (f"u{n},{country(n)}" for n in range(OLD + NEW + 2))
    users = write(base / "users.csv", "user_id,country", people)
    with Shop(base / "shop", writer=True, encoder=FakeTextEncoder()) as shop:
        take_in(shop, [items, done], told)
        take_in(shop, [users], told, table="users")
        given = material(shop, told)
        model = train_model(shop, given, silent, until=CUT)
        keep_model(shop, model, given, {})
    return World(base / "shop", given, model)


def test_training_and_comparison_know_the_people(world: World, tmp_path: Path) -> None:
    """Before the first order only the country tells what it will be."""
    assert world.model.vocabulary.words == ["country=A", "country=B"]
    plan = Plan(cut=CUT, sampling=Sampling(draws=20))
    with Shop(copy_of(world.folder, tmp_path / "shop"), writer=False, encoder=FakeTextEncoder()) as shop:
        found = compare(shop, world.given, plan, told, trained=world.model).models
    assert found["recurrent"]["hit@10"].value > 0.9
    assert found["popular"]["hit@10"].value < 0.7


Served = tuple[TestClient, Serving]

ANNA, BEN = f"u{OLD + NEW}", f"u{OLD + NEW + 1}"
"""Strangers by history, of countries A and B."""


@pytest.fixture
def served(world: World, tmp_path: Path) -> Iterator[Served]:
    client, serving = behind_the_door(copy_of(world.folder, tmp_path / "shop"))
    yield client, serving
    serving.close()


def shown(client: TestClient, user: str) -> dict[str, Any]:
    answer = client.get(f"/v1/users/{user}/recommendations", params={"n": 5})
    assert answer.status_code == 200
    return answer.json()


def names(list_: dict[str, Any]) -> set[str]:
    return {item["item_id"] for item in list_["items"]}


def put(client: TestClient, user: str, **attributes: str) -> None:
    assert client.put(f"/v1/users/{user}/attributes", json=attributes).status_code == 200


def popular(client: TestClient) -> set[str]:
    return names(shown(client, "nobody"))


def test_strangers_get_the_lists_of_their_countries(served: Served) -> None:
    client, _ = served
    anna, ben = shown(client, ANNA), shown(client, BEN)
    assert names(anna) <= bought_in("A")
    assert names(ben) <= bought_in("B")
    assert {item["reason"]["kind"] for item in anna["items"]} == {"about-you"}
    assert {item["reason"]["kind"] for item in shown(client, "nobody")["items"]} == {"popular"}
    searched = [client.get("/v1/search", params={"q": "thing", "user_id": u}).json() for u in (ANNA, BEN)]
    assert searched[0]["items"] != searched[1]["items"]


def test_a_change_holds_from_the_next_list_on(served: Served) -> None:
    client, _ = served
    assert names(shown(client, ANNA)) <= bought_in("A")
    put(client, ANNA, country="B")
    assert names(shown(client, ANNA)) <= bought_in("B")
    put(client, ANNA, country="Nowhere")
    assert names(shown(client, ANNA)) == popular(client)
    put(client, ANNA)
    assert names(shown(client, ANNA)) == popular(client)
    put(client, "nobody", country="A")
    assert names(shown(client, "nobody")) <= bought_in("A")


def test_somebody_with_a_history_is_followed_too(served: Served) -> None:
    """The scores of one state, in memory and read anew, move by what is known."""
    client, serving = served
    person = serving.shop.pseudonymizer.pseudonym("u0")
    before = shown(client, "u0")
    tracker = serving.recommender.tracker
    assert tracker is not None
    put(client, "u0", country="B")
    after = shown(client, "u0")
    assert [item["score"] for item in after["items"]] != [item["score"] for item in before["items"]]
    tracker.forget(person)
    read = shown(client, "u0")
    assert [item["item_id"] for item in read["items"]] == [item["item_id"] for item in after["items"]]


def test_opting_out_and_erasure_take_it_away(served: Served) -> None:
    client, serving = served
    stranger = popular(client)
    assert names(shown(client, ANNA)) <= bought_in("A")
    client.put(f"/v1/users/{ANNA}/consent", json={"profiling": False})
    assert names(shown(client, ANNA)) == stranger
    client.put(f"/v1/users/{ANNA}/consent", json={"profiling": True})
    assert names(shown(client, ANNA)) <= bought_in("A")
    assert client.delete(f"/v1/users/{ANNA}").json()["removed"]["attributes"] == 1
    assert names(shown(client, ANNA)) == stranger
    tracker = serving.recommender.tracker
    assert tracker is not None
    assert tracker.read(serving.shop.pseudonymizer.pseudonym(ANNA)) is None
