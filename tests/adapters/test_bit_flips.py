"""One bit of what lies on the disk is another: it is told, and never taken for what was written."""

import random
import shutil
import sqlite3
from collections import Counter

import numpy as np
import pytest
from tests.adapters.sqlite_shop import Stores

from penchant.adapters.sqlite import database as database_module
from penchant.adapters.sqlite.copies import check
from penchant.errors import DamagedLog, PenchantError, ShopError
from penchant.testing.fakes import fake_pseudonym
from penchant.testing.log_contract import FULL, event

FLIPS = 1_000
NUMBERS = ("time", "value", "price", "quantity")
PEOPLE = [fake_pseudonym(str(n)) for n in range(12)]


def whole_log(folder):
    """All that can be read of a log, by every way of reading."""
    stores = Stores(folder, writer=False)
    try:
        columns = stores.log.columns()
        told = {name: getattr(columns, name) for name in ("people", "items", "queries")}
        arrays = {name: getattr(columns, name).tolist() for name in ("person", "item", "type", "position")}
        return {
            **told, **arrays,
            "numbers": [np.nan_to_num(getattr(columns, n)).tolist() for n in NUMBERS],
            "followed": stores.log.follow(0, 10**6),
            "of": [stores.log.of_user(person) for person in PEOPLE],
            "joined": stores.log.joined("list-1"),
            "sums": (stores.log.count(), stores.log.end(), list(stores.log.people())),
        }  # fmt: skip
    finally:
        stores.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    stores, draw = Stores(folder), random.Random(0)
    stores.log.append([FULL])
    for batch in range(40):
        stores.log.append(
            [
                event(
                    f"{draw.getrandbits(64):x}", draw.choice(PEOPLE), draw.uniform(1e9, 2e9),
                    item_id=f"item {draw.randrange(50)}", price=draw.choice([None, 2.5]), value=draw.random(),
                    session_id=f"s{batch}", recommendation_id=draw.choice([None, "list-1"]),
                )
                for _ in range(20)
            ]
        )  # fmt: skip
    stores.close()
    return folder


@pytest.mark.slow
def test_no_flipped_bit_of_the_log_is_read_silently(shop, tmp_path):
    written, size = whole_log(shop), (shop / "shop.db").stat().st_size
    draw, found = random.Random(1), Counter()
    content = (shop / "shop.db").read_bytes()
    for _ in range(FLIPS):
        place, bit = draw.randrange(size), draw.randrange(8)
        broken = bytearray(content)
        broken[place] ^= 1 << bit
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        (tmp_path / "shop.db").write_bytes(broken)
        found[outcome(tmp_path, written)] += 1
        assert not found["silent"], f"bit {bit} of byte {place}"
    assert found["read"] > FLIPS / 4, "the row itself tells"


def outcome(folder, written):
    """Who notices: whoever reads, or the check of a server's start, or nobody needs to."""
    try:
        if whole_log(folder) == written:
            return "harmless"
    except PenchantError:
        return "read"
    try:
        check(folder / "shop.db")
    except PenchantError:
        return "check"
    return "silent"


def damage(folder, what):
    """The first place of some bytes in the file is another."""
    path = folder / "shop.db"
    content = path.read_bytes()
    assert what in content
    place = content.index(what)
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


def test_a_damaged_event_is_named_and_the_others_are_read(tmp_path):
    stores = Stores(tmp_path)
    stores.log.append([event(str(n), PEOPLE[n % 2], query=f"wish {n}") for n in range(9)])
    stores.close()
    damage(tmp_path, b"wish 4")
    stores = Stores(tmp_path)
    with pytest.raises(DamagedLog, match="position 5 "):
        stores.log.of_user(PEOPLE[0])
    with pytest.raises(DamagedLog, match="position 5 "):
        stores.log.columns()
    assert [entry.position for entry in stores.log.of_user(PEOPLE[1])] == [2, 4, 6, 8]
    assert [entry.position for entry in stores.log.follow(5, 99)] == [6, 7, 8, 9]
    stores.close()


@pytest.mark.parametrize("text", [b"wish 4", b"4" * 40])
def test_a_text_that_is_none_any_more_is_told(tmp_path, text):
    """Python says so in one of two ways, by where the text stands."""
    stores = Stores(tmp_path)
    stores.log.append([event("1", query=text.decode())])
    stores.close()
    content = (tmp_path / "shop.db").read_bytes()
    (tmp_path / "shop.db").write_bytes(content.replace(text, b"\xc1" + text[1:]))
    stores = Stores(tmp_path)
    with pytest.raises(ShopError, match="cannot be read"):
        stores.log.columns()
    stores.close()


def test_a_damaged_name_is_not_taken_for_another_person(tmp_path):
    stores = Stores(tmp_path)
    stores.log.append([event("1", PEOPLE[0])])
    stores.close()
    for path in [tmp_path / "shop.db"]:
        content = path.read_bytes()
        name = PEOPLE[0].encode()
        assert content.count(name) == 2, "once in the table, once in its index"
        path.write_bytes(content.replace(name, b"0" * len(name)))
    stores = Stores(tmp_path)
    for read in (stores.log.columns, lambda: stores.log.follow(0, 9)):
        with pytest.raises(DamagedLog, match="person's row"):
            read()
    stores.close()


def test_numbers_that_sqlite_keeps_in_another_form_are_whole(tmp_path):
    stores = Stores(tmp_path)
    stores.log.append(
        [event("1", price=-0.0, value=float("nan"), quantity=3), event("2", timestamp=-0.0, price=1e30)]
    )
    assert [entry.event.price for entry in stores.log.follow(0, 9)] == [0.0, 1e30]
    assert len(stores.log.columns().time) == 2
    stores.close()


def test_rows_of_an_older_shop_get_their_checksums_when_it_is_opened(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "MIGRATIONS", database_module.MIGRATIONS[:3])
        patch.setattr(database_module, "SCHEMA_VERSION", 3)
        Stores(tmp_path).close()
    with sqlite3.connect(tmp_path / "shop.db") as raw:
        raw.execute("INSERT INTO people VALUES (7, ?)", [PEOPLE[0]])
        cells = (3, 7, 5.0, None, 0, "tea", None, None, None, 2.5, None, None, None, "e1", b"digest")
        raw.execute(f"INSERT INTO events VALUES ({','.join('?' * len(cells))})", cells)
    raw.close()
    stores = Stores(tmp_path)
    (entry,) = stores.log.of_user(PEOPLE[0])
    assert (entry.position, entry.event.item_id, entry.event.price) == (3, "tea", 2.5)
    assert stores.log.columns().position.tolist() == [3]
    stores.close()
