"""Rows of the users table: read or refused with a reason, pseudonyms only, tombstones obeyed."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_doubles import NOW, Hasher, Ledger

from penchant.errors import Conflict, InvalidInput
from penchant.events.users import Users
from penchant.settings import ServeSettings, Settings
from penchant.testing.fakes import InMemoryAttributes, InMemoryDeadLetters
from penchant.types import Pseudonym

ANNA, BEN, CLEO = map(Pseudonym, Hasher().pseudonyms(["anna", "ben", "cleo"]))


class House:
    """The door for attributes, and what stands behind it."""

    def __init__(self) -> None:
        self.store, self.letters, self.ledger = InMemoryAttributes(), InMemoryDeadLetters(), Ledger()
        self.settings = Settings()

    @property
    def users(self) -> Users:
        return Users(
            self.store, self.letters, Hasher(), self.ledger, settings=self.settings, clock=lambda: NOW
        )

    def all_letters(self) -> list[Any]:
        return [letter for _, letter in self.letters.all()]


@pytest.fixture
def house() -> House:
    return House()


def file(folder: Path, *rows: dict[str, Any], name: str = "users.jsonl") -> Path:
    (folder / name).write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return folder / name


def test_csv_parquet_and_json_lines_say_the_same(house: House, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id,city,size\nanna,Zürich,4\nben,,2\ncleo,,\n", "utf-8")
    columns = {"user_id": ["anna", "ben", "cleo"], "city": ["Zürich", None, None], "size": [4, 2, None]}
    pq.write_table(pa.table(columns), tmp_path / "users.parquet")
    rows = [
        {"user_id": "anna", "city": "Zürich", "size": 4}, {"user_id": "ben", "city": "", "size": "2"},
        {"user_id": "cleo", "city": None, "size": "  "},
    ]  # fmt: skip
    for path in (tmp_path / "users.csv", tmp_path / "users.parquet", file(tmp_path, *rows)):
        house.store = InMemoryAttributes()
        report = house.users.import_file(path)
        assert (report.rows, report.users, report.changed, report.rejected) == (3, 3, 2, {})
        assert house.store.many([ANNA, BEN, CLEO]) == {
            ANNA: {"city": "Zürich", "size": "4"}, BEN: {"size": "2"},
        }  # fmt: skip
    assert "anna" not in repr(vars(house.store))


BAD: list[tuple[dict[str, Any], str, str, str]] = [
    ({"city": 1.5}, "city", "not-text", "1.5"),
    ({"city": True}, "city", "not-text", "True"),
    ({"city": ["Bern"]}, "city", "not-text", "a list of 1"),
    ({"city": {"name": "Bern"}}, "city", "not-text", "a dict of 1"),
    ({"city": 2**60}, "city", "not-text", str(2**60)),
    ({"city": "x" * 65}, "city", "too-long", "65 characters, the limit is 64"),
    ({"city": "Ber\nn"}, "city", "control-character", r"'Ber\nn'"),
    ({"city": "Ber\x00n"}, "city", "control-character", "take it out"),
    ({"x" * 257: "1"}, "x" * 60 + "'… (257 characters", "too-long", "the limit is 256"),
    ({"ci\x07ty": "Bern"}, "ci\\x07ty", "control-character", "take it out"),
    ({"": "Bern"}, "", "empty", "empty text"),
    ({f"n{n}": "1" for n in range(51)}, "attributes", "too-many", "more than 50"),
    ({"user_id": None}, "user_id", "missing-user_id", "the shop's own id"),
    ({"user_id": ""}, "user_id", "empty", "empty text"),
    ({"user_id": "an\x00na"}, "user_id", "control-character", "take it out"),
    ({"user_id": "a" * 257}, "user_id", "too-long", "the limit is 256"),
    ({"user_id": ["anna"]}, "user_id", "not-text", "not a text"),
]


@pytest.mark.parametrize("bad", BAD, ids=[f"{code}-{n}" for n, (_, _, code, _) in enumerate(BAD)])
def test_a_row_that_breaks_a_rule_waits_and_the_others_are_in(
    house: House, tmp_path: Path, bad: tuple[dict[str, Any], str, str, str]
) -> None:
    changed, column, code, words = bad
    good = {"user_id": "ben", "city": "Bern"}
    report = house.users.import_file(file(tmp_path, {"user_id": "anna"} | changed, good))
    assert (report.rows, report.users, report.rejected) == (2, 1, {code: 1})
    assert house.store.many([ANNA, BEN]) == {BEN: {"city": "Bern"}}
    (letter,) = house.all_letters()
    assert (letter.source, letter.row, letter.table) == ("users.jsonl", 1, "users")
    assert (letter.column, letter.code) == (column, code)
    assert words in letter.message
    assert report.examples == [f"row 1: {letter.message}"]
    assert "anna" not in repr(letter), "no letter tells a person's id"
    if "user_id" not in changed:
        assert letter.user_id == letter.content["user_id"] == ANNA


def test_a_byte_that_is_no_utf8_late_in_a_file_is_one_refused_row(house: House, tmp_path: Path) -> None:
    rows = f"ben,{'x' * 60}\n" * 20_000
    (tmp_path / "users.csv").write_bytes(f"user_id,city\n{rows}".encode() + b"anna,Z\xfcrich\n")
    assert house.users.import_file(tmp_path / "users.csv").rejected == {"encoding": 1}
    assert house.store.many([ANNA, BEN]) == {BEN: {"city": "x" * 60}}
    with pytest.raises(InvalidInput, match="not UTF-8"):
        house.users.put("anna", {"city": "Z\udcfcrich"})


def test_limits_are_reached_but_not_passed(house: House, tmp_path: Path) -> None:
    most = {"n" * 254 + f"{n:02}": "ä" * 64 for n in range(50)}
    empty = {f"empty{n}": "" for n in range(200)}
    report = house.users.import_file(file(tmp_path, {"user_id": "anna"} | empty | most))
    assert report.rejected == {}
    assert house.store.attributes_of(ANNA) == most
    house.settings = Settings(serve=ServeSettings(max_id=16))
    assert house.users.import_file(file(tmp_path, {"user_id": "ben"} | most)).rejected == {"too-long": 1}


def test_values_that_equal_each_other_are_told_apart(house: House, tmp_path: Path) -> None:
    report = house.users.import_file(
        file(
            tmp_path,
            {"user_id": "anna", "n": 1},
            {"user_id": "ben", "n": True},
            {"user_id": "cleo", "n": "1"},
        )
    )
    assert report.rejected == {"not-text": 1}
    assert house.store.many([ANNA, BEN, CLEO]) == {ANNA: {"n": "1"}, CLEO: {"n": "1"}}


def test_the_last_row_of_a_person_holds_and_a_file_twice_changes_nothing(
    house: House, tmp_path: Path
) -> None:
    first = {"user_id": "anna", "city": "Bern", "plan": "gold"}
    path = file(tmp_path, first, {"user_id": "ben", "plan": "free"}, {"user_id": "anna", "city": "Chur"})
    assert house.users.import_file(path).changed == 2
    assert house.store.attributes_of(ANNA) == {"city": "Chur"}, "the plan is gone with the row that told it"
    assert house.users.import_file(path).changed == 0
    house.users.import_file(file(tmp_path, {"user_id": "anna", "city": ""}))
    assert house.store.many([ANNA, BEN]) == {BEN: {"plan": "free"}}


def test_the_last_row_holds_across_chunks_too(house: House, tmp_path: Path) -> None:
    lines = ["user_id,n", *(f"u{n % 7},{n}" for n in range(20_050))]
    (tmp_path / "users.csv").write_text("\n".join(lines), "utf-8")
    report = house.users.import_file(tmp_path / "users.csv")
    assert (report.rows, report.users, house.store.count()) == (20_050, 20_050, 7)
    (person,) = map(Pseudonym, Hasher().pseudonyms([f"u{20_049 % 7}"]))
    assert house.store.attributes_of(person) == {"n": "20049"}


def test_rows_that_cannot_be_told_apart_wait_as_users(house: House, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id,city\nanna,Bern,Chur\nben,Bern\n", "utf-8")
    assert house.users.import_file(tmp_path / "users.csv").rejected == {"ragged": 1}
    (letter,) = house.all_letters()
    assert (letter.row, letter.table, letter.content, letter.user_id) == (2, "users", {}, "")


def test_a_file_without_user_id_is_refused(house: House, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="table of users needs the column user_id; the file has: city"):
        house.users.import_file(file(tmp_path, {"city": "Bern"}))


def test_no_file_brings_an_erased_person_back(house: House, tmp_path: Path) -> None:
    house.ledger.erased[ANNA] = NOW - 9
    late = {"timestamp": NOW + 9, "city": "x" * 65}
    rows = [
        {"user_id": "anna", "city": "Bern"},
        {"user_id": "anna"} | late,
        {"user_id": "ben", "city": "Chur"},
    ]
    report = house.users.import_file(file(tmp_path, *rows))
    assert (report.rows, report.users, report.erased) == (3, 1, 1)
    assert house.store.many([ANNA, BEN]) == {BEN: {"city": "Chur"}}
    assert house.all_letters() == [], "an erased person leaves no letter, whatever a column says"
    (broken,) = house.users.take([{"user_id": "anna", "city": "Bern"}], [""])
    assert broken is not None
    assert broken.code == "erased"
    assert house.store.attributes_of(ANNA) == {}


def test_put_replaces_and_removes(house: House) -> None:
    assert house.users.put("anna", {"city": "Bern", "n": 7, "plan": None}) == {"city": "Bern", "n": "7"}
    assert house.users.put("anna", {"plan": "gold"}) == {"plan": "gold"}
    assert house.store.attributes_of(ANNA) == {"plan": "gold"}
    assert house.users.put("anna", {}) == {}
    assert house.store.count() == 0


@pytest.mark.parametrize("changed", [one for one, *_ in BAD if "user_id" not in one] + [{"user_id": "ben"}])
def test_a_bad_put_changes_nothing_and_leaves_no_letter(house: House, changed: dict[str, Any]) -> None:
    house.users.put("anna", {"city": "Bern"})
    with pytest.raises(InvalidInput, match=r"^attributes: "):
        house.users.put("anna", {"plan": "gold"} | changed)
    assert house.store.attributes_of(ANNA) == {"city": "Bern"}
    assert house.all_letters() == []


def test_who_comes_back_after_an_erasure_starts_from_nothing(house: House) -> None:
    house.ledger.erased[ANNA] = NOW - 9
    assert house.users.put("anna", {"city": "Bern"}) == {"city": "Bern"}
    house.ledger.erased[BEN] = NOW
    with pytest.raises(Conflict, match="erased"):
        house.users.put("ben", {"city": "Bern"})
    assert house.store.many([ANNA, BEN]) == {ANNA: {"city": "Bern"}}
