"""Decisions over HTTP: who may decide, what goes out, and that nothing does before it is approved."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from starlette.routing import Mount, Route
from tests.adapters.test_decisions import SECRET, Receiver
from tests.serve.shops import House, behind_the_door, make_shop

from penchant.app.deciding import DecisionDesk, new_id
from penchant.catalog.prices import DAY
from penchant.decide.approval import Person
from penchant.events.decisions import Decision

ANN = Person("Ann")
ODD = 777.13
"""A price that nothing else has."""
WHY = "zebra reasons"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_shop(tmp_path_factory.mktemp("shops") / "shop")


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def served(folder, receiver):
    settings = folder / "shop.toml"
    before = settings.read_text()
    (folder / "hook.secret").write_bytes(SECRET)
    settings.write_text(f'{before}[decisions]\nwebhook = "{receiver.address}/in"\nsecret = "hook.secret"\n')
    client, serving = behind_the_door(folder)
    with client:
        yield client, serving
    serving.close()
    settings.write_text(before)


def suggest(serving, subject="tea", suggested=3.4):
    made = Decision(
        id=new_id(), kind="price", subject=subject, suggested=suggested, now=3.5, reason=WHY,
        inputs={"fitted.json": new_id()},
    )  # fmt: skip
    assert DecisionDesk(serving.shop).queue.propose([made], ANN) == [made.id]
    return made.id


def post(client, name, what, key=None, **body):
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return client.post(f"/v1/decisions/{name}/{what}", json=body, headers=headers)


def test_from_the_queue_to_the_shop_and_back(served, receiver):
    client, serving = served
    name = suggest(serving)
    (waiting,) = client.get("/v1/decisions", params={"state": "waiting"}).json()["decisions"]
    assert (waiting["id"], waiting["value"], waiting["needed"]) == (name, 3.4, 1)
    assert waiting["title"]
    assert post(client, name, "edit", value=3.3, note="rounder").json()["value"] == 3.3
    assert receiver.got == []
    done = post(client, name, "approve", by="Ann", note="good").json()
    assert (done["state"], done["delivery"]) == ("sent", {"sent": 1, "waiting": 0, "problem": ""})
    key = "key " + serving.shop.keys.listed()[-1].id
    last = [step for step in done["history"] if step["what"] == "approved"]
    assert [(step["by"], step["via"], step["note"]) for step in last] == [("Ann", key, "good")]
    assert json.loads(receiver.got[0][2])["price"] == 3.3
    back = post(client, name, "take-back").json()
    assert back["state"] == "taken-back"
    assert json.loads(receiver.got[1][2])["price"] == 3.5
    assert len({headers["idempotency-key"] for _, headers, _ in receiver.got}) == 2
    assert post(client, name, "outcome", came={"profit": 2.5}).json()["history"][-1]["came"] == {
        "profit": 2.5
    }
    assert client.get(f"/v1/decisions/{name}").json()["history"][0]["by"] == "Ann"


def test_two_people_are_two_keys(served, receiver):
    client, serving = served
    name, second = suggest(serving, suggested=9.0), serving.shop.keys.create(["admin"], 0.0)
    assert post(client, name, "approve").status_code == 400, "their names are asked for"
    assert post(client, name, "approve", by="Ann").json()["state"] == "waiting"
    for again in (post(client, name, "approve", by="Bob"), post(client, name, "approve", second, by="ann")):
        assert again.status_code == 409
    assert receiver.got == []
    assert post(client, name, "approve", second, by="Bob").json()["state"] == "sent"
    assert len(receiver.got) == 1


def test_a_receiver_that_is_away_undoes_no_decision(served, receiver):
    client, serving = served
    name = suggest(serving)
    receiver.answers = [400]
    done = post(client, name, "approve").json()
    assert (done["state"], done["delivery"]["sent"]) == ("approved", 0)
    assert "400" in done["delivery"]["problem"]
    assert DecisionDesk(serving.shop).send().sent == 1
    assert client.get(f"/v1/decisions/{name}").json()["state"] == "sent"
    assert len({headers["idempotency-key"] for _, headers, _ in receiver.got}) == 1


def test_a_list_that_was_shown_is_a_decision_too(served):
    client, serving = served
    suggest(serving)
    shown = client.get("/v1/users/anna/recommendations", params={"n": 2}).json()
    assert serving.engine.writer.flush(5.0)
    kinds = [one["kind"] for one in client.get("/v1/decisions").json()["decisions"]]
    assert {"price", "list"} <= set(kinds)
    (listed,) = [
        one
        for one in client.get("/v1/decisions", params={"kind": "list", "limit": 1}).json()["decisions"]
        if one["id"] == shown["recommendation_id"]
    ]
    assert (listed["state"], listed["inputs"]["snapshot"]) == ("shown", shown["snapshot"])
    assert [one["item_id"] for one in listed["items"]] == [one["item_id"] for one in shown["items"]]
    event = {"user_id": "anna", "item_id": "tea", "type": "click", "timestamp": "2026-01-20T10:00:00Z",
             "recommendation_id": shown["recommendation_id"], "position": 0}  # fmt: skip
    assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
    found = client.get(f"/v1/decisions/{shown['recommendation_id']}").json()
    assert [(one["type"], one["item_id"]) for one in found["came"]] == [("click", "tea")]
    assert post(client, shown["recommendation_id"], "approve").status_code == 404


def test_what_cannot_be_done_changes_nothing(served):
    client, serving = served
    name = suggest(serving)
    for bad, status in (
        (client.get("/v1/decisions", params={"kind": "x"}), 400),
        (client.get("/v1/decisions", params={"state": "x"}), 400),
        (client.get("/v1/decisions", params={"limit": "0"}), 400),
        (client.get("/v1/decisions", params={"limit": "1001"}), 400),
        (client.get("/v1/decisions", params={"limit": "²"}), 400),
        (client.get("/v1/decisions/none"), 404),
        (post(client, "none", "approve"), 404),
        (post(client, name, "edit"), 400),
        (post(client, name, "edit", value="3"), 400),
        (post(client, name, "edit", value=True), 400),
        (post(client, name, "edit", value=-3), 400),
        (post(client, name, "edit", value=10**400), 400),
        (post(client, name, "outcome", came={"a": 10**400}), 400),
        (post(client, name, "approve", by=3), 400),
        (post(client, name, "approve", note=3), 400),
        (post(client, name, "approve", seen="x"), 400),
        (post(client, name, "approve", seen=7), 409),
        (post(client, name, "take-back"), 409),
        (post(client, name, "outcome"), 400),
        (post(client, name, "outcome", came={}), 400),
        (client.post(f"/v1/decisions/{name}/approve", json=[]), 400),
    ):
        assert (bad.status_code, set(bad.json()["error"])) == (status, {"code", "message"})
    assert client.get(f"/v1/decisions/{name}").json()["steps"] == 1


def test_only_an_admin_sees_or_decides(served):
    client, serving = served
    name, reader = suggest(serving), serving.shop.keys.create(["read", "events"], 0.0)
    headers = {"authorization": f"Bearer {reader}"}
    assert client.get("/v1/decisions", headers=headers).status_code == 403
    assert client.get(f"/v1/decisions/{name}", headers=headers).status_code == 403
    for what in ("approve", "edit", "reject", "take-back", "outcome"):
        assert post(client, name, what, reader, value=3.0, came={"a": 1}).status_code == 403


def test_prices_of_an_item_are_kept_and_the_lowest_of_thirty_days_is_told(folder, tmp_path):
    house = House(Path(shutil.copytree(folder, tmp_path / "shop")), now=2e9)
    try:
        first = house.ask("GET", "items/tea/prices")
        assert (first["price"], first["lowest_30_days"]) == (3.5, 3.5)
        for days, price in ((0, 3.0), (10, 4.0), (20, 3.8)):
            house.clock.now = 2e9 + days * DAY
            house.ask("PUT", "items", json={"items": [{"item_id": "tea", "title": "Tea", "price": price}]})
        told = house.ask("GET", "items/tea/prices")
        assert [one["price"] for one in told["history"]] == [3.5, 3.0, 4.0, 3.8]
        assert [one["since"] for one in told["history"][1:]] == [2e9 + days * DAY for days in (0, 10, 20)]
        assert (told["price"], told["lowest_30_days"]) == (3.8, 3.0)
        house.clock.now = 2e9 + 40 * DAY + 1
        assert house.ask("GET", "items/tea/prices")["lowest_30_days"] == 3.8
        house.ask("DELETE", "items", json={"item_ids": ["tea"]})
        gone = house.ask("GET", "items/tea/prices")
        assert (gone["price"], gone["history"][-1]["price"]) == (None, None)
        assert house.client.get("/v1/items/nothing/prices").status_code == 404
        reader = {"authorization": f"Bearer {house.serving.shop.keys.create(['read'], 0.0)}"}
        assert house.client.get("/v1/items/tea/prices", headers=reader).status_code == 200
    finally:
        house.serving.close()


FILLED = {"user_id": "anna", "item_id": "tea", "person": "nobody", "name": "quality", "rest": "x"}


def asked(client, route, method, name, key):
    """One request with what most routes take in its body."""
    path = route.path.replace(":path", "")
    for field, value in {**FILLED, "decision_id": name}.items():
        path = path.replace(f"{{{field}}}", value)
    body = {
        "by": "Ann", "author": "Ann", "value": 3.0, "came": {"a": 1}, "id": name, "note": "", "seen": 1,
        "events": [], "items": [], "item_ids": [], "confirm": True,
    }  # fmt: skip
    headers = {"authorization": f"Bearer {key}"}
    return client.request(
        method, path, params={"q": "tea"}, json=body, headers=headers, follow_redirects=False
    )


def test_an_unapproved_suggestion_never_leaves(served, receiver):
    """Over every route of the application, whoever asks; the suggestion needs two people."""
    client, serving = served
    assert client.get(f"/console?token={serving.console_token}").status_code == 200
    page = client.get("/console/people").text
    client.headers["x-csrf-token"] = page.partition('name="csrf" content="')[2].partition('"')[0]
    admin = client.headers["authorization"].removeprefix("Bearer ")
    reader, writer = (serving.shop.keys.create([scope], 0.0) for scope in ("read", "events"))
    routes = [route for route in client.app.routes if not isinstance(route, Mount)]
    assert all(isinstance(route, Route) for route in routes)
    assert len(routes) > 40
    answered = set()
    for route in routes:
        for method in sorted(route.methods or {"GET"}):
            for key in (admin, reader, writer, "nobody's"):
                name = suggest(serving, new_id(), ODD)
                answer = asked(client, route, method, name, key)
                assert answer.status_code < 500, (route.path, answer.text)
                answered.add((route.path, method, answer.status_code))
                assert receiver.got == [], (method, route.path)
                if key != admin and not route.path.startswith("/console"):
                    assert str(ODD) not in answer.text, route.path
                    assert WHY not in answer.text, route.path
    assert ("/v1/decisions/{decision_id}/approve", "POST", 200) in answered
    assert DecisionDesk(serving.shop).send().sent == 0
    name = suggest(serving, "tea", ODD)
    second = serving.shop.keys.create(["admin"], 0.0)
    post(client, name, "approve", by="Ann")
    assert receiver.got == []
    assert post(client, name, "approve", second, by="Bob").json()["state"] == "sent"
    assert [json.loads(body)["price"] for _, _, body in receiver.got] == [ODD]


def test_there_is_one_way_out():
    """Letters are written and delivered in one place, which only asks for what is due."""
    source = Path(sys.modules["penchant"].__file__).parent
    words = (r"\bLetter\(", r"\.deliver\(", r"\bWebhookOutlet\(", r"\bFolderOutlet\(")
    places = {word: set() for word in words}
    for path in source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word, found in places.items():
            if re.search(f"(?<!class ){word}", text) and "testing" not in path.parts:
                found.add(path.relative_to(source).as_posix())
    assert list(places.values()) == [{"decide/sending.py"}] * 2 + [{"app/deciding.py"}] * 2
