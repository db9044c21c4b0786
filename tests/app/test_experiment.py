"""An experiment in a shop: an arm that keeps its weights beside one that goes on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.learn.tiny_shop import until
from tests.serve.shops import behind_the_door, make_twice, train

from penchant.app import engine
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.errors import SettingsError
from penchant.learn.shelf import KEEP
from penchant.recommend.experiment import Arms
from penchant.settings import ArmSettings, ExperimentSettings, parse_settings
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Pseudonym

ARMS = """
[experiment]
name = "spring"
[experiment.arms.frozen]
share = 0.5
snapshot = "{}"
[experiment.arms.live]
share = 0.5
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_twice(tmp_path_factory.mktemp("shops") / "made")


def with_arms(folder: Path, snapshot: str) -> None:
    with (folder / "shop.toml").open("a", encoding="utf-8") as file:
        file.write(ARMS.format(snapshot))


def snapshots(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "snapshots").iterdir() if path.is_dir())


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(made, tmp_path / "shop"))
    with_arms(folder, snapshots(folder)[0])
    return folder


Served = tuple[TestClient, Serving]


@pytest.fixture
def served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(engine, "WATCH_SECONDS", 0.05)
    client, serving = behind_the_door(folder)
    yield client, serving
    serving.close()


def person_of(serving: Serving, arm: str) -> str:
    """A user of the arm who is in the log of no event yet."""
    arms = Arms("spring", {"frozen": 0.5, "live": 0.5})
    known = serving.shop.pseudonymizer.pseudonym
    return next(f"new {n}" for n in range(100) if arms.of(known(f"new {n}")) == arm)


def views(client: TestClient, user: str, item: str) -> None:
    event = {"user_id": user, "item_id": item, "type": "purchase", "timestamp": 1_767_225_600}
    assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1


def shown(served: Served, user: str) -> tuple[str, str]:
    """Arm and snapshot of a list for the user, as the log has them."""
    client, serving = served
    found = client.get(f"/v1/users/{user}/recommendations", params={"n": 3}).json()
    assert "recommendation_id" in found, found
    return logged(serving, found["recommendation_id"])


def logged(serving: Serving, recommendation_id: str) -> tuple[str, str]:
    assert serving._engine.writer.flush(5.0)
    row = serving.shop.impressions.get(recommendation_id)
    assert row is not None
    return row.arm, row.snapshot


def test_each_arm_is_served_with_its_weights_and_the_log_says_so(served: Served, folder: Path) -> None:
    client, serving = served
    first, second = snapshots(folder)
    for arm, snapshot in (("frozen", first), ("live", second)):
        user = person_of(serving, arm)
        views(client, user, "tea")
        assert shown(served, user) == (arm, snapshot)
        found = client.get("/v1/search", params={"q": "tea", "user_id": user}).json()
        assert logged(serving, found["recommendation_id"]) == (arm, snapshot)


def test_what_is_promoted_reaches_all_but_the_pinned_arm(served: Served, folder: Path) -> None:
    client, serving = served
    first = snapshots(folder)[0]
    users = {arm: person_of(serving, arm) for arm in ("frozen", "live")}
    for user in users.values():
        views(client, user, "tea")
    with Shop(folder, writer=False, encoder=FakeTextEncoder()) as shop:
        train(shop)
    newest = snapshots(folder)[-1]
    until(lambda: serving.readiness()["snapshot"] == newest)
    assert shown(served, users["live"]) == ("live", newest)
    assert shown(served, users["frozen"]) == ("frozen", first)


def test_frozen_weights_follow_taste_all_the_same_and_forget_whom_they_must(served: Served) -> None:
    client, serving = served
    user = person_of(serving, "frozen")
    tracker = serving.recommender.experiment.pinned["frozen"]
    person = serving.shop.pseudonymizer.pseudonym(user)
    views(client, user, "tea")
    shown(served, user)
    assert tracker.export_person(person)[0]["events"] == 1
    views(client, user, "milk")
    assert tracker.export_person(person)[0]["events"] == 2
    exported = client.get(f"/v1/users/{user}/export").json()["held"]["taste-state"]
    assert [one["events"] for one in exported] == [2]
    client.put(f"/v1/users/{user}/consent", json={"profiling": False})
    assert tracker.export_person(person) == []
    assert shown(served, user)[0] == "", "of nobody, so of no arm"
    client.put(f"/v1/users/{user}/consent", json={"profiling": True})
    assert shown(served, user)[0] == "frozen"
    assert client.delete(f"/v1/users/{user}").status_code == 200
    assert tracker.export_person(person) == []


def test_items_that_are_new_are_new_to_every_arm(served: Served) -> None:
    client, serving = served
    tracker = serving.recommender.experiment.pinned["frozen"]
    before = tracker.model.n_items
    assert (
        client.put("/v1/items", json={"items": [{"item_id": "x", "title": "a new tea"}]}).status_code == 200
    )
    assert tracker.model.n_items == before + 1


def test_without_its_snapshot_an_arm_gets_what_serves_and_is_told(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "shop"))
    with_arms(folder, "20200101-000000-0")
    client, serving = behind_the_door(folder)
    try:
        ready = serving.readiness()
        assert ready["ready"]
        assert "arm frozen: no snapshot '20200101-000000-0'" in ready["reasons"][0]
        user = person_of(serving, "frozen")
        views(client, user, "tea")
        assert shown((client, serving), user) == ("", snapshots(folder)[1])
    finally:
        serving.close()


def test_a_pinned_snapshot_is_never_pruned(folder: Path) -> None:
    first = snapshots(folder)[0]
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        for _ in range(KEEP + 3):
            train(shop)
    left = snapshots(folder)
    assert len(left) == KEEP + 3
    assert first in left


def test_settings_that_cannot_be_are_one_line() -> None:
    too_many = "[experiment.arms.a]\nshare = 0.7\n[experiment.arms.b]\nshare = 0.4\n"
    with pytest.raises(SettingsError, match=r"add up to 1\.1, at most 1 is possible"):
        parse_settings(too_many)
    with pytest.raises(SettingsError, match="experiment"):
        parse_settings("[experiment.arms.'A b']\nshare = 0.7\n")
    said = ExperimentSettings(arms={"a": ArmSettings(share=0.5, snapshot="s"), "b": ArmSettings(share=0.5)})
    assert said.pinned() == {"a": "s"}
    assert Arms(said.name, {"a": 1.0}).of(Pseudonym("p")) == "a"
