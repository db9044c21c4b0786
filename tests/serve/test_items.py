"""Items that change while the shop serves: the model reads them as a restart would."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from penchant.app.serving import Serving

sys.path.insert(0, str(Path(__file__).parent))
import shops


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shops.make_shop(tmp_path_factory.mktemp("made") / "shop")


@pytest.fixture
def served(made: Path) -> Iterator[tuple[TestClient, Serving]]:
    client, serving = shops.behind_the_door(made)
    yield client, serving
    serving.close()


def vectors(serving: Serving) -> np.ndarray:
    tracker = serving.recommender.tracker
    assert tracker is not None
    return tracker.model.vectors()


def after_a_restart(serving: Serving) -> np.ndarray:
    tracker = serving.recommender.tracker
    assert tracker is not None
    return serving._engine.current.load(tracker.snapshot).vectors()


def put(client: TestClient, **item: object) -> None:
    answer = client.put("/v1/items", json={"items": [item]})
    assert answer.json()["changed"] == 1, answer.text


def test_a_changed_text_is_read_anew_and_nothing_else_moves(served: tuple[TestClient, Serving]) -> None:
    client, serving = served
    before, row = vectors(serving), int(serving.shop.ids.rows(["honey"])[0])
    client.get("/v1/users/anna/recommendations")
    states = serving.readiness()["states"]
    assert states == 1
    put(client, item_id="honey", title="Running shoes, size 44", category="Sports > Shoes")
    now = vectors(serving)
    assert not np.allclose(before[row], now[row])
    others = np.arange(len(before)) != row
    np.testing.assert_array_equal(before[others], now[others])
    np.testing.assert_allclose(now, after_a_restart(serving), atol=1e-6)
    assert serving.readiness()["states"] == 0, "states of the old text must not meet the new one"


def test_a_changed_price_touches_neither_model_nor_states(served: tuple[TestClient, Serving]) -> None:
    client, serving = served
    put(client, item_id="tea", title="Tea", price=3.0)
    client.get("/v1/users/anna/recommendations")
    before = vectors(serving)
    put(client, item_id="tea", title="Tea", price=4.0)
    assert vectors(serving) is before
    assert serving.readiness()["states"] == 1


def test_an_item_that_left_and_comes_back_as_it_was_touches_neither_model_nor_states(
    served: tuple[TestClient, Serving],
) -> None:
    client, serving = served
    put(client, item_id="tea", title="Tea")
    before = vectors(serving)
    assert client.request("DELETE", "/v1/items", json={"item_ids": ["tea"]}).json()["deleted"] == 1
    put(client, item_id="rice", title="Rice")  # The catalogue is read while the item is not there.
    client.get("/v1/users/anna/recommendations")
    put(client, item_id="tea", title="Tea")
    np.testing.assert_allclose(vectors(serving)[: len(before)], before, atol=1e-7)  # Rows are added.
    assert serving.readiness()["states"] == 1
    assert client.request("DELETE", "/v1/items", json={"item_ids": ["tea"]}).json()["deleted"] == 1
    put(client, item_id="tea", title="Running shoes, size 44")
    row = int(serving.shop.ids.rows(["tea"])[0])
    np.testing.assert_allclose(vectors(serving)[row], after_a_restart(serving)[row], atol=1e-6)
    assert serving.readiness()["states"] == 0


def test_an_item_that_was_bought_before_it_was_listed_gets_its_text(
    served: tuple[TestClient, Serving],
) -> None:
    client, serving = served
    bought = {"user_id": "eve", "item_id": "jam", "type": "purchase", "timestamp": 1_769_100_000}
    assert client.post("/v1/events", json={"events": [bought]}).json()["accepted"] == 1
    put(client, item_id="nuts", title="Nuts")
    put(client, item_id="jam", title="Strawberry jam")
    np.testing.assert_allclose(vectors(serving), after_a_restart(serving), atol=1e-6)
    row = int(serving.shop.ids.rows(["jam"])[0])
    assert not np.allclose(vectors(serving)[row], 0)


def test_a_new_snapshot_serves_with_the_newest_texts(served: tuple[TestClient, Serving]) -> None:
    client, serving = served
    tracker = serving.recommender.tracker
    assert tracker is not None
    old = tracker.snapshot
    serving._engine._stop.set()
    serving._engine._watcher.join()  # or it would be first
    shops.train(serving.shop)
    load = serving._engine.current.load

    def slow(name: str) -> object:
        model = load(name)
        put(client, item_id="honey", title="Garden hose, 20 m")
        return model

    serving._engine.current.load = slow  # type: ignore[method-assign, assignment]
    serving._engine._serve_with(serving.shop.shelf.current())
    serving._engine.read_catalogue()
    serving._engine.current.load = load  # type: ignore[method-assign]
    assert tracker.snapshot != old
    # Neighbours of items that nobody took are looked for at loading only: it takes seconds in a large shop.
    taken = ~tracker.model._items.never  # type: ignore[attr-defined]
    assert taken[int(serving.shop.ids.rows(["honey"])[0])]
    np.testing.assert_allclose(vectors(serving)[taken], after_a_restart(serving)[taken], atol=1e-6)


def test_whoever_took_what_is_in_no_catalogue_gets_a_list_that_does_not_name_it(
    served: tuple[TestClient, Serving],
) -> None:
    """The item has a number from its first event on, and a name in the catalogue only when it is fed."""
    client, _ = served
    for user, items in (("zed", ["nowhere"]), ("anna", ["nowhere", "tea", "elsewhere"])):
        events = [
            {"user_id": user, "item_id": item, "type": "purchase", "timestamp": 1_767_225_600 + n}
            for n, item in enumerate(items)
        ]
        assert client.post("/v1/events", json={"events": events}).json()["accepted"] == len(items)
        answer = client.get(f"/v1/users/{user}/recommendations", params={"n": 5, "item_id": "milk"})
        assert answer.status_code == 200
        listed = answer.json()["items"]
        named = {name for item in listed for name in item["reason"].get("items", ())}
        assert listed
        assert not named & {"nowhere", "elsewhere"}
