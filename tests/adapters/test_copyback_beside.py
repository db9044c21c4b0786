"""While a shop serves, a thread copies the write-ahead log back: whoever commits waits for little of it."""

import sqlite3
import threading
from contextlib import closing

import pytest
from tests.adapters.failing_disk import names, put
from tests.learn.tiny_shop import until

from penchant.adapters.sqlite import copyback
from penchant.adapters.sqlite.database import Database


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.setattr(copyback, "FRAMES", 100)
    monkeypatch.setattr(copyback, "AGAIN", 25)
    with closing(Database(tmp_path / "shop.db", writer=True)) as opened:
        opened.copy_back_beside()
        yield opened


class Slow:
    """A connection of the thread that copies nothing back before it may."""

    def __init__(self, real, may, begun):
        self._real, self._may, self._begun = real, may, begun

    def execute(self, sql):
        self._begun.set()
        assert self._may.wait(30)
        return self._real.execute(sql)

    def close(self):
        self._real.close()


@pytest.fixture
def slow(monkeypatch):
    """Events: it may copy back; it has begun to."""
    may, begun, copier = threading.Event(), threading.Event(), copyback._copier
    monkeypatch.setattr(copyback, "_copier", lambda path: Slow(copier(path), may, begun))
    yield may, begun
    may.set()


def in_log(database) -> int:
    return (database._path.with_name("shop.db-wal")).stat().st_size // 4_096


def test_a_long_log_begins_anew(database):
    for step in range(400):
        put(database, f"p{step}", 10)
        if in_log(database) > 300:  # The thread is behind: one core, or a slow disk.
            until(lambda: not database._copy_back._is_long())
    assert in_log(database) < 1_000  # All that was written in these commits is some 2,400 pages.
    assert len(names(database)) == 400


def test_nobody_waits_for_most_of_it(database, slow):
    may, begun = slow
    for step in range(60):
        put(database, f"p{step}")
    assert begun.wait(30)
    with database.at_once():
        put(database, "meanwhile")
    assert "meanwhile" in names(database)
    may.set()
    until(lambda: not database._copy_back._is_long())
    with closing(sqlite3.connect(database._path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_an_erasure_waits_for_it_instead_of_being_refused(database, slow):
    may, begun = slow
    for step in range(60):
        put(database, f"p{step}")
    assert begun.wait(30)
    erased = threading.Thread(target=database.forget_for_good)
    erased.start()
    erased.join(0.2)
    assert erased.is_alive()
    may.set()
    erased.join(30)
    assert in_log(database) == 0


def test_what_cannot_be_opened_is_not_tried_again_at_once(database, monkeypatch, caplog):
    tried = list[int]()

    def cannot(path):
        tried.append(1)
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(copyback, "_copier", cannot)
    for step in range(60):
        put(database, f"p{step}")
        if not tried:
            until(lambda: tried or not database._copy_back._is_long())
    until(lambda: "could not be copied back" in caplog.text)
    for step in range(60):
        put(database, f"q{step}")
    assert len(tried) == 1
    assert len(names(database)) == 120


def test_a_close_waits_for_it(tmp_path, monkeypatch, slow):
    monkeypatch.setattr(copyback, "FRAMES", 100)
    may, begun = slow
    database = Database(tmp_path / "shop.db", writer=True)
    database.copy_back_beside()
    for step in range(60):
        put(database, f"p{step}")
    assert begun.wait(30)
    closed = threading.Thread(target=database.close)
    closed.start()
    closed.join(0.2)
    assert closed.is_alive()
    may.set()
    closed.join(30)
    assert not (tmp_path / "shop.db-wal").exists()
    assert "copy-back" not in {thread.name for thread in threading.enumerate()}
    with closing(Database(tmp_path / "shop.db", writer=True)) as again:
        assert len(names(again)) == 60
