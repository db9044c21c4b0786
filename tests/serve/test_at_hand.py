"""What is done in the loop: lists of somebody who is not in memory; what is told of events that are in."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serve.shops import client_of, make_shop

from penchant.adapters.sqlite.log import SHORT
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.errors import StorageError, WouldWait
from penchant.serve.services import ListWanted
from penchant.testing.fakes import FakeTextEncoder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("made") / "shop")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "shop"))


def opened(folder: Path) -> Serving:
    return Serving(Shop(folder, writer=True, encoder=FakeTextEncoder()))


@pytest.fixture
def serving(folder: Path) -> Iterator[Serving]:
    found = opened(folder)
    yield found
    found.close()


def event(user: str, at: float, **more: Any) -> dict[str, Any]:
    return {"user_id": user, "type": "view", "item_id": "tea", "timestamp": 1e9 + at, **more}


def held(serving: Serving, user: str) -> bool:
    tracker = serving.recommender.tracker
    assert tracker is not None
    return tracker.holds(serving.shop.pseudonymizer.pseudonym(user))


def logged(serving: Serving, user: str) -> int:
    serving.engine.writer.flush()
    return len(serving.shop.impressions.of_user(serving.shop.pseudonymizer.pseudonym(user), 9))


def test_a_short_past_is_read_in_the_loop_and_a_long_one_in_the_thread(folder: Path) -> None:
    first = opened(folder)
    first.take_in_each(
        [[event("short", n) for n in range(SHORT)], [event("long", n) for n in range(SHORT + 1)]]
    )
    first.take_in_each([[event("searched", 0.0, type="search", item_id=None, query="green tea")]])
    first.close()
    serving = opened(folder)
    where = list[tuple[str, bool]]()
    made = serving.recommender.recommend_each

    def noted(wanted: Any, now: float) -> Any:
        where.append((wanted[0].person, threading.current_thread().name.startswith("gathered")))
        return made(wanted, now)

    serving.recommender.recommend_each = noted  # type: ignore[method-assign]
    users = ("short", "long", "searched", "nobody")
    people = serving.shop.pseudonymizer.pseudonyms(users)
    client = client_of(serving)  # Not started: that would read the newest people.
    for user in users:
        assert not held(serving, user)
        answer = client.get(f"/v1/users/{user}/recommendations?n=3").json()
        assert len(answer["items"]) == 3
    for user in users[:3]:
        assert held(serving, user)
        assert client.get(f"/v1/users/{user}/recommendations?n=3").json()["items"]
    expected = [False, True, True, False, False, False, False]
    assert where == list(zip([*people, *people[:3]], expected, strict=True))
    serving.close()


def test_what_would_read_a_long_past_is_not_made_at_all(serving: Serving) -> None:
    serving.take_in_each([[event("long", n) for n in range(SHORT + 1)]])
    wanted = [ListWanted("anna", 3), ListWanted("long", 3)]
    with pytest.raises(WouldWait):
        serving.recommend_each(wanted, wait=False)
    assert (logged(serving, "anna"), logged(serving, "long")) == (0, 0)
    assert [one.fallback for one in serving.recommend_each(wanted)] == ["", ""]
    assert [len(one.items) for one in serving.recommend_each(wanted, wait=False)] == [3, 3], "in memory now"
    # All of the catalogue is asked for: what is popular fills it up, by answers that may be in the past.
    serving.engine.answered.forget(serving.shop.pseudonymizer.pseudonym("long"))
    with pytest.raises(WouldWait):
        serving.recommend_each([ListWanted("long", 50)], wait=False)
    assert serving.recommend_each([ListWanted("long", 50)])[0].fallback == ""
    assert serving.recommend_each([ListWanted("long", 50)], wait=False)[0].items


def test_events_that_are_in_are_told_as_accepted_whatever_breaks_then(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = serving.engine.catch_up, [ValueError("not of the disk"), StorageError("gone")]

    def breaks() -> None:
        if broken:
            raise broken.pop()
        whole()

    monkeypatch.setattr(serving.engine, "catch_up", breaks)
    with client_of(serving) as client:
        for n in range(2):
            told = client.post("/v1/events", json={"events": [event("zoe", n)]})
            assert (told.status_code, told.json()) == (200, {"accepted": 1, "duplicates": 0, "rejected": []})
        assert serving.engine.unheard
        serving.engine.look()
        assert not serving.engine.unheard
        assert serving.engine.position == serving.shop.log.end()


def test_a_letter_that_cannot_be_kept_calls_no_event_a_duplicate(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(type(serving.shop.dead_letters), "add", lambda self, letters: full(letters))
    with client_of(serving) as client:
        told = client.post("/v1/events", json={"events": [event("zoe", 1), event("zoe", 2, type="none")]})
        assert told.status_code == 200
        assert (told.json()["accepted"], len(told.json()["rejected"])) == (1, 1)
        alone = client.post("/v1/events", json={"events": [event("zoe", 2, type="none")]})
        assert alone.status_code == 503, "nothing was taken, and it may be sent again"
