"""Lists of search and of similar items are rows of the log, as recommendations are."""

import sys
from pathlib import Path
from typing import Any

import pytest

from penchant.app.serving import Serving
from penchant.errors import StorageError
from penchant.serve.describe import description
from penchant.types import Impression

sys.path.insert(0, str(Path(__file__).parent))
import shops


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shops.make_shop(tmp_path_factory.mktemp("shown") / "shop")


def ask(folder: Path, path: str, consent: dict[str, Any] | None = None) -> tuple[dict[str, Any], Impression]:
    """What is answered, and the row of the log that belongs to it."""
    client, serving = shops.behind_the_door(folder)
    try:
        if consent is not None:
            assert client.put("/v1/users/anna/consent", json=consent).status_code == 200
        answer = client.get(path).json()
        assert serving._engine.writer.flush(5)
        logged = serving.shop.impressions.get(answer["recommendation_id"])
        assert logged is not None
        assert [one.item_id for one in logged.items] == [one["item_id"] for one in answer["items"]] != []
        return answer, logged
    finally:
        serving.close()


def test_similar_items_are_logged_for_nobody(trained: Path) -> None:
    item = ask(trained, "/v1/search?q=tea")[0]["items"][0]["item_id"]
    _, logged = ask(trained, f"/v1/items/{item}/similar")
    assert (logged.placement, logged.user_id) == ("similar", "")


def test_a_search_is_logged_for_whoever_may_be_known(trained: Path) -> None:
    _, nobody = ask(trained, "/v1/search?q=tea")
    assert (nobody.placement, nobody.user_id, nobody.snapshot) == ("search", "", "")
    _, anna = ask(trained, "/v1/search?q=tea&user_id=anna")
    assert anna.user_id
    assert anna.snapshot
    assert "anna" not in anna.user_id
    _, opted_out = ask(trained, "/v1/search?q=tea&user_id=anna", {"profiling": False})
    assert (opted_out.user_id, opted_out.snapshot) == ("", "")


def test_an_event_that_answers_a_search_is_joined_to_it(trained: Path) -> None:
    client, serving = shops.behind_the_door(trained)
    try:
        answer = client.get("/v1/search?q=tea").json()
        answered = {"recommendation_id": answer["recommendation_id"], "position": 0}
        clicked = {"item_id": answer["items"][0]["item_id"], "type": "click"}
        event = {"user_id": "ben", "timestamp": serving.shop.clock(), **clicked, **answered}
        assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
        assert serving._engine.writer.flush(5)
        (joined,) = serving.shop.impressions.joined(answer["recommendation_id"])
        assert joined.event.position == 0
    finally:
        serving.close()


def rows_logged(serving: Serving) -> list[Any]:
    assert serving._engine.writer.flush(5)
    return serving.shop.database.read("SELECT count(*) FROM impressions")


def test_what_the_staff_look_up_in_the_console_is_logged_for_nobody_to_learn_from(trained: Path) -> None:
    _, serving = shops.behind_the_door(trained)
    try:
        before = rows_logged(serving)
        (found,) = serving.find_items("tea", 1)
        assert serving.similar_items(found["item_id"], 1)
        assert rows_logged(serving) == before
    finally:
        serving.close()


def test_readiness_says_how_many_lists_a_refusing_disk_cost(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, serving = shops.behind_the_door(trained)
    monkeypatch.setattr(serving._engine.writer, "_failure", StorageError("disk full"))
    monkeypatch.setattr(serving._engine.writer, "_dropped", 1_200)
    try:
        assert serving.readiness()["reasons"] == [
            "the disk refuses shown lists (0 wait, 1,200 are not logged)"
        ]
    finally:
        serving.close()


@pytest.mark.parametrize("path", ["/v1/search", "/v1/items/{item_id}/similar"])
def test_the_description_says_so(path: str) -> None:
    reply = description()["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert reply["required"] == ["recommendation_id", "fallback", "fallback_reason", "items"]


def test_a_search_under_way_while_its_person_is_erased_leaves_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, serving = shops.behind_the_door(shops.make_shop(tmp_path / "shop"))
    try:
        person, real = serving.shop.pseudonymizer.pseudonym("anna"), serving._search.search

        def slow(*asked: Any, **more: Any) -> Any:
            found = real(*asked, **more)
            assert client.delete("/v1/users/anna").status_code == 200
            return found

        monkeypatch.setattr(serving._search, "search", slow)
        assert client.get("/v1/search?q=tea&user_id=anna").json()["items"]
        assert serving._engine.writer.flush(5)
        assert serving.shop.impressions.of_user(person, 9) == []
    finally:
        serving.close()
