"""Offers, exposures and stock through the whole house: the command, repair, backup, erasure, guests."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.app.commands import GOOD, run

from penchant.app.backup import back_up, restore
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file, take_in
from penchant.errors import InvalidInput
from penchant.events.offers import Exposure
from penchant.events.repair import export_letters
from penchant.events.tables import TableReport

OFFERS = (
    "offer_id,campaign_id,item_id,starts,ends,discount\n"
    "o1,spring,tea,2026-01-01,2026-02-01,0.2\n"
    "o1,spring,cup,2026-01-01,2026-02-01,\n"
    "o2,spring,tea,2026-02-01,2026-01-01,\n"
    "o3,spring,tea,2026-01-01,2026-02-01,20\n"
    ",spring,tea,2026-01-01,2026-02-01,\n"
)
EXPOSURES = (
    "user_id,campaign_id,timestamp,held_out,channel\n"
    "anna,spring,2026-01-02,,mail\n"
    "ben,spring,2026-01-02,yes,mail\n"
    "zoe,spring,2026-01-02,perhaps,mail\n"
)
STOCK = (
    "item_id,timestamp,on_hand,lead_time_days\ntea,2026-01-02,3,2\ntea,2026-01-03,0,\ncup,2026-01-02,-1,\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init_shop(tmp_path / "shop")
    return tmp_path / "shop"


def write(folder: Path, text: str, name: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def told(what: str, share: float) -> None:
    """Nobody listens."""


def take_all(shop: Shop, folder: Path) -> list[TableReport]:
    found: list[Any] = [
        take_file(shop, write(folder, text, f"{table}.csv"), table=table)
        for table, text in (("offers", OFFERS), ("exposures", EXPOSURES), ("stock", STOCK))
    ]
    return found


def test_the_command_takes_what_is_good_and_keeps_what_is_not_with_the_reason(
    folder: Path, tmp_path: Path
) -> None:
    for table, text, taken, rejected in (
        ("offers", OFFERS, 2, {"ends-first": 1, "too-large": 1, "missing-offer_id": 1}),
        ("exposures", EXPOSURES, 2, {"not-a-bool": 1}),
        ("stock", STOCK, 2, {"negative": 1}),
    ):
        path = write(tmp_path, text, f"{table}.csv")
        ended = run("import", "--shop", folder, "--table", table, path, "--json")
        (report,) = json.loads(ended.out)
        assert ended.code == 3
        assert (report["taken"], report["changed"], report["rejected"]) == (taken, taken, rejected)
        (again,) = json.loads(run("import", "--shop", folder, "--table", table, path, "--json").out)
        assert (again["taken"], again["changed"]) == (taken, 0)
    guessed = run("import", "--shop", folder, path)
    assert (guessed.code, "say --table stock" in guessed.line) == (1, True)
    with Shop(folder, writer=False) as shop:
        assert [(row.item_id, row.discount) for row in shop.offers.all()] == [("cup", None), ("tea", 0.2)]
        assert {row.held_out for row in shop.exposures.all()} == {True, False}
        assert [row.on_hand for row in shop.stock.all()] == [3.0, 0.0]
        lines = b"".join(export_letters(shop.dead_letters)).decode()
    assert "zoe" not in lines
    assert b"anna" not in (folder / "shop.db").read_bytes()
    exported = json.loads(run("export-user", "--shop", folder, "anna").out)["held"]["exposures"]
    assert exported == [{"campaign_id": "spring", "timestamp": 1767312000.0, "held_out": False}]
    erased = json.loads(run("erase-user", "--shop", folder, "anna", "--yes", "--json").out)
    assert erased["removed"]["exposures"] == 1
    path = write(tmp_path, EXPOSURES, "exposures.csv")
    (again,) = json.loads(run("import", "--shop", folder, "--table", "exposures", path, "--json").out)
    assert (again["erased"], again["changed"]) == (1, 0)


def test_a_column_that_is_not_kept_is_named(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=True) as shop:
        offers, exposures, _ = take_all(shop, tmp_path)
    assert (offers.not_kept, exposures.not_kept) == ([], ["channel"])


def test_refused_rows_are_repaired_under_their_pseudonym_and_an_older_letter_changes_nothing(
    folder: Path, tmp_path: Path
) -> None:
    with Shop(folder, writer=True) as shop:
        take_all(shop, tmp_path)
        mended = b"".join(export_letters(shop.dead_letters)).decode()
        mended = mended.replace('"held_out":"perhaps"', '"held_out":"no"').replace('"20"', '"0.20"')
        (report,) = take_in(shop, [], told, repaired=write(tmp_path, mended, "mended.jsonl"))
        assert (report.tried, report.repaired) == (5, 2)  # type: ignore[union-attr]
        zoe = shop.pseudonymizer.pseudonym("zoe")
        assert [row.held_out for row in shop.exposures.of_person(zoe)] == [False]
        assert [row.discount for row in shop.offers.all() if row.offer_id == "o3"] == [0.2]
        # As if a letter of before were good by now: the row that came since stays.
        take_file(
            shop, write(tmp_path, "item_id,timestamp,on_hand\ncup,2026-01-02,9\n", "s.csv"), table="stock"
        )
        (number, letter) = next(one for one in shop.dead_letters.all() if one[1].table == "stock")
        fields = {name: getattr(letter, name) for name in letter.__struct_fields__}
        shop.dead_letters.remove([number])
        shop.dead_letters.add([type(letter)(**{**fields, "content": letter.content | {"on_hand": "1"}})])
        (report,) = take_in(shop, [], told, repaired=Path())
        assert report.answered == 1  # type: ignore[union-attr]
        assert shop.stock.newest(2e9)["cup"].on_hand == 9


def test_they_are_in_a_backup_and_restore_obeys_the_ledger_and_the_time(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=True) as shop:
        take_in(shop, [write(tmp_path, GOOD, "events.csv")], told)
        take_all(shop, tmp_path)
        back_up(shop, tmp_path / "one.tar")
        shop.rights().erase(shop.pseudonymizer.pseudonym("anna"), shop.clock() + 1)
    ledger = (folder / "erased.ledger").read_bytes()
    for until, levels, people in ((None, 2, 1), (1767312000.0, 1, 1), (1767000000.0, 0, 0)):
        target = tmp_path / f"restored-{until}"
        target.mkdir()
        (target / "erased.ledger").write_bytes(ledger)
        restore(tmp_path / "one.tar", target, until=until, clock=lambda: 2e9, tell=told)
        with Shop(target, writer=False) as shop:
            assert len(shop.offers.all()) == 2
            assert (len(shop.stock.all()), len(shop.exposures.all())) == (levels, people)


def test_what_a_guest_was_told_is_the_persons_up_to_the_login(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=True) as shop:
        text = "user_id,campaign_id,timestamp\ng,spring,2001-01-01\ng,late,2001-02-01\n"
        take_file(shop, write(tmp_path, f"{text}anna,spring,2001-01-01\n", "e.csv"), table="exposures")
        guest, anna = shop.pseudonymizer.pseudonyms(["g", "anna"])
        before = shop.exposures.version()
        shop.guests.join(guest, anna, 979_000_000.0)
        assert [row.campaign_id for row in shop.exposures.of_person(anna)] == ["spring"]
        assert [row.campaign_id for row in shop.exposures.of_person(guest)] == ["late"]
        assert shop.exposures.version() > before


@pytest.mark.parametrize("guest_held", [True, False])
def test_who_was_left_out_by_lot_stays_so_when_a_guest_becomes_them(folder: Path, guest_held: bool) -> None:
    with Shop(folder, writer=True) as shop:
        row = {"campaign_id": "spring", "timestamp": 1.5e9}
        rows = [
            row | {"user_id": "g", "held_out": guest_held},
            row | {"user_id": "anna", "held_out": not guest_held},
        ]
        shop.tables()["exposures"].put(rows)
        guest, anna = shop.pseudonymizer.pseudonyms(["g", "anna"])
        shop.guests.join(guest, anna, 1.6e9)
        assert [one.held_out for one in shop.exposures.of_person(anna)] == [True]
        assert shop.exposures.of_person(guest) == []


def test_what_a_guest_was_told_is_the_persons_also_where_it_comes_after_the_login(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        guest, anna = shop.pseudonymizer.pseudonyms(["g", "anna"])
        door = shop.tables()["exposures"]
        rows = [{"user_id": "g", "campaign_id": "spring", "timestamp": at} for at in (1.4e9, 1.6e9)]
        door.put([rows[1]])
        shop.guests.join(guest, anna, 1.5e9)
        assert door.put(rows) == {"received": 2, "changed": 1, "erased": 0}
        assert [row.timestamp for row in shop.exposures.of_person(anna)] == [1.4e9]
        assert [row.timestamp for row in shop.exposures.of_person(guest)] == [1.6e9]
        assert door.known(rows, ["", ""]) == [True, True]
        shop.ledger.begin(anna, 1.45e9)
        shop.ledger.finish(anna, 1.45e9)
        assert door.put([{**rows[0], "timestamp": 1.42e9}])["erased"] == 1


def test_what_is_left_of_a_guest_up_to_the_login_goes_with_the_person(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        guest, anna = shop.pseudonymizer.pseudonyms(["g", "anna"])
        shop.guests.join(guest, anna, 1.5e9)
        left = [Exposure(user_id=guest, campaign_id="spring", timestamp=at) for at in (1.4e9, 1.6e9)]
        shop.exposures.put(left)
        before = shop.exposures.version()
        shop.rights().erase(anna, shop.clock())
        assert shop.exposures.all() == left[1:]
        assert shop.exposures.version() > before
        door = shop.tables()["exposures"]
        assert door.put([{"user_id": "g", "campaign_id": "spring", "timestamp": 1.4e9}])["erased"] == 1


def test_rows_of_a_request_are_all_kept_or_none(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        door = shop.tables()["exposures"]
        good = {"user_id": "anna", "campaign_id": "spring", "timestamp": 1.5e9}
        with pytest.raises(InvalidInput, match="exposures: record 1: held_out is not true or false"):
            door.put([good, good | {"held_out": "perhaps"}])
        assert shop.exposures.all() == []
        assert shop.dead_letters.counts() == {}
        assert door.put([good]) == {"received": 1, "changed": 1, "erased": 0}
        shop.rights().erase(shop.pseudonymizer.pseudonym("anna"), shop.clock())
        assert door.put([good]) == {"received": 1, "changed": 0, "erased": 1}
