"""While a shop serves, a thread copies the write-ahead log back: whoever commits answers before that."""

import itertools
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress

import pytest
from tests.adapters.failing_disk import names, put, put_in
from tests.learn.tiny_shop import until

from penchant.adapters.sqlite import copyback
from penchant.adapters.sqlite.copyback import Copied, CopyBack, CopyThread
from penchant.adapters.sqlite.database import Database, reader


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.setattr(copyback, "FRAMES", 100)
    monkeypatch.setattr(copyback, "AGAIN", 25)
    with closing(Database(tmp_path / "shop.db", writer=True)) as opened:
        opened.copy_back_beside()
        yield opened


class Passes:
    """What is asked of SQLite, and a place to stop the thread before its own pass."""

    def __init__(self):
        self.may, self.begun = threading.Event(), threading.Event()
        self.beside = []  # What the thread's own passes answered.
        self.guarded = []  # The others.
        self.before = lambda: None


@pytest.fixture
def passes(monkeypatch):
    kept, one_pass = Passes(), CopyBack._pass

    def watched(self, *how, beside=False):
        if beside:
            kept.begun.set()
            assert kept.may.wait(30)
            kept.before()
        (kept.beside if beside else kept.guarded).append(copied := one_pass(self, *how, beside=beside))
        return copied

    monkeypatch.setattr(CopyBack, "_pass", watched)
    yield kept
    kept.may.set()


def put_until(database, event) -> int:
    """Commits, until something has happened; how many."""
    for step in range(200):
        put(database, f"p{step}")
        if event.wait(0.05):
            return step + 1
    raise AssertionError("it did not happen")


def in_log(database) -> int:
    return (database._path.with_name("shop.db-wal")).stat().st_size // 4_096


def backfilled(database) -> tuple[int, int]:
    """How many pages of the log are copied back, and how many it has: as SQLite has noted them
    (https://sqlite.org/walformat.html). Another process looks: a close by this one would drop locks."""
    index = database._path.with_name("shop.db-shm")
    look = "import sys; b = open(sys.argv[1], 'rb').read(100); print(*b[16:20], *b[96:100])"
    out = subprocess.run([sys.executable, "-c", look, index], capture_output=True, check=True, text=True)
    read = bytes(int(byte) for byte in out.stdout.split())
    return int.from_bytes(read[4:], sys.byteorder), int.from_bytes(read[:4], sys.byteorder)


def test_a_long_log_begins_anew(database):
    for step in range(400):
        put(database, f"p{step}", 10)
        until(lambda: not database._copy_back._is_long())
    assert in_log(database) < 200  # All that was written in these commits is some 2,400 pages.
    assert len(names(database)) == 400


def test_nobody_waits_for_it(database, passes):
    step = put_until(database, passes.begun)  # The commit that woke it has returned.
    with database.at_once():
        put(database, "meanwhile")
    assert len(names(database)) == step + 1
    passes.may.set()
    until(lambda: passes.beside)
    assert passes.beside[0].copied == passes.beside[0].in_log > 100
    put(database, "after")  # The log has begun anew.
    until(lambda: not database._copy_back._is_long())
    assert not passes.guarded  # "meanwhile" was copied back with the rest.


def test_what_is_committed_while_it_copies_is_copied_under_the_guard(database, passes, monkeypatch):
    held, more = ExitStack(), CopyBack._holds_more

    def reads():
        connection = held.enter_context(closing(reader(database._path)))
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM counters").fetchall()

    def commits(self, most):
        put(database, "while it copied")  # Behind the rest: somebody reads that.
        held.close()
        return more(self, most)

    passes.before = reads
    monkeypatch.setattr(CopyBack, "_holds_more", commits)
    put_until(database, passes.begun)
    passes.may.set()
    until(lambda: passes.guarded)
    assert passes.guarded[0].copied == passes.guarded[0].in_log > passes.beside[0].copied
    assert database.read("PRAGMA integrity_check") == [("ok",)]
    before = in_log(database)
    put(database, "after")  # The log begins anew, in the same file.
    assert in_log(database) == before
    done, pages = backfilled(database)
    assert done == 0
    assert pages < 20


def copied(connection) -> Copied:
    return Copied(*connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone())


def log_of(database) -> bytes:
    """What tells a log that has begun anew from the one before it."""
    with database._path.with_name("shop.db-wal").open("rb") as log:
        return log.read(32)[16:24]


def test_nobody_begins_the_log_anew_while_a_pass_may_look_at_it(database):
    """SQLite's WAL-reset bug needs somebody who does."""
    put(database, "before")
    log = log_of(database)
    with database._copy_back._kept():
        done = copied(database._writer)
        assert done.copied == done.in_log  # Another time it would be begun anew now.
        put(database, "meanwhile")
        assert log_of(database) == log
    database._copy_back.now()
    put(database, "after")
    assert log_of(database) != log


def test_a_log_that_is_copied_back_already_is_not_copied_by_a_pass_that_finds_it_anew(database):
    put(database, "before")
    database._copy_back.now()
    log = log_of(database)
    with database._copy_back._kept():
        put(database, "meanwhile")
        assert log_of(database) != log
        assert copied(database._copy_back._other()).copied == 0
    assert database.read("PRAGMA integrity_check") == [("ok",)]


