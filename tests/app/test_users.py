"""The users table through the whole house: the command, repair, restart, erasure, training."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.app.commands import GOOD, content, run
from tests.serve.shops import behind_the_door

from penchant.app.quality import quality
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file, take_in
from penchant.app.work import material
from penchant.errors import InvalidInput
from penchant.events.attributes import Attributes
from penchant.events.repair import RepairReport, export_letters
from penchant.privacy.consent import Consent
from penchant.testing.fakes import FakeTextEncoder

USERS = "user_id,city,plan\nanna,Bern,gold\nben,,\nzoe,Chur,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init_shop(tmp_path / "shop")
    return tmp_path / "shop"


def write(folder: Path, text: str, name: str = "users.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def known(shop: Shop, user: str) -> Attributes:
    return shop.attributes.attributes_of(shop.pseudonymizer.pseudonym(user))


def told(what: str, share: float) -> None:
    """Nobody listens."""


def repaired(shop: Shop, path: Path = Path()) -> RepairReport:
    (report,) = take_in(shop, [], told, repaired=path)
    assert isinstance(report, RepairReport)
    return report


def letters(shop: Shop) -> str:
    return b"".join(export_letters(shop.dead_letters)).decode()


def test_the_command_takes_users_only_when_they_are_named(folder: Path, tmp_path: Path) -> None:
    path = write(tmp_path, USERS)
    guessed = run("import", "--shop", folder, path)
    assert guessed.code == 1
    assert "say --table users" in guessed.line
    assert content(folder)["attributes"] == []
    ended = run("import", "--shop", folder, "--table", "users", path, "--json")
    (report,) = json.loads(ended.out)
    assert (ended.code, report["rows"], report["users"], report["changed"]) == (0, 3, 3, 2)
    kept = [row[1] for row in content(folder)["attributes"]]
    assert sorted(kept, key=repr) == [b'{"city":"Bern","plan":"gold"}', b'{"city":"Chur"}']
    exported = json.loads(run("export-user", "--shop", folder, "anna").out)
    assert exported["held"]["attributes"] == [{"city": "Bern", "plan": "gold"}]
    doctor = json.loads(run("doctor", "--shop", folder, "--json").out)
    assert (doctor["described"], doctor["people"]) == (2, 0)
    erased = json.loads(run("erase-user", "--shop", folder, "anna", "--yes", "--json").out)
    assert erased["removed"]["attributes"] == 1
    again = json.loads(run("import", "--shop", folder, "--table", "users", path, "--json").out)
    assert (again[0]["users"], again[0]["erased"], again[0]["changed"]) == (2, 1, 0)
    for file in folder.iterdir():
        if file.is_file() and file.name != "shop.toml":
            assert b"Bern" not in file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--table", "users"], 1, "nothing to import"),
        (["--table", "users", "--repaired"], 1, "name the file"),
        (["--table", "items", "users.csv"], 1, "a table of items needs the column item_id"),
        (["--table", "events", "users.csv"], 1, "a table of events needs the columns type, timestamp"),
        (["--table", "orders", "users.csv"], 2, ""),
    ],
)
def test_a_table_that_does_not_fit(
    folder: Path, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    write(tmp_path, USERS)
    ended = run("import", "--shop", folder, *arguments, cwd=tmp_path)
    assert ended.code == code
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_a_table_may_be_named_where_the_columns_would_tell(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=True) as shop:
        take_in(shop, [write(tmp_path, GOOD)], told, table="events")
        # A column called timestamp makes no event of a person.
        take_in(shop, [write(tmp_path, "user_id,timestamp\nben,2020\n")], told, table="users")
        assert shop.log.count() == 1
        assert known(shop, "ben") == {"timestamp": "2020"}


def test_they_are_there_after_a_restart_and_no_user_id_is(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=True) as shop:
        take_file(shop, write(tmp_path, USERS), table="users")
        assert quality(shop).described == 2
    with Shop(folder, writer=False) as shop:
        assert known(shop, "anna") == {"city": "Bern", "plan": "gold"}
        assert (known(shop, "zoe"), known(shop, "ben"), known(shop, "nobody")) == ({"city": "Chur"}, {}, {})
    assert b"anna" not in (folder / "shop.db").read_bytes()


def test_a_shop_of_the_version_before_gets_the_table(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=True) as shop:
        take_file(shop, write(tmp_path, GOOD))
        with shop.database.write() as connection:
            later = (
                "offers",
                "exposures",
                "stock",
                "decision_steps",
                "decisions_now",
                "offered",
                "prices",
                "follows",
            )
            for table in ("attributes", "rules", "guests", *later):
                connection.execute(f"DROP TABLE {table}")
            for table in ("events", "people"):
                connection.execute(f"ALTER TABLE {table} DROP COLUMN checks")
            connection.execute("ALTER TABLE consent DROP COLUMN experiments")
            connection.execute(
                "DELETE FROM counters WHERE name IN ('offers', 'exposures', 'stock', 'follows')"
            )
            connection.execute("PRAGMA user_version = 2")
    with Shop(folder, writer=True) as shop:
        take_file(shop, write(tmp_path, USERS), table="users")
        assert (shop.log.count(), known(shop, "zoe")) == (1, {"city": "Chur"})


def test_refused_people_are_repaired_under_their_pseudonym(folder: Path, tmp_path: Path) -> None:
    long = "x" * 65
    path = write(tmp_path, f"user_id,city\nanna,{long}\n,Bern\nben,{long}\n")
    with Shop(folder, writer=True) as shop:
        take_in(shop, [path], told, table="users")
        assert shop.attributes.count() == 0
        assert repaired(shop).remaining == {"too-long": 2, "missing-user_id": 1}
        lines = letters(shop)
        assert "anna" not in lines
        assert [json.loads(line)["table"] for line in lines.splitlines()] == ["users"] * 3
        mended = lines.replace(long, "Chur", 1).replace(
            '"record":{"city":"Bern"', '"record":{"city":"Bern","user_id":"zoe"'
        )
        report = repaired(shop, write(tmp_path, mended, "mended.jsonl"))
        assert (report.tried, report.repaired, report.remaining) == (3, 2, {"too-long": 1})
        assert (known(shop, "anna"), known(shop, "zoe")) == ({"city": "Chur"}, {"city": "Bern"})
        assert shop.attributes.count() == 2
        assert repaired(shop, tmp_path / "mended.jsonl").repaired == 0
        assert (shop.log.count(), shop.items.count()) == (0, 0)


def test_a_repair_that_fails_again_keeps_its_new_form_and_tells_no_id(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=True) as shop:
        take_in(shop, [write(tmp_path, f"user_id,city\n,{'x' * 65}\n")], told, table="users")
        mended = letters(shop).replace('"record":{', '"record":{"user_id":"zoe",')
        assert repaired(shop, write(tmp_path, mended, "mended.jsonl")).remaining == {"too-long": 1}
        ((_, letter),) = shop.dead_letters.all()
        assert (letter.user_id, letter.table) == (shop.pseudonymizer.pseudonym("zoe"), "users")
        assert "zoe" not in letters(shop)
        assert shop.rights().erase(letter.user_id, 5.0).removed["dead-letters"] == 1


@pytest.mark.parametrize("edited", [False, True])
def test_an_old_letter_does_not_replace_what_is_known_since(
    folder: Path, tmp_path: Path, edited: bool
) -> None:
    with Shop(folder, writer=True) as shop:
        take_in(shop, [write(tmp_path, "user_id,city\nanna,Ol\x07ten\n")], told, table="users")
        take_in(shop, [write(tmp_path, USERS)], told, table="users")
        ((number, letter),) = shop.dead_letters.all()
        # As if rules of today took it.
        shop.dead_letters.remove([number])
        content = letter.content | {"city": "Olten"}
        shop.dead_letters.add([type(letter)(**{**_fields(letter), "content": content})])
        path = write(tmp_path, letters(shop).replace("Olten", "Aarau" if edited else "Olten"), "m.jsonl")
        report = repaired(shop, path)
        assert (report.repaired, report.answered) == (int(edited), int(not edited))
        assert known(shop, "anna")["city"] == ("Aarau" if edited else "Bern")
        assert letters(shop) == ""


def _fields(letter: Any) -> dict[str, Any]:
    return {name: getattr(letter, name) for name in letter.__struct_fields__}


def test_training_sees_attributes_and_not_of_who_opted_out(folder: Path, tmp_path: Path) -> None:
    events = GOOD + "ben,tea,purchase,2026-01-05,3\nzoe,tea,purchase,2026-01-05,3\n"
    with Shop(folder, writer=True, encoder=FakeTextEncoder()) as shop:
        take_in(shop, [write(tmp_path, events, "events.csv")], told)
        take_in(shop, [write(tmp_path, USERS)], told, table="users")
        data = material(shop, told).data
        found = dict(zip(data.people, data.attributes, strict=True))
        names = shop.pseudonymizer.pseudonyms(["anna", "ben", "zoe"])
        assert [found[name] for name in names] == [{"city": "Bern", "plan": "gold"}, {}, {"city": "Chur"}]
        shop.consent.set(names[0], Consent(profiling=False))
        data = material(shop, told).data
        assert sorted(data.people) == sorted(names[1:])
        assert len(data.attributes) == 2
        assert "Bern" not in repr(data.attributes)
        assert known(shop, "anna") == {"city": "Bern", "plan": "gold"}, "kept for when they opt in again"


def test_an_erasure_that_was_cut_off_is_finished_for_who_has_only_attributes(
    folder: Path, tmp_path: Path
) -> None:
    with Shop(folder, writer=True) as shop:
        take_file(shop, write(tmp_path, USERS), table="users")
        shop.ledger.begin(shop.pseudonymizer.pseudonym("anna"), shop.clock())
    with Shop(folder, writer=True) as shop:
        assert (known(shop, "anna"), known(shop, "zoe")) == ({}, {"city": "Chur"})
        assert not shop.ledger.pending


def test_a_file_that_breaks_off_keeps_what_was_before(folder: Path, tmp_path: Path) -> None:
    rows = "".join(f"u{n},Bern\n" for n in range(20_001))
    broken = write(tmp_path, f'user_id,city\n{rows}ben,"Chur\n')
    with Shop(folder, writer=True) as shop, pytest.raises(InvalidInput, match="never closed"):
        take_in(shop, [broken], told, table="users")
    with Shop(folder, writer=False) as shop:
        assert shop.attributes.count() == 20_000


# Over HTTP


Served = tuple[TestClient, Serving]


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    client, serving = behind_the_door(folder)
    yield client, serving
    serving.close()


def test_put_shows_in_the_export_and_goes_with_the_person(served: Served) -> None:
    client, serving = served
    key = serving.shop.keys.create(["events"], 0.0)
    answer = client.put(
        "/v1/users/anna/attributes",
        json={"city": "Bern", "plan": ""},
        headers={"authorization": f"Bearer {key}"},
    )
    assert (answer.status_code, answer.json()) == (200, {"attributes": {"city": "Bern"}})
    client.put("/v1/users/zoe/attributes", json={"city": "Chur"})
    assert client.get("/v1/users/anna/export").json()["held"]["attributes"] == [{"city": "Bern"}]
    assert client.delete("/v1/users/anna").json()["removed"]["attributes"] == 1
    assert client.get("/v1/users/anna/export").json()["held"]["attributes"] == []
    assert known(serving.shop, "zoe") == {"city": "Chur"}
    assert client.put("/v1/users/zoe/attributes", json={}).json() == {"attributes": {}}
    assert serving.shop.attributes.count() == 0


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (b"", 400, "invalid-input", "not JSON"),
        (b"[]", 400, "invalid-input", "one JSON object"),
        (b'{"city": "Be', 400, "invalid-input", "not JSON"),
        (b'{"city": "\xe9"}', 400, "invalid-input", "not JSON"),
        (b'{"a":' + b"[" * 100_000, 400, "invalid-input", ""),
        (json.dumps({"city": 1.5}).encode(), 400, "invalid-input", "city is not a text: 1.5"),
        (json.dumps({"city": ["Bern"]}).encode(), 400, "invalid-input", "city is not a text: a list of 1"),
        (json.dumps({"city": "x" * 65}).encode(), 400, "invalid-input", "the limit is 64"),
        (json.dumps({"city": "Ber\x00n"}).encode(), 400, "invalid-input", "control character"),
        (json.dumps({"ci\nty": "Bern"}).encode(), 400, "invalid-input", "control character"),
        (json.dumps({"city": "\ud800"}).encode(), 400, "invalid-input", ""),
        (json.dumps({"": "Bern"}).encode(), 400, "invalid-input", "empty text"),
        (json.dumps({"user_id": "ben"}).encode(), 400, "invalid-input", "not an attribute"),
        (json.dumps({f"n{n}": "1" for n in range(51)}).encode(), 400, "invalid-input", "more than 50"),
        (json.dumps({"city": "x" * 9_000}).encode(), 413, "too-large", "9000"),
        (json.dumps({"x" * 9_000: "1"}).encode(), 413, "too-large", "9000"),
        (b'{"city": "' + b"x" * 5_000_000 + b'"}', 413, "too-large", "bytes"),
    ],
)
def test_a_bad_put_is_told_and_changes_nothing(
    served: Served, body: bytes, status: int, code: str, words: str
) -> None:
    client, serving = served
    client.put("/v1/users/anna/attributes", json={"plan": "gold"})
    answer = client.put("/v1/users/anna/attributes", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert words in answer.json()["error"]["message"]
    assert len(answer.text) < 500
    assert known(serving.shop, "anna") == {"plan": "gold"}
    assert serving.shop.dead_letters.counts() == {}


def test_a_disk_that_refuses_is_a_503_and_what_was_known_holds(served: Served) -> None:
    client, serving = served
    client.put("/v1/users/anna/attributes", json={"plan": "gold"})
    writing = serving.shop.database._writer
    assert writing is not None
    (pages,) = serving.shop.database.read("PRAGMA page_count")[0]
    writing.execute(f"PRAGMA max_page_count = {pages}")
    big = {f"n{n}": "x" * 64 for n in range(50)}
    answers = [client.put(f"/v1/users/u{n}/attributes", json=big).status_code for n in range(30)]
    assert set(answers) <= {200, 503}
    assert answers[-1] == 503
    assert serving.shop.attributes.count() == 1 + answers.count(200)
    writing.execute("PRAGMA max_page_count = 1000000")
    assert known(serving.shop, "anna") == {"plan": "gold"}
    assert client.put("/v1/users/u29/attributes", json=big).status_code == 200
