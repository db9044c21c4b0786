"""Power cuts, full disks, second writers, newer files, threads: nothing acknowledged is lost."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.sqlite_shop import Stores
from tests.adapters.test_contracts import put_something

from penchant.adapters.sqlite import database as database_module
from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.keys import SqliteKeys
from penchant.adapters.sqlite.people import everybody
from penchant.adapters.sqlite.vectors import SqliteVectors
from penchant.errors import InvalidInput, ShopBusy, ShopError, StorageError
from penchant.privacy.keys import Keys
from penchant.testing.fakes import InMemoryLog, fake_pseudonym
from penchant.testing.log_contract import ANNA, event

SRC = Path(__file__).parents[2] / "src"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SRC)}

APPENDER = """
import sys
from pathlib import Path
from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.log import SqliteLog
from penchant.testing.log_contract import event
log = SqliteLog(Database(Path(sys.argv[1]) / "shop.db", writer=True))
start = log.count()
for batch in range(100_000):
    log.append([event(f"{start + batch * 7 + n}", timestamp=float(n)) for n in range(7)])
    print(start + batch * 7 + 7, flush=True)
"""


@pytest.fixture
def stores(tmp_path):
    made = Stores(tmp_path)
    yield made
    made.close()


def appender(folder, *more):
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(folder), *more],
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
        text=True,
    )


def test_killed_in_the_middle_nothing_acknowledged_is_lost_or_doubled(tmp_path):
    for kill in range(4):
        with appender(tmp_path) as process:
            acknowledged = 0
            for _ in range(5 + 17 * kill):
                acknowledged = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *(int(line) for line in process.stdout if line.endswith("\n"))])
        stores = Stores(tmp_path)
        entries = stores.log.follow(0, 10**6)
        assert len(entries) >= acknowledged
        assert len(entries) % 7 == 0
        assert [entry.event.event_id for entry in entries] == [str(n) for n in range(len(entries))]
        assert stores.database.read("PRAGMA integrity_check") == [("ok",)]
        stores.close()


def test_a_second_writer_is_refused_by_name_and_let_in_after_a_kill(tmp_path):
    with appender(tmp_path) as process:
        process.stdout.readline()
        with pytest.raises(ShopBusy, match=str(process.pid)):
            Database(tmp_path / "shop.db", writer=True)
        reader = Stores(tmp_path, writer=False)
        seen = reader.log.count()
        assert seen > 0
        for _ in range(20):
            process.stdout.readline()
        assert reader.log.count() > seen
        with pytest.raises(ShopBusy, match="reading only"):
            reader.log.append([event("x")])
        reader.close()
        process.kill()
    Database(tmp_path / "shop.db", writer=True).close()


def test_a_key_is_made_and_revoked_beside_the_writer_from_its_next_request_on(stores):
    beside = Stores(stores.folder, writer=False)
    serving, command = Keys(SqliteKeys(stores.database)), Keys(SqliteKeys(beside.database))
    token = command.create(["read"], 1.0)
    assert serving.verify(token) == {"read"}
    command.revoke(token.split("_")[1], 2.0)
    assert serving.verify(token) is None
    assert [key.revoked for key in serving.listed()] == [2.0]
    stores.log.append([event("1")])
    beside.close()


def test_one_process_cannot_be_two_writers(stores):
    with pytest.raises(ShopBusy):
        Database(stores.folder / "shop.db", writer=True)
    stores.close()
    stores.__post_init__()


def test_a_full_disk_is_one_clear_error_and_what_was_there_stays(stores):
    stores.log.append([event(str(n)) for n in range(50)])
    (pages,) = stores.database.read("PRAGMA page_count")[0]
    with stores.database.guard:
        stores.database._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    big = [event(f"big{n}", text="x" * 3000) for n in range(50)]
    with pytest.raises(StorageError, match="full"):
        stores.log.append(big)
    assert (stores.log.count(), stores.log.end()) == (50, 50)
    stores.database._writer.execute(f"PRAGMA max_page_count = {pages + 10_000}")
    assert stores.log.append(big).accepted == 50
    assert stores.log.end() == 100


def test_a_person_first_seen_on_a_full_disk_is_not_half_known(stores):
    (pages,) = stores.database.read("PRAGMA page_count")[0]
    stores.database._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError):
        stores.log.append([event(f"big{n}", "new", text="x" * 3000) for n in range(50)])
    stores.database._writer.execute(f"PRAGMA max_page_count = {pages + 1_000}")
    stores.log.append([event("1", "other"), event("2", "new")])
    assert [entry.event.event_id for entry in stores.log.of_user("new")] == ["2"]
    assert [entry.event.event_id for entry in stores.log.of_user("other")] == ["1"]


@pytest.mark.parametrize(
    "wrong", [{"timestamp": float("nan")}, {"sequence": 2**70}, {"query": "\ud800"}, {"item_id": "\udfff"}]
)
def test_a_value_that_cannot_be_stored_is_refused_and_nothing_of_its_batch_stays(stores, wrong):
    with pytest.raises(InvalidInput, match="cannot be stored"):
        stores.log.append([event("good"), event("bad", **wrong)])
    assert (stores.log.count(), stores.log.end()) == (0, 0)
    assert stores.log.append([event("good")]).positions == [1]


def test_a_newer_file_is_refused_unchanged(tmp_path):
    Stores(tmp_path).close()
    with sqlite3.connect(tmp_path / "shop.db") as raw:
        raw.execute("PRAGMA user_version = 999")
    raw.close()
    for writer in (True, False):
        with pytest.raises(ShopError, match="newer Penchant"):
            Database(tmp_path / "shop.db", writer=writer)
    with pytest.raises(ShopError, match="newer"):
        Database(tmp_path / "shop.db", writer=True)


@pytest.mark.parametrize("writer", [True, False])
def test_an_old_file_is_migrated_when_it_is_opened_and_keeps_its_rows(tmp_path, monkeypatch, writer):
    stores = Stores(tmp_path)
    stores.log.append([event("1")])
    stores.close()
    newer = (*database_module.MIGRATIONS, "CREATE TABLE more (n INTEGER); INSERT INTO more VALUES (7)")
    monkeypatch.setattr(database_module, "MIGRATIONS", newer)
    monkeypatch.setattr(database_module, "SCHEMA_VERSION", len(newer))
    for _ in range(2):
        stores = Stores(tmp_path, writer=writer)
        assert stores.database.read("SELECT n FROM more") == [(7,)]
        assert stores.log.count() == 1
        stores.close()


def test_a_migration_that_fails_leaves_the_old_version(tmp_path, monkeypatch):
    Stores(tmp_path).close()
    with monkeypatch.context() as patch:
        broken = (
            *database_module.MIGRATIONS,
            "CREATE TABLE more (n INTEGER); INSERT INTO nowhere VALUES (7)",
        )
        patch.setattr(database_module, "MIGRATIONS", broken)
        patch.setattr(database_module, "SCHEMA_VERSION", len(broken))
        with pytest.raises(StorageError):
            Database(tmp_path / "shop.db", writer=True)
    stores = Stores(tmp_path)
    assert stores.database.read("SELECT name FROM sqlite_master WHERE name = 'more'") == []
    stores.close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "shop.db").write_bytes(b"not a database at all, but longer than a header " * 9)
    with pytest.raises(ShopError, match="cannot be read"):
        Database(tmp_path / "shop.db", writer=True)


def test_a_missing_file_is_not_made_by_a_reader(tmp_path):
    with pytest.raises(ShopError, match="missing"):
        Database(tmp_path / "shop.db", writer=False)
    assert list(tmp_path.iterdir()) == []


def in_threads(count, work):
    failures = []

    def run(number):
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_threads_share_the_stores(stores):
    def work(number):
        for turn in range(15):
            stores.log.append([event(f"{number}-{turn}", f"p{turn % 3}", float(turn))])
            stores.ids.assign([f"item{turn}", f"own{number}-{turn}"])
            assert len(stores.log.of_user(f"p{turn % 3}", 5)) > 0
            assert stores.ids.rows([f"item{turn}"])[0] >= 0

    in_threads(6, work)
    assert stores.log.count() == 90
    ids = stores.ids.item_ids()
    assert len(ids) == len(set(ids)) == 15 + 90
    assert stores.ids.rows(ids).tolist() == list(range(105))


def test_erasing_while_an_append_ends_leaves_no_event_that_nobody_can_find(stores, monkeypatch):
    """An erasure between the commit and the remembering of a number must not leave a stale one."""
    append, threads = stores.log._append, []

    def interrupted(events):
        result = append(events)
        threads.append(threading.Thread(target=stores.log.erase_person, args=(ANNA,)))
        threads[-1].start()
        threads[-1].join(0.3)
        return result

    monkeypatch.setattr(stores.log, "_append", interrupted)
    stores.log.append([event("1")])
    threads[-1].join()
    monkeypatch.undo()
    assert stores.log.count() == 0
    stores.log.append([event("2")])
    assert len(stores.log.of_user(ANNA)) == stores.log.count() == 1


def test_erased_bytes_are_in_no_file_of_the_folder(stores):
    """Among many others, whose rows make SQLite move the victim's from page to page."""
    rng = np.random.default_rng(0)
    people = [fake_pseudonym(str(n)) for n in range(120)]
    numbers = iter(range(10**6))
    for person in people[:40]:
        for store in stores.everything()[:-1]:
            put_something(store.erasable_name, store, stores.log, person, next(numbers))
    for batch in range(12):
        stores.log.append(
            [
                event(
                    rng.bytes(16).hex(), people[int(who)], float(rng.random()),
                    query=f"wish of <{who}> {batch}",
                    text="x" * int(rng.integers(200)), recommendation_id=f"list <{who}>",
                )
                for who in rng.integers(0, len(people), 1000)
            ]
        )  # fmt: skip
    victims = [7, 11, 23]
    secrets = [text for who in victims for text in (people[who], f"wish of <{who}>", f"list <{who}>")]
    secrets += [str(entry.event.event_id) for who in victims for entry in stores.log.of_user(people[who])]
    assert all(found_in(stores.folder, secret) for secret in secrets[:9])
    for who in victims:
        for store in stores.everything():
            assert store.erase_person(people[who]) > 0
    assert [secret for secret in secrets if found_in(stores.folder, secret)] == []
    assert found_in(stores.folder, people[8])
    assert stores.database.read("PRAGMA integrity_check") == [("ok",)]
    assert set(people) - set(everybody(stores.database)) == {people[who] for who in victims}


