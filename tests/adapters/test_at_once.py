"""What must not wait is not done where it would, and as always where it need not."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.adapters.sqlite_shop import Stores

from penchant.adapters.sqlite.database import Database
from penchant.errors import ShopBusy, StorageError, WouldWait
from penchant.testing.log_contract import event


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores(tmp_path)
    yield made
    made.close()


def test_where_nobody_writes_it_is_written(stores: Stores) -> None:
    with stores.database.at_once():
        stores.log.append([event("1")])
        stores.log.append([event("2")])
    assert stores.log.count() == 2


def test_another_thread_that_writes_is_not_waited_for(stores: Stores) -> None:
    holds, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with stores.database.write():
            holds.set()
            assert go_on.wait(10)

    writing = threading.Thread(target=slow)
    writing.start()
    assert holds.wait(10)
    try:
        with pytest.raises(WouldWait, match="another thread"), stores.database.at_once():
            stores.log.append([event("1")])
    finally:
        go_on.set()
        writing.join()
    assert stores.log.count() == 0
    stores.log.append([event("1")])
    assert stores.log.count() == 1


def test_another_process_that_writes_is_not_waited_for_but_by_those_who_may(stores: Stores) -> None:
    other = sqlite3.connect(stores.folder / "shop.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(WouldWait, match="another process"), stores.database.at_once():
        stores.log.append([event("1")])
    assert time.monotonic() - began < 5, "ten seconds are waited elsewhere"
    done = threading.Timer(0.3, other.execute, ["ROLLBACK"])
    done.start()
    stores.log.append([event("1")])
    assert time.monotonic() - began > 0.25
    assert stores.log.count() == 1
    done.join()
    other.close()


def test_a_second_write_within_waits_a_moment(stores: Stores) -> None:
    other = sqlite3.connect(stores.folder / "shop.db", isolation_level=None, check_same_thread=False)
    with stores.database.at_once():
        stores.log.append([event("1")])
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(StorageError, match="locked"):
            stores.log.append([event("2")])  # Not "would wait": the first one is written.
        assert time.monotonic() - began < 5
        other.execute("ROLLBACK")
        stores.log.append([event("2")])
    assert stores.log.count() == 2
    other.close()


def test_a_failure_within_leaves_the_next_write_patient(stores: Stores) -> None:
    with pytest.raises(StorageError), stores.database.at_once():
        raise StorageError("before anything was written")
    assert stores.database._patience > 1
    assert stores.database.guard.acquire(blocking=False)
    stores.database.guard.release()


def test_who_only_reads_cannot(stores: Stores) -> None:
    reader = Database(stores.folder / "shop.db", writer=False)
    with pytest.raises(WouldWait), reader.at_once():
        pass
    with pytest.raises(ShopBusy), reader.write():
        pass
    reader.close()
