"""Rules of the house over HTTP, by command, and in a server that goes on serving."""

import json
import sqlite3

import pytest
from tests.recommend.ruled import row
from tests.serve.shops import behind_the_door, make_shop

from penchant.app.ruling import Ruling
from penchant.app.shop import Shop
from penchant.cli import main
from penchant.errors import ShopError
from penchant.recommend.fallback import nobody_hears
from penchant.recommend.rules.document import document_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_shop(tmp_path_factory.mktemp("shops") / "shop")


@pytest.fixture
def served(folder):
    client, serving = behind_the_door(folder)
    with client:
        yield client, serving
    serving.close()


def put(client, *rows, **more):
    return client.put("/v1/rules", json={"document": json.loads(document_of(list(rows))), **more})


def shown(client, user="anna", n=20, **query):
    answer = client.get(f"/v1/users/{user}/recommendations", params={"n": n, **query})
    assert answer.status_code == 200
    return {one["item_id"]: one for one in answer.json()["items"]}


def test_from_one_list_to_the_next_and_back(served):
    client, serving = served
    start = client.get("/v1/rules").json()["version"]
    everything = shown(client)
    hidden, pinned = next(iter(everything)), list(everything)[-1]
    kept = put(
        client, row("hide", "exclude", items=f'"{hidden}"'), row("first", "pin", 1, items=f'"{pinned}"'),
        note="they asked for it", expected=start,
    )  # fmt: skip
    assert kept.json() == {"version": start + 1, "rules": 2}
    now = shown(client)
    assert hidden not in now
    assert next(iter(now)) == pinned
    assert now[pinned]["reason"] == {"kind": "rule", "rule": "first"}
    for found in (client.get("/v1/search", params={"q": hidden}), client.get(f"/v1/items/{pinned}/similar")):
        assert hidden not in [one["item_id"] for one in found.json()["items"]]
    told = client.get("/v1/rules").json()
    assert (told["version"], told["in_force"]) == (start + 1, start + 1)
    assert [(one["name"], one["items"]) for one in told["rules"]] == [("hide", 1), ("first", 1)]
    assert told["history"][0]["note"] == "they asked for it"
    assert told["history"][0]["author"] == "key " + serving.shop.keys.listed()[-1].id
    assert told["history"][0]["added"] == ["hide", "first"]
    assert put(client, row("only", "exclude", items=f'"{pinned}"')).json()["version"] == start + 2
    back = client.post("/v1/rules/rollback", json={"version": start + 1, "expected": start + 2})
    assert back.json() == {"version": start + 3, "rules": 2}
    assert next(iter(shown(client))) == pinned
    newest = client.get("/v1/rules").json()["history"][0]
    assert (newest["restores"], newest["removed"]) == (start + 1, ["only"])
    put(client)


def test_what_cannot_be_used_changes_nothing(served):
    client, _ = served
    kept = put(client, row("hide", "exclude", items='"tea"')).json()
    for bad, status, code, why in (
        (put(client, row("x", "exclude", brand="OPI")), 400, "invalid-rules", "row 1: Brand knows no OPI"),
        (put(client, expected=kept["version"] - 1), 409, "conflict", "by now"),
        (client.put("/v1/rules", json={"document": "x"}), 400, "invalid-input", "document"),
        (client.put("/v1/rules", json={"document": {}, "note": 3}), 400, "invalid-input", "note"),
        (put(client, expected="1"), 400, "invalid-input", "expected"),
        (client.post("/v1/rules/rollback", json={"version": 999}), 404, "not-found", "no version 999"),
        (client.post("/v1/rules/rollback", json={}), 400, "invalid-input", "version"),
        (client.post("/v1/rules/dry-run", json=[]), 400, "invalid-input", "object"),
    ):
        assert (bad.status_code, bad.json()["error"]["code"]) == (status, code)
        assert why in bad.json()["error"]["message"]
    assert client.get("/v1/rules").json()["version"] == kept["version"]
    assert "tea" not in shown(client)
    put(client)