def test_copies_that_sqlite_left_in_unused_space_go_too(stores):
    """Without writing the file anew about one id in a thousand stays behind when pages were split."""
    rng = np.random.default_rng(1)
    people = [fake_pseudonym(str(n)) for n in range(60)]
    for _ in range(20):
        batch = [event(rng.bytes(16).hex(), people[int(who)]) for who in rng.integers(0, 60, 1500)]
        stores.log.append(batch)
    mine = {str(entry.event.event_id) for person in people[:30] for entry in stores.log.of_user(person)}
    assert mine <= hex_in(stores.folder)
    for person in people[:30]:
        stores.log.erase_person(person)
    assert not mine & hex_in(stores.folder)


@pytest.mark.parametrize("has_events", [False, True])
def test_copies_of_attributes_go_too_even_of_who_never_did_anything(stores, has_events):
    people = [fake_pseudonym(str(n)) for n in range(20_000)]
    for round_ in range(2):
        stores.attributes.replace({p: {"city": "x" * (n * 7 % 60 + round_)} for n, p in enumerate(people)})
    stores.database.forget_for_good()
    seen = Counter(re.findall(rb"[0-9a-f]{32}", (stores.folder / "shop.db").read_bytes()))
    twice = next(person for person in people if seen[person.encode()] > 1)
    if has_events:
        stores.log.append([event("1", twice)])
    for store in (stores.attributes, stores.log):
        store.erase_person(twice)
    assert not found_in(stores.folder, twice)
    assert stores.attributes.count() == 19_999