def test_what_was_rolled_back_may_stand_in_the_log(database, passes):
    """It makes a log look long of which all is copied back."""
    passes.may.set()
    database._writer.execute("PRAGMA cache_size = -80")
    for step in range(30):
        put(database, f"p{step}")
        with suppress(ZeroDivisionError), database.write() as connection:
            put_in(connection, "too much", 900_000)
            raise ZeroDivisionError
    count = 30
    while database._copy_back._is_long():  # What stands behind goes when a commit begins the log anew.
        put(database, f"q{count}", 10)
        count += 1
        assert count < 300
        threading.Event().wait(0.02)
    assert any(one.copied for one in passes.beside)
    assert len(names(database)) == count
    assert database.read("PRAGMA integrity_check") == [("ok",)]


def test_a_connection_that_cannot_be_had_is_asked_for_once_a_minute(database, monkeypatch, caplog):
    asked, moment = [], time.monotonic()
    monkeypatch.setattr(database._copy_back, "_clock", lambda: moment)

    def none_left(mode):
        asked.append(mode)
        raise sqlite3.OperationalError("unable to open database file")

    with monkeypatch.context() as patch:
        patch.setattr(database._copy_back, "_connected", none_left)
        for step in range(60):
            put(database, f"p{step}")
        until(lambda: "could not be copied back" in caplog.text)
        put(database, "more")
    assert asked == ["ro"]
    moment += copyback.PATIENCE_SECONDS
    put(database, "a minute later")
    until(lambda: not database._copy_back._is_long())
    assert len(names(database)) == 62


def test_an_erasure_meanwhile_waits_and_leaves_nothing(database, passes):
    put_until(database, passes.begun)
    erased = threading.Thread(target=database.forget_for_good)
    erased.start()
    erased.join(0.2)
    assert erased.is_alive()
    passes.may.set()
    erased.join(30)
    until(lambda: not database._copy_back._is_long())
    put(database, "after")
    assert in_log(database) < 20


def test_many_commit_and_somebody_reads_meanwhile(database, passes):
    enough, count = threading.Event(), itertools.count()
    passes.may.set()

    def puts():
        while not enough.is_set():
            put(database, f"p{next(count)}", 9_000)

    writers = [threading.Thread(target=puts) for _ in range(3)]
    for writer in writers:
        writer.start()
    for _ in range(20):
        with closing(reader(database._path)) as connection:
            connection.execute("BEGIN")
            before = connection.execute("SELECT count(*) FROM attributes").fetchone()
            threading.Event().wait(0.02)
            assert connection.execute("SELECT count(*) FROM attributes").fetchone() == before
    until(lambda: len(passes.beside) > 3)
    enough.set()
    for writer in writers:
        writer.join(30)
    until(lambda: not database._copy_back._is_long())
    assert database.read("PRAGMA integrity_check") == [("ok",)]
    assert len(names(database)) == next(count)


def test_in_every_pass_somebody_reads_the_newest_state(database):
    copy_back, read = database._copy_back, {"beside": [], "guarded": []}

    def told(where):
        return lambda statement: (
            "(PASSIVE)" in statement and read[where].append(copy_back._reader.in_transaction)
        )

    copy_back._other().set_trace_callback(told("beside"))
    database._writer.set_trace_callback(told("guarded"))
    for step in range(60):
        put(database, f"p{step}")
    until(lambda: read["beside"])
    until(lambda: not copy_back._is_long())
    copy_back.now()
    assert read["guarded"]
    assert all(read["beside"] + read["guarded"])
    assert not copy_back._reader.in_transaction


def test_a_state_that_cannot_be_read_is_no_refusal_to_write(database, monkeypatch, caplog):
    class Broken:
        in_transaction = False

        def execute(self, statement):
            if statement == "BEGIN":
                self.in_transaction = True
                return
            self.in_transaction = False  # As SQLite does where a read fails.
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error

    monkeypatch.setattr(database._copy_back, "_reader", Broken())
    for step in range(60):
        put(database, f"p{step}")
    until(lambda: "the newest state cannot be read: disk I/O error" in caplog.text)
    assert not database._copy_back._refused
    monkeypatch.setattr(database._copy_back, "_reader", None)


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), MemoryError(), RuntimeError("odd")])
def test_the_thread_outlives_what_goes_wrong(database, monkeypatch, caplog, error):
    def fails(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(CopyBack, "_pass", fails)
        for step in range(60):
            put(database, f"p{step}")
        until(lambda: "could not be copied back" in caplog.text)
        assert in_log(database) > 150
    put(database, "more")
    until(lambda: not database._copy_back._is_long())
    assert len(names(database)) == 61


def test_a_close_waits_for_it(tmp_path, monkeypatch, passes):
    monkeypatch.setattr(copyback, "FRAMES", 100)
    database = Database(tmp_path / "shop.db", writer=True)
    database.copy_back_beside()
    thread = database._copy_back._thread.thread
    count = put_until(database, passes.begun)
    closed = threading.Thread(target=database.close)
    closed.start()
    closed.join(0.2)
    assert closed.is_alive()
    passes.may.set()
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