def test_only_an_admin_sees_or_changes_them(served):
    client, serving = served
    reader = {"authorization": f"Bearer {serving.shop.keys.create(['read', 'events'], 0.0)}"}
    assert client.get("/v1/rules", headers=reader).status_code == 403
    for call in (client.put, client.post):
        assert call("/v1/rules", headers=reader, json={}).status_code in (403, 405)


def test_a_dry_run_tells_what_would_have_changed_and_changes_nothing(served):
    client, serving = served
    put(client)
    for _ in range(3):
        everything = shown(client)
    assert serving.engine.writer.flush(5.0)
    before, lists = client.get("/v1/rules").json()["version"], len(everything)
    first, last = next(iter(everything)), list(everything)[-1]
    body = {"document": json.loads(document_of([row("hide", "exclude", items=f'"{first}"')]))}
    found = client.post("/v1/rules/dry-run", json=body).json()
    assert found["lists"] >= 3
    assert found["changed"] == found["lists"]
    assert found["share"] == 1.0
    assert [(one["name"], one["items"], one["lists"]) for one in found["rules"]] == [
        ("hide", 1, found["lists"])
    ]
    assert len(found["examples"][0]["after"]) == lists - 1
    never = {
        "document": json.loads(
            document_of([row("n", "pin", lists, items=f'"{last}"', person="person.x == 1")])
        )
    }
    assert client.post("/v1/rules/dry-run", json=never).json()["share"] == 0.0
    soon = row("soon", "exclude", items=f'"{first}"', starts="2999-01-01")
    body = {"document": json.loads(document_of([soon]))}
    assert client.post("/v1/rules/dry-run", json=body).json()["share"] == 1.0, "as if it had started"
    assert client.get("/v1/rules").json()["version"] == before
    assert list(shown(client)) == list(everything)


def test_a_server_takes_in_what_a_command_changes_beside_it(served, folder, tmp_path, capsys):
    client, serving = served
    file = tmp_path / "rules.json"
    file.write_bytes(document_of([row("no tea", "exclude", items='"tea"')]))
    arguments = ["--shop", str(folder), "--by", "Ann", "--note", "sold badly"]
    assert main(["rules", "import", str(file), *arguments]) == 0
    serving.engine.look()
    assert "tea" not in shown(client)
    newest = client.get("/v1/rules").json()["history"][0]
    assert (newest["author"], newest["note"]) == ("Ann", "sold badly")
    capsys.readouterr()
    assert main(["rules", "list", "--shop", str(folder)]) == 0
    assert capsys.readouterr().out == "no tea: exclude, 1 items\n"
    assert main(["rules", "export", str(tmp_path / "out.json"), "--shop", str(folder)]) == 0
    assert json.loads((tmp_path / "out.json").read_bytes()) == json.loads(file.read_bytes())
    assert main(["rules", "dry-run", str(file), "--shop", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] == 0
    file.write_bytes(document_of([row("no tea", "hide", items='"tea"')]))
    assert main(["rules", "import", str(file), *arguments]) == 1
    assert "row 1: action must be one of" in capsys.readouterr().err
    assert main(["rules", "rollback", str(newest["version"] - 1), *arguments]) == 0
    serving.engine.look()
    assert "tea" in shown(client)
    capsys.readouterr()
    assert main(["rules", "history", "--shop", str(folder)]) == 0
    assert "author: Ann" in capsys.readouterr().out
    assert main(["rules", "rollback", "--shop", str(folder)]) == 1
    assert main(["rules", "import", "--shop", str(folder)]) == 1


def test_rules_that_a_server_cannot_use_leave_the_last_good_ones(served, folder):
    client, serving = served
    put(client, row("no tea", "exclude", items='"tea"'))
    with sqlite3.connect(folder / "shop.db") as database:
        database.execute(
            "INSERT INTO rules (version, time, author, note, restores, document) "
            "SELECT max(version) + 1, 0, 'newer', '', 0, CAST('{}' AS BLOB) FROM rules"
        )
    database.close()
    serving.engine.look()
    serving.engine.look()
    assert "tea" not in shown(client)
    told = client.get("/v1/rules").json()
    assert told["version"] == told["in_force"] + 1
    with Shop(folder, writer=False) as shop, pytest.raises(ShopError, match="cannot be used by this version"):
        Ruling(shop, nobody_hears)