def hex_in(folder):
    """Every run of 32 hexadecimal digits in the folder's files."""
    found = (re.findall(rb"(?=([0-9a-f]{32}))", path.read_bytes()) for path in folder.iterdir())
    return {text.decode() for texts in found for text in texts}


def found_in(folder, text):
    return any(text.encode() in path.read_bytes() for path in folder.iterdir())


def test_a_reader_that_keeps_old_pages_is_named_as_the_reason(stores, monkeypatch):
    stores.log.append([event("1")])
    other = sqlite3.connect(stores.folder / "shop.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM events").fetchall()
    stores.database._writer.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(StorageError, match="still reads old pages"):
        stores.log.erase_person(ANNA)
    assert stores.log.of_user(ANNA) == []
    other.close()
    assert stores.log.erase_person(ANNA) == 0


people = st.sampled_from(["p", "q", "r"])
small_event = st.builds(
    event, st.sampled_from([f"e{n}" for n in range(12)]), people, st.sampled_from([1.0, 2.0, 3.0]),
    item_id=st.sampled_from([None, "a", "b"]), sequence=st.sampled_from([None, 0, 1, -2]),
    query=st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=4)),
    value=st.one_of(st.none(), st.floats(0, 5, width=32)),
)  # fmt: skip
step = st.one_of(st.lists(small_event, max_size=6), people)


