"""The whole house once: files in, a model, lists over HTTP that react, a person erased."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.serve.shops import make_shop

from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file
from penchant.errors import InvalidInput, ShopBusy, ShopError
from penchant.serve.app import create_app
from penchant.testing.fakes import FakeTextEncoder

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "shop")


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[TestClient, Serving]]:
    serving = Serving(Shop(folder, writer=True, encoder=FakeTextEncoder()))
    key = serving.shop.keys.create(["admin"], 0.0)
    client = TestClient(create_app(serving, serving.shop.clock, io.StringIO()))
    client.headers["authorization"] = f"Bearer {key}"
    yield client, serving
    serving.close()


def test_the_same_import_twice_changes_nothing(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        before = shop.log.end()
        report = take_file(shop, EXAMPLES / "events.csv")
        assert report.duplicates == report.rows == 10  # type: ignore[union-attr]
        assert shop.log.end() == before


def test_an_event_is_in_the_next_list_and_its_cause_is_joined(served: tuple[TestClient, Serving]) -> None:
    client, serving = served
    shown = client.get("/v1/users/dora/recommendations?n=3").json()
    assert (shown["fallback"], shown["snapshot"]) == (False, ""), "a stranger's list"
    said = {
        "user_id": "dora", "item_id": "honey", "type": "purchase", "timestamp": 1_769_100_000,
        "recommendation_id": shown["recommendation_id"], "position": 0,
    }  # fmt: skip
    answer = client.post("/v1/events", json={"events": [said, {"user_id": "dora"}]}).json()
    assert answer["accepted"] == 1
    assert [bad["index"] for bad in answer["rejected"]] == [1]
    after = client.get("/v1/users/dora/recommendations?n=3").json()
    assert after["snapshot"]
    assert serving.shop.impressions.joined(shown["recommendation_id"])[0].event.item_id == "honey"


def test_a_deleted_item_is_not_shown_any_more(served: tuple[TestClient, Serving]) -> None:
    client, _ = served
    assert client.request("DELETE", "/v1/items", json={"item_ids": ["tea"]}).json()["deleted"] == 1
    shown = client.get("/v1/users/anna/recommendations?n=4").json()
    assert "tea" not in [entry["item_id"] for entry in shown["items"]]
    assert len(shown["items"]) == 3


def test_opting_out_gives_a_strangers_list(served: tuple[TestClient, Serving]) -> None:
    client, _ = served
    assert client.put("/v1/users/anna/consent", json={"profiling": False}).status_code == 200
    shown = client.get("/v1/users/anna/recommendations?n=4").json()
    stranger = client.get("/v1/users/nobody/recommendations?n=4").json()
    assert [e["item_id"] for e in shown["items"]] == [e["item_id"] for e in stranger["items"]]


def test_an_erased_person_starts_from_nothing(served: tuple[TestClient, Serving], folder: Path) -> None:
    client, serving = served
    client.get("/v1/users/anna/recommendations")
    pseudonym = serving.shop.pseudonymizer.pseudonym("anna")
    assert client.get("/v1/users/anna/export").json()["pseudonym"] == pseudonym
    removed = client.request("DELETE", "/v1/users/anna").json()["removed"]
    assert removed["events"] == 3
    held = client.get("/v1/users/anna/export").json()["held"]
    assert not any(held.values())
    for path in folder.glob("shop.db*"):
        assert pseudonym.encode() not in path.read_bytes()
    old = take_file(serving.shop, EXAMPLES / "events.csv")
    assert old.erased == 3  # type: ignore[union-attr]


def test_a_second_writer_a_missing_shop_and_a_missing_file(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=True) as shop, pytest.raises(InvalidInput, match="no file"):
        take_file(shop, tmp_path / "none.csv")
    with pytest.raises(ShopError, match="penchant init"):
        Shop(tmp_path / "nothing", writer=False)
    with pytest.raises(ShopError, match="already"):
        init_shop(folder)


def test_a_shop_of_a_newer_version_is_refused(folder: Path) -> None:
    (folder / "shop.toml").write_text("version = 99\n", encoding="utf-8")
    with pytest.raises(Exception, match="newer Penchant"):
        Shop(folder, writer=False)


def test_only_one_writer(folder: Path) -> None:
    with Shop(folder, writer=True), pytest.raises(ShopBusy, match="another writer"):
        Shop(folder, writer=True)
