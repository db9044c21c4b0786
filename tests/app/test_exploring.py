"""Exploration in a shop: what lists log, what the log teaches, and whose part leaves."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.serve.shops import behind_the_door, make_shop

from penchant.app.others import packed
from penchant.app.reader import calls_of_reader
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.privacy.consent import Consent
from penchant.recommend.experiment import Arms, Experiment
from penchant.recommend.exploration.learned import Learned
from penchant.testing.fakes import FakeTextEncoder, InMemoryConsent
from penchant.types import Impression, Pseudonym

ROWS = np.arange(50)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_shop(tmp_path_factory.mktemp("shops") / "made")
    with (folder / "shop.toml").open("a", encoding="utf-8") as file:
        file.write('\n[exploration]\nshare = 0.5\nmethod = "uniform"\n')
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "shop"))


@pytest.fixture
def door(folder: Path) -> Iterator[tuple[TestClient, Serving]]:
    client, serving = behind_the_door(folder)
    yield client, serving
    serving.close()


def learned(serving: Serving) -> Learned:
    stage = serving.engine.exploring.stage
    assert stage is not None
    return stage._learned  # pyright: ignore[reportPrivateUsage]


def sums(serving: Serving) -> tuple[list[float], list[float]]:
    answers, expected = learned(serving)._sums("home", ROWS)  # pyright: ignore[reportPrivateUsage]
    return answers.tolist(), expected.tolist()


def shown(client: TestClient, serving: Serving, user: str = "anna") -> Impression:
    answer = client.get(f"/v1/users/{user}/recommendations", params={"n": 2, "placement": "home"}).json()
    assert serving.engine.writer.flush(5.0)
    found = serving.shop.impressions.get(answer["recommendation_id"])
    assert found is not None
    return found


def answers(client: TestClient, serving: Serving, list_: Impression, place: int) -> None:
    event = {
        "user_id": "anna", "type": "click", "item_id": list_.items[place].item_id,
        "timestamp": serving.shop.clock(), "recommendation_id": list_.recommendation_id, "position": place,
    }  # fmt: skip
    assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1


def test_what_was_drawn_is_logged_and_learned_from_and_comes_back_after_a_restart(
    door: tuple[TestClient, Serving], folder: Path
) -> None:
    client, serving = door
    lists = [shown(client, serving) for _ in range(10)]
    for one in lists:
        drawn = [item for item in one.items if item.reason.kind == "tried"]
        assert drawn
        assert all(0 < item.propensity < 1 for item in drawn)
    for one in lists:
        answers(client, serving, one, 0)
    serving.engine.look()
    before = sums(serving)
    assert sum(before[0]) == 10
    assert sum(before[1]) > 0
    serving.close()
    again = Serving(Shop(folder, writer=True, encoder=FakeTextEncoder()))
    try:
        after = sums(again)
        assert after[0] == before[0]
        assert after[1] == pytest.approx(before[1])
    finally:
        again.close()


@pytest.mark.parametrize("way", ["erasure", "opting out"])
def test_a_person_s_part_leaves_with_the_person(door: tuple[TestClient, Serving], way: str) -> None:
    client, serving = door
    answers(client, serving, shown(client, serving), 0)
    serving.engine.look()
    held = client.get("/v1/users/anna/export").json()["held"]["exploration"]
    assert [len(one["answered"]) for one in held] == [1]
    assert sum(sums(serving)[0]) == 1
    if way == "erasure":
        client.delete("/v1/users/anna")
    else:
        client.put("/v1/users/anna/consent", json={"profiling": False})
    serving.engine.look()
    assert sums(serving)[0] == [0.0] * 50
    assert sums(serving)[1] == pytest.approx([0.0] * 50)


def test_who_opted_out_of_experiments_gets_what_is_best(door: tuple[TestClient, Serving]) -> None:
    client, serving = door
    said = client.put("/v1/users/anna/consent", json={"experiments": False})
    assert said.json() == {"profiling": True, "experiments": False}
    for _ in range(10):
        list_ = shown(client, serving)
        assert list_.user_id
        assert {item.propensity for item in list_.items} == {1.0}
        assert "tried" not in {item.reason.kind for item in list_.items}
    client.put("/v1/users/anna/consent", json={"profiling": True})
    assert not serving.shop.consent.get(serving.shop.pseudonymizer.pseudonym("anna")).experiments
    client.put("/v1/users/anna/consent", json={"experiments": True})
    assert {item.reason.kind for _ in range(10) for item in shown(client, serving).items} & {"tried"}


@pytest.mark.parametrize("body", [{}, {"experiments": 1}, {"ads": True}, []])
def test_a_consent_that_is_none_is_refused(door: tuple[TestClient, Serving], body: object) -> None:
    assert door[0].put("/v1/users/anna/consent", json=body).status_code == 400


def test_who_opted_out_of_experiments_is_in_no_arm() -> None:
    consent, person = InMemoryConsent(), Pseudonym("p")
    experiment = Experiment(Arms("first", {"a": 1.0}), consent=consent)
    assert experiment.arm_of(person) == "a"
    consent.set(person, Consent(experiments=False))
    assert experiment.arm_of(person) == ""


def begins(client: TestClient, serving: Serving, user: str) -> None:
    """A guest comes; from here on a model makes the lists."""
    event = {"user_id": user, "type": "view", "item_id": "tea", "timestamp": serving.shop.clock()}
    event["guest"] = True
    assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1


def joins(client: TestClient, user: str, guest: str) -> None:
    assert client.post(f"/v1/users/{user}/guests", json={"guest_id": guest}).json()["joined"]


def known(serving: Serving, user: str) -> Pseudonym:
    return serving.shop.pseudonymizer.pseudonym(user)


def held_on(serving: Serving, user: str) -> dict[str, list[str]]:
    """Lists, and what was answered of each."""
    (feedback,) = serving.engine.exploring.erasables()
    return {one["recommendation_id"]: one["answered"] for one in feedback.export_person(known(serving, user))}


def test_what_a_guest_was_shown_is_the_persons_after_a_login(door: tuple[TestClient, Serving]) -> None:
    client, serving = door
    begins(client, serving, "g")
    before = sums(serving)
    first, second = shown(client, serving, "g"), shown(client, serving, "g")
    serving.engine.look()
    joins(client, "anna", "g")
    assert held_on(serving, "g") == {}
    assert set(held_on(serving, "anna")) >= {first.recommendation_id, second.recommendation_id}
    answers(client, serving, first, 0)  # Of the two that hold it the older one, by its name.
    serving.engine.look()
    assert held_on(serving, "anna")[first.recommendation_id] == [first.items[0].item_id]
    client.delete("/v1/users/anna")
    assert held_on(serving, "anna") == {}
    assert sums(serving)[1] == pytest.approx(before[1], abs=1e-9)


def test_who_opted_out_is_not_learned_of_by_a_login_nor_in_another_process(
    door: tuple[TestClient, Serving],
) -> None:
    client, serving = door
    for user in "gh":
        begins(client, serving, user)
    shown(client, serving, "g")
    kept = shown(client, serving, "h").recommendation_id
    serving.engine.look()
    client.put("/v1/users/anna/consent", json={"profiling": False})
    assert held_on(serving, "g")
    joins(client, "anna", "g")
    assert held_on(serving, "g") == held_on(serving, "anna") == {}
    told = calls_of_reader(serving.engine, serving.shop.catalog)["guest-joined"]
    told(packed([known(serving, "h"), known(serving, "bert"), float("-inf")]))
    assert held_on(serving, "bert") == {kept: []}
