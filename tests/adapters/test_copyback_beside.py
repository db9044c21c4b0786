"""While a shop serves, a thread copies the write-ahead log back: whoever commits answers before that."""

import threading
from contextlib import closing

import pytest
from tests.adapters.failing_disk import names, put
from tests.learn.tiny_shop import until

from penchant.adapters.sqlite import copyback
from penchant.adapters.sqlite.copyback import CopyBack, CopyThread
from penchant.adapters.sqlite.database import Database
from penchant.errors import WouldWait


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.setattr(copyback, "FRAMES", 100)
    monkeypatch.setattr(copyback, "AGAIN", 25)
    with closing(Database(tmp_path / "shop.db", writer=True)) as opened:
        opened.copy_back_beside()
        yield opened


@pytest.fixture
def slow(monkeypatch):
    """Events: it may copy back; it has begun to."""
    may, begun, now = threading.Event(), threading.Event(), CopyBack.now

    def slowly(self, *how):
        begun.set()
        assert may.wait(30)
        return now(self, *how)

    monkeypatch.setattr(CopyBack, "now", slowly)
    yield may, begun
    may.set()


def in_log(database) -> int:
    return (database._path.with_name("shop.db-wal")).stat().st_size // 4_096


def test_a_long_log_begins_anew(database):
    for step in range(400):
        put(database, f"p{step}", 10)
        until(lambda: not database._copy_back._is_long())
    assert in_log(database) < 200  # All that was written in these commits is some 2,400 pages.
    assert len(names(database)) == 400


def test_who_commits_does_not_wait_for_it(database, slow):
    may, begun = slow
    step = 0
    while not begun.is_set():  # The commit that woke it has returned.
        put(database, f"p{step}")
        step += 1
        begun.wait(0.05)
    with pytest.raises(WouldWait), database.at_once():
        pytest.fail("nobody may write meanwhile")
    assert len(names(database)) == step  # Who reads does not wait either.
    may.set()
    until(lambda: not database._copy_back._is_long())
    put(database, "after")
    assert database.read("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), MemoryError(), RuntimeError("odd")])
def test_the_thread_outlives_what_goes_wrong(database, monkeypatch, caplog, error):
    def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(CopyBack, "now", fails)
        for step in range(60):
            put(database, f"p{step}")
        until(lambda: "could not be copied back" in caplog.text)
        assert in_log(database) > 150
    put(database, "more")
    until(lambda: not database._copy_back._is_long())
    assert len(names(database)) == 61


def test_a_close_waits_for_it(tmp_path, monkeypatch, slow):
    monkeypatch.setattr(copyback, "FRAMES", 100)
    may, begun = slow
    database = Database(tmp_path / "shop.db", writer=True)
    database.copy_back_beside()
    thread = database._copy_back._thread.thread
    for step in range(30):
        put(database, f"p{step}")
        if begun.wait(0.05):
            break
    count = step + 1
    closed = threading.Thread(target=database.close)
    closed.start()
    closed.join(0.2)
    assert closed.is_alive()
    may.set()
    closed.join(30)
    assert not thread.is_alive()
    assert not (tmp_path / "shop.db-wal").exists()
    with closing(Database(tmp_path / "shop.db", writer=True)) as again:
        assert len(names(again)) == count


def test_it_ends_however_it_was_woken():
    for _ in range(300):
        work = CopyThread(lambda: None)
        work.wake()
        ended = threading.Thread(target=work.end, daemon=True)
        ended.start()
        ended.join(10)
        assert not ended.is_alive()
        assert not work.thread.is_alive()
