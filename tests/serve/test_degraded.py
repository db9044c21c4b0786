"""What is answered while something is broken, how that is told, and that it heals without a restart."""

import json
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from starlette.testclient import TestClient
from tests.app.commands import WITHOUT_LANGUAGE_MODEL, copy_of, end, start

from penchant.app import health
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.catalog.guarded import GuardedEncoder
from penchant.errors import StorageError
from penchant.serve.services import ListWanted
from penchant.testing.fakes import FakeTextEncoder

sys.path.insert(0, str(Path(__file__).parent))
import shops

ANNA = "/v1/users/anna/recommendations?n=3"
SEARCH, SIMILAR = "/v1/search?q=tea&user_id=anna", "/v1/items/tea/similar"
WHOLE = (200, "")


class Door:
    """A shop behind its door."""

    def __init__(self, client: TestClient, serving: Serving) -> None:
        self.client, self.serving = client, serving

    def get(self, path: str) -> tuple[int, str]:
        """Status, and why it is a fallback."""
        answer = self.client.get(path)
        found = answer.json()
        assert found["items"], found
        assert found["fallback"] is bool(found["fallback_reason"])
        return answer.status_code, found["fallback_reason"]

    def views(self, user: str, item: str = "tea") -> Any:
        event = {"user_id": user, "item_id": item, "type": "view", "timestamp": self.serving.shop.clock()}
        return self.client.post("/v1/events", json={"events": [event]})

    def degraded(self) -> list[str]:
        """Parts; lists are answered all the while, so it is ready."""
        answer = self.client.get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (200, True)
        assert bool(answer.json()["reasons"]) == bool(answer.json()["degraded"])
        return answer.json()["degraded"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shops.make_shop(tmp_path_factory.mktemp("degraded") / "shop")


@pytest.fixture
def door(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setattr("penchant.app.engine.WATCH_SECONDS", 0.02)
    client, serving = shops.behind_the_door(copy_of(trained, tmp_path / "shop"))
    with client:
        yield Door(client, serving)
    serving.close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    latest = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < latest
        time.sleep(0.02)


def later(serving: Serving, seconds: float) -> None:
    """So many seconds, and one more, pass for who keeps the faults."""
    kept = serving._engine.health
    begun = kept._clock
    kept._clock = lambda: begun() + seconds + 1


def test_nothing_is_a_fallback_where_nothing_is_wrong(door: Door) -> None:
    assert [door.get(path) for path in (ANNA, SEARCH, SIMILAR)] == [WHOLE] * 3
    assert door.get("/v1/users/a-stranger/recommendations") == WHOLE
    door.client.put("/v1/users/anna/consent", json={"profiling": False})
    assert [door.get(path) for path in (ANNA, SEARCH)] == [WHOLE] * 2
    assert door.degraded() == []


def test_without_a_model_lists_are_of_what_is_popular_until_there_is_one(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penchant.app.engine.WATCH_SECONDS", 0.02)
    folder = copy_of(trained, tmp_path / "shop")
    (weights,) = folder.glob("snapshots/*/weights.safetensors")
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-9])
    client, serving = shops.behind_the_door(folder)
    door = Door(client, serving)
    try:
        assert [door.get(path) for path in (ANNA, SEARCH, SIMILAR)] == [(200, "model")] * 3
        assert door.degraded() == ["model"]
        assert door.views("anna").status_code == 200
        shown = serving.shop.impressions
        assert serving._engine.writer.flush(5)
        logged = shown.of_user(serving.shop.pseudonymizer.pseudonym("anna"), 9)
        assert {one.fallback for one in logged} == {"model"}
        weights.write_bytes(whole)
        until(lambda: door.get(ANNA) == WHOLE)
        assert [door.get(path) for path in (SEARCH, SIMILAR)] == [WHOLE] * 2
        until(lambda: door.degraded() == [])
    finally:
        serving.close()


def test_a_fault_with_one_person_is_theirs_alone_and_the_log_is_read_again(door: Door) -> None:
    tracker, person = door.serving.recommender.tracker, door.serving.shop.pseudonymizer.pseudonym("anna")
    assert tracker is not None
    assert door.get(ANNA) == WHOLE
    held = tracker._people.held(person)
    assert held is not None
    held[1].pasts = object()  # Nothing that a model can score.
    door.serving.recommender.personal.latest.forget(person)
    assert door.get(ANNA) == (200, "person")
    assert door.get("/v1/users/ben/recommendations?n=3") == WHOLE
    assert door.degraded() == ["person"]
    assert door.get(ANNA) == WHOLE


def test_wishes_that_cannot_be_understood_are_a_fault_with_that_person(door: Door) -> None:
    shop, anna = door.serving.shop, door.serving.shop.pseudonymizer.pseudonym("anna")
    with shop.database.write() as connection:
        connection.execute("INSERT INTO corrections VALUES (?, ?)", (anna, b"no JSON"))
    shop.corrections._known.changed(anna)
    assert door.get(ANNA) == (200, "person")
    assert door.get("/v1/users/ben/recommendations?n=3") == WHOLE
    for user in ("anna", "ben"):
        assert door.views(user).status_code == 200
    assert door.serving.engine.position == shop.log.end(), "the log is followed for everybody"
    shop.corrections.set(anna, [])
    assert door.get(ANNA) == WHOLE


def test_scores_that_are_no_numbers_are_a_fault_with_that_person(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = door.serving.recommender.tracker
    assert tracker is not None
    real = tracker.model.scores_each
    monkeypatch.setattr(tracker.model, "scores_each", lambda *asked: real(*asked) * float("nan"))
    assert door.get(ANNA) == (200, "person")
    monkeypatch.undo()
    assert door.get(ANNA) == WHOLE


def test_an_event_that_cannot_be_followed_holds_up_nobody_else(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, anna = door.serving.recommender.tracker, door.serving.shop.pseudonymizer.pseudonym("anna")
    assert tracker is not None
    assert door.get(ANNA) == WHOLE
    real = tracker.on_event

    def odd(entry: Any) -> None:
        if entry.event.user_id == anna:
            raise KeyError(entry)
        real(entry)

    monkeypatch.setattr(tracker, "on_event", odd)
    assert door.views("anna", "coffee").status_code == 200
    assert door.views("ben").status_code == 200
    assert door.serving.readiness()["log_position"] == door.serving.shop.log.end()
    assert door.degraded() == ["person"]
    reading = tracker.read(anna)
    assert reading is not None
    coffee = int(door.serving.shop.ids.rows(["coffee"])[0])
    assert coffee in reading.viewed, "read from the log, with the event"


def test_a_disk_that_cannot_be_read_costs_the_taste_and_not_the_list(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, events = door.serving.shop, door.serving.shop.log.end()
    assert door.get(ANNA) == WHOLE

    def refuse(*_: object) -> Any:
        raise StorageError("disk I/O error")

    monkeypatch.setattr(shop.database, "read", refuse)
    monkeypatch.setattr(shop.database, "write", refuse)
    others = [path.replace("anna", "zoe") for path in (ANNA, SEARCH)]
    assert [door.get(path) for path in others] == [(200, "storage")] * 2
    assert door.get(ANNA) == WHOLE, "all that is asked of her is in memory"
    assert door.get(SIMILAR) == WHOLE, "no person is asked for"
    refused = door.views("anna")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert {"storage", "events"} <= set(door.degraded())
    monkeypatch.undo()
    assert shop.log.end() == events
    assert [door.get(path) for path in (ANNA, SEARCH)] == [WHOLE] * 2
    assert {"storage", "events"} <= set(door.degraded()), (
        "that they were asked for again tells nothing of zoe"
    )
    assert door.views("anna").status_code == 200
    until(lambda: door.degraded() == ["storage"])
    later(door.serving, health.KEPT)
    assert door.degraded() == []


def test_where_consent_cannot_be_read_nobody_is_profiled_or_named(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Any:
        raise StorageError("disk I/O error")

    monkeypatch.setattr(door.serving.shop.consent, "get", refuse)
    made = [door.serving.recommend_each([ListWanted("anna", 3)])[0], door.serving.search("tea", 3, "anna")]
    assert [(one.user_id, one.snapshot, one.fallback) for one in made] == [("", "", "storage")] * 2


class Flaky(FakeTextEncoder):
    """A language model that may be gone."""

    gone = False

    def encode(self, texts: Any) -> Any:
        if self.gone:
            raise RuntimeError("out of memory")
        return super().encode(texts)


def test_without_the_language_model_words_are_matched_by_the_letter_and_new_items_wait(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penchant.app.engine.WATCH_SECONDS", 0.02)
    monkeypatch.setattr("penchant.catalog.catalog.AGAIN", 0.05)
    flaky = Flaky()
    guarded = GuardedEncoder(lambda: flaky, again=0.05)
    serving = Serving(Shop(copy_of(trained, tmp_path / "shop"), writer=True, encoder=guarded))
    door = Door(shops.client_of(serving), serving)
    try:
        flaky.gone = True
        assert door.get("/v1/search?q=espresso&n=1") == (200, "encoder")
        assert [one.item_id for one in serving.search("espresso", 1, None).items] == ["coffee"]
        popular = [one.item_id for one in serving.search("no such word", 4, None).items]
        assert popular[0] == "milk", "bought last"
        assert door.get(ANNA) == WHOLE
        rum = {"item_id": "rum", "title": "Dark rum", "category": "Drinks"}
        assert door.client.put("/v1/items", json={"items": [rum]}).status_code == 200
        assert door.get("/v1/items/rum/similar")[0] == 200
        assert door.degraded() == ["encoder"]
        row = int(serving.shop.ids.rows(["rum"])[0])
        assert serving.shop.catalog.texts_at_hand().slot[row] == 0
        flaky.gone = False
        until(lambda: not serving.shop.catalog.unread)
        assert serving.shop.catalog.texts_at_hand().slot[row] > 0
        until(lambda: door.get("/v1/search?q=dark%20liquor&n=1") == WHOLE)
        assert door.degraded() == []
    finally:
        serving.close()


def test_a_person_whose_searches_cannot_be_read_gets_what_is_popular(trained: Path, tmp_path: Path) -> None:
    flaky = Flaky()
    guarded = GuardedEncoder(lambda: flaky, again=0.0)
    serving = Serving(Shop(copy_of(trained, tmp_path / "shop"), writer=True, encoder=guarded))
    door = Door(shops.client_of(serving), serving)
    try:
        search = {"user_id": "anna", "type": "search", "query": "gin", "timestamp": serving.shop.clock()}
        flaky.gone = True
        assert door.client.post("/v1/events", json={"events": [search]}).status_code == 200
        assert door.get(ANNA) == (200, "encoder")
        assert door.get("/v1/users/ben/recommendations") == WHOLE
        flaky.gone = False
        until(lambda: door.get(ANNA) == WHOLE)
    finally:
        serving.close()


def test_while_another_process_holds_the_database_lists_go_on_and_events_are_refused(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penchant.adapters.sqlite.database.BUSY_SECONDS", 0.2)
    client, serving = shops.behind_the_door(copy_of(trained, tmp_path / "shop"))
    door, other = (
        Door(client, serving),
        sqlite3.connect(serving.shop.folder / "shop.db", isolation_level=None),
    )
    try:
        other.execute("BEGIN IMMEDIATE")
        assert [door.get(path) for path in (ANNA, SEARCH, SIMILAR)] == [WHOLE] * 3
        refused = door.views("anna")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        until(lambda: set(door.degraded()) == {"events", "lists"})
        other.execute("ROLLBACK")
        assert door.views("anna").status_code == 200
        until(lambda: door.degraded() == [])
        assert serving._engine.writer.flush(5)
        assert serving.shop.database.read("SELECT count(*) FROM impressions")[0][0] == 3
    finally:
        other.close()
        serving.close()


def test_a_shop_whose_catalogue_cannot_be_read_at_all_is_not_ready(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, serving = shops.behind_the_door(copy_of(trained, tmp_path / "shop"))
    try:

        def refuse() -> Any:
            raise StorageError("disk I/O error")

        monkeypatch.setattr(serving.shop.catalog, "view", refuse)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        assert "catalogue" in answer.json()["reasons"][0]
    finally:
        serving.close()


def test_a_learner_that_died_is_told(door: Door) -> None:
    door.serving.learner = lambda: "failed"
    assert door.degraded() == ["learner"]
    door.serving.learner = lambda: "running"
    assert door.degraded() == []


class Process:
    """``penchant serve`` as a process of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        with Shop(folder, writer=True) as shop:
            self._key = shop.keys.create(["admin"], 0.0)
        self._url = f"http://127.0.0.1:{port}"
        self.process = start(
            "serve", "--shop", folder, "--port", port, "--no-learn",
            command=WITHOUT_LANGUAGE_MODEL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(self._open, 120)

    def _open(self) -> bool:
        try:
            return self.ask("GET", "/healthz")[0] == 200
        except OSError:
            assert self.process.poll() is None, self.process.communicate()
            return False

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        asked = Request(self._url + path, data, {"authorization": f"Bearer {self._key}"}, method=method)
        try:
            with urlopen(asked, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except HTTPError as error:
            return error.code, json.loads(error.read())


def test_a_disk_that_fills_while_a_process_serves(trained: Path, tmp_path: Path, free_port: int) -> None:
    """No file may grow any more, as on a full disk; then there is room again."""
    folder = copy_of(trained, tmp_path / "shop")
    server = Process(folder, free_port)
    event = {"user_id": "anna", "item_id": "tea", "type": "view", "timestamp": 1_769_200_000}
    try:
        assert server.ask("POST", "/v1/events", {"events": [event]})[0] == 200
        before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, before[1]))
        lists = [server.ask("GET", path) for path in (ANNA, SEARCH, SIMILAR)]
        assert [(status, one["fallback"]) for status, one in lists] == [(200, False)] * 3
        second = event | {"item_id": "milk"}
        assert server.ask("POST", "/v1/events", {"events": [second]})[0] == 503
        until(lambda: set(server.ask("GET", "/readyz")[1]["degraded"]) == {"events", "lists"})
        assert server.ask("GET", ANNA)[1]["fallback"] is False
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
        assert server.ask("POST", "/v1/events", {"events": [second]}) == (
            200, {"accepted": 1, "duplicates": 0, "rejected": []},
        )  # fmt: skip
        until(lambda: server.ask("GET", "/readyz")[1]["degraded"] == [])
    finally:
        server.process.send_signal(signal.SIGTERM)
        assert end(server.process).code == 0
    with Shop(folder, writer=False) as shop:
        assert shop.log.count() == 12, "what was acknowledged, and nothing twice"
        assert shop.database.read("SELECT count(*) FROM impressions")[0][0] == 4, "lists that waited are in"