@settings(max_examples=60, deadline=None)
@given(st.lists(step, max_size=8))
def test_the_log_behaves_like_the_model(tmp_path_factory, steps):
    stores, model = Stores(tmp_path_factory.mktemp("model")), InMemoryLog()
    for one in steps:
        if isinstance(one, str):
            assert stores.log.erase_person(one) == model.erase_person(one)
        else:
            assert stores.log.append(one) == model.append(one)
        assert (stores.log.end(), stores.log.count()) == (model.end(), model.count())
        for person in ("p", "q", "r"):
            assert stores.log.of_user(person) == model.of_user(person)
            assert stores.log.of_user(person, 2) == model.of_user(person, 2)
        assert stores.log.follow(2, 5) == model.follow(2, 5)
        assert sorted(stores.log.people()) == sorted(model.people())
        ours, theirs = stores.log.columns(1), model.columns(1)
        assert sorted(ours.position.tolist()) == sorted(theirs.position.tolist())
        assert as_rows(ours) == as_rows(theirs)
    stores.close()


def as_rows(columns):
    """Rows as (person, item, query, time, value, position), each person's own order kept."""
    rows = zip(
        columns.person,
        columns.item,
        columns.query,
        columns.time,
        columns.value,
        columns.position,
        strict=True,
    )
    named = [
        (
            columns.people[p],
            [*columns.items, None][i],
            [*columns.queries, None][q],
            float(t),
            str(v),
            int(place),
        )
        for p, i, q, t, v, place in rows
    ]
    return sorted(named, key=lambda row: row[0])


def test_vectors_are_kept_by_model_and_text(tmp_path):
    cache = SqliteVectors(tmp_path / "vectors.db")
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    cache.put("m1", ["tea", "milk"], vectors)
    cache.put("m2", ["tea"], vectors[1:])
    cache.close()
    cache = SqliteVectors(tmp_path / "vectors.db")
    found = cache.get("m1", ["milk", "tea", "beer"])
    assert {text: vector.tolist() for text, vector in found.items()} == {"tea": [0, 1, 2], "milk": [3, 4, 5]}
    assert cache.get("m2", ["tea"])["tea"].tolist() == [3, 4, 5]
    in_threads(4, lambda n: [cache.put("m", [f"{n}-{i}"], vectors[:1]) for i in range(20)])
    assert len(cache.get("m", [f"{n}-{i}" for n in range(4) for i in range(20)])) == 80
    cache.close()


ODD = [
    event("plain", price=2, value=1.5),
    event("minus", price=-0.0, timestamp=5),
    event("none", value=float("nan")),
    event("told", text="good", position=3, context={"colour": "red", "n": 2.0, "void": float("inf")}),
    event("sequence", sequence=4, session_id="s", query="tea", recommendation_id="r"),
]


def test_what_was_just_written_is_what_reading_it_gives(stores):
    stores.log.append(ODD[:1])
    stores.log.append([*ODD[1:], ODD[0], event("plain", price=9)])
    assert stores.log.just_written(1) == stores.log.follow(1, 9)
    assert stores.log.just_written(1) == []  # Given once.


def test_what_was_just_written_is_given_only_where_it_is_all_that_came(stores, monkeypatch):
    stores.log.append(ODD[:2])
    stores.log.append(ODD[2:4])
    assert stores.log.just_written(0) == []
    stores.log.append(ODD[4:])
    assert stores.log.just_written(5) == []
    stores.log.append([event("gone")])
    stores.log.erase_person(ANNA)
    assert stores.log.just_written(5) == []
    monkeypatch.setattr("penchant.adapters.sqlite.log.MOST_KEPT", 1)
    stores.log.append([event("many"), event("more")])
    assert stores.log.just_written(6) == []


def test_of_what_could_not_be_written_nothing_was_just_written(stores):
    stores.log.append(ODD[:1])
    with pytest.raises(InvalidInput):
        stores.log.append([ODD[1], event("wrong", query="\ud800")])
    assert stores.log.just_written(0) == []
    assert stores.log.just_written(1) == []
