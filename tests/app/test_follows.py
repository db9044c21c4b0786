"""Who follows whom through the whole house: the command, repair, whole lists, backup, erasure, guests."""

import json
from pathlib import Path

import pytest
from tests.app.commands import GOOD, run

from penchant.app.backup import back_up, restore
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file, take_in
from penchant.errors import Conflict, InvalidInput
from penchant.events.follows import MOST_IN_A_LIST
from penchant.events.repair import export_letters
from penchant.types import Pseudonym

FOLLOWS = (
    "user_id,follows,removed,since\n"
    "anna,ben,,2020\n"
    "anna,zoe,no,2020\n"
    "ben,anna,,2020\n"
    "ben,ben,,2020\n"
    "secretone,,,2020\n"
    ",hiddenone,,2020\n"
    "secretone,hiddenone,perhaps,2020\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init_shop(tmp_path / "shop")
    return tmp_path / "shop"


def write(folder: Path, text: str, name: str = "follows.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def told(what: str, share: float) -> None:
    """Nobody listens."""


def of(shop: Shop, user: str) -> list[Pseudonym]:
    return shop.follows.of_person(shop.pseudonymizer.pseudonym(user))


def names(shop: Shop, *users: str) -> list[Pseudonym]:
    return shop.pseudonymizer.pseudonyms(list(users))


def test_the_command_takes_pairs_hides_both_and_takes_some_away(folder: Path, tmp_path: Path) -> None:
    command = ("import", "--shop", folder, "--table", "follows")
    path = write(tmp_path, FOLLOWS)
    ended = run(*command, path, "--json")
    (report,) = json.loads(ended.out)
    refused = {"follows-self": 1, "missing-follows": 1, "missing-user_id": 1, "not-a-bool": 1}
    assert (ended.code, report["taken"], report["changed"], report["rejected"]) == (3, 3, 3, refused)
    assert report["not_kept"] == ["since"]
    (again,) = json.loads(run(*command, path, "--json").out)
    assert (again["taken"], again["changed"]) == (3, 0)
    with Shop(folder, writer=False) as shop:
        assert of(shop, "anna") == names(shop, "zoe", "ben")
        assert of(shop, "ben") == names(shop, "anna")
        lines = b"".join(export_letters(shop.dead_letters)).decode()
    whole = (folder / "shop.db").read_bytes()
    for secret in ("secretone", "hiddenone"):
        assert secret not in lines
        assert secret not in ended.out + ended.err
        assert secret.encode() not in whole
    for known in (b"anna", b"zoe"):
        assert known not in whole
    run(*command, write(tmp_path, "user_id,follows,removed\nanna,ben,yes\nanna,mia,yes\n"))
    with Shop(folder, writer=False) as shop:
        assert of(shop, "anna") == names(shop, "zoe")
    guessed = run("import", "--shop", folder, path)
    assert guessed.code == 1


def test_refused_pairs_are_repaired_and_an_edited_letter_keeps_no_id_either(
    folder: Path, tmp_path: Path
) -> None:
    with Shop(folder, writer=True) as shop:
        take_file(shop, write(tmp_path, FOLLOWS), table="follows")
        zoe = names(shop, "zoe")[0]
        shop.ledger.begin(zoe, 0.0)
        shop.ledger.finish(zoe, 0.0)
        lines = [json.loads(line) for line in export_letters(shop.dead_letters)]
        for line in lines:
            if line["code"] == "not-a-bool":
                line["record"] |= {"removed": None, "follows": "ben"}
            elif line["code"] == "missing-follows":
                line["record"] |= {"follows": "zoe"}
        mended = write(tmp_path, "".join(f"{json.dumps(line)}\n" for line in lines), "mended.jsonl")
        (report,) = take_in(shop, [], told, repaired=mended)
        assert report.repaired == 1  # type: ignore[union-attr]
        assert report.remaining["erased"] == 1  # type: ignore[union-attr]
        assert of(shop, "secretone") == names(shop, "ben")
        assert "zoe" not in b"".join(export_letters(shop.dead_letters)).decode()


def test_a_whole_list_replaces_and_a_wrong_one_changes_nothing(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        door = shop.follow_lists()
        assert door.put("anna", ["ben", "zoe", "ben"]) == {"follows": 2, "changed": 2}
        assert door.put("anna", ["zoe"]) == {"follows": 1, "changed": 1}
        for wrong, said in (
            (["anna"], "themselves"),
            (["ben", ""], "place 1"),
            (["ben", None], "place 1"),
            ([{"a": 1}], "place 0"),
            (["secretone" * 1_000], "place 0"),
            ([f"u{n}" for n in range(MOST_IN_A_LIST + 1)], "at most"),
        ):
            with pytest.raises(InvalidInput, match=said) as raised:
                door.put("anna", wrong)
            assert "secretone" not in str(raised.value)
        assert of(shop, "anna") == names(shop, "zoe")
        assert door.put("anna", []) == {"follows": 0, "changed": 1}


def test_the_erasure_of_either_removes_the_pair_and_a_file_does_not_bring_it_back(
    folder: Path, tmp_path: Path
) -> None:
    with Shop(folder, writer=True) as shop:
        take_file(shop, write(tmp_path, FOLLOWS), table="follows")
        anna, ben = names(shop, "anna", "ben")
        assert shop.rights().export(ben)["held"]["follows"] == [{"follows": anna}]
        assert shop.rights().export(names(shop, "zoe")[0])["held"]["follows"] == []
        assert shop.rights().erase(ben, shop.clock()).removed["follows"] == 2
        assert of(shop, "anna") == names(shop, "zoe")
        report = take_file(shop, write(tmp_path, FOLLOWS), table="follows")
        assert (report.changed, report.erased) == (0, 2)  # type: ignore[union-attr]
        assert ben not in [one for row in shop.follows.all() for one in (row.user_id, row.follows)]
        assert ben.encode() not in (folder / "shop.db").read_bytes()
        # What the shop sends by itself is from now, as with attributes.
        shop.clock = lambda: 4e9
        assert shop.follow_lists().put("ben", ["anna"]) == {"follows": 1, "changed": 1}
        shop.ledger.begin(anna, 4e9)
        shop.ledger.finish(anna, 4e9)
        with pytest.raises(Conflict):
            shop.follow_lists().put("ben", ["anna", "zoe"])
        assert of(shop, "ben") == [anna]


def test_pairs_are_in_a_backup_and_restore_obeys_the_ledger(folder: Path, tmp_path: Path) -> None:
    with Shop(folder, writer=True) as shop:
        take_in(shop, [write(tmp_path, GOOD, "events.csv")], told)
        take_file(shop, write(tmp_path, FOLLOWS), table="follows")
        back_up(shop, tmp_path / "one.tar")
        # Zoe has no event and no row of her own: she is found by who follows her.
        shop.rights().erase(names(shop, "zoe")[0], shop.clock() + 1)
    ledger = (folder / "erased.ledger").read_bytes()
    target = tmp_path / "restored"
    target.mkdir()
    (target / "erased.ledger").write_bytes(ledger)
    restore(tmp_path / "one.tar", target, until=None, clock=lambda: 2e9, tell=told)
    with Shop(target, writer=False) as shop:
        assert of(shop, "anna") == names(shop, "ben")
        assert of(shop, "ben") == names(shop, "anna")


def test_whom_a_guest_follows_the_person_follows_from_the_login_on(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        door = shop.follow_lists()
        door.put("guest", ["ben", "anna"])
        door.put("zoe", ["guest"])
        door.put("anna", ["ben"])
        guest, anna = names(shop, "guest", "anna")
        before = shop.follows.version()
        shop.guests.join(guest, anna, 1.5e9)
        assert of(shop, "guest") == []
        assert of(shop, "anna") == names(shop, "ben")
        assert of(shop, "zoe") == [anna]
        assert shop.follows.version() != before
