"""The write-ahead log is copied back by ourselves, and a disk that refuses it takes nothing with it."""

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from tests.adapters.failing_disk import SEEDS, left_by_a_power_cut, no_sync, on_a_disk, put, put_in

from penchant.adapters.sqlite import copyback
from penchant.adapters.sqlite.copyback import CopyBack
from penchant.adapters.sqlite.database import Database, reader
from penchant.errors import ShopError, StorageError
from penchant.testing.simulation.disk import Disk, Fault, Operation, in_use, no_faults


def no_sync_of_the_database(operation: Operation) -> Fault:
    """What is copied back can be written and does not reach the disk."""
    refused = operation.what == "sync" and operation.file == "shop.db"
    return Fault.BROKEN if refused else Fault.NONE


def no_room_for_the_log(operation: Operation) -> Fault:
    """Something else has filled the disk."""
    return Fault.FULL if operation.what == "write" and operation.file == "shop.db-wal" else Fault.NONE


@contextmanager
def somebody_reads(path: Path):
    """An old state, for long."""
    with closing(reader(path)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM counters").fetchall()
        yield


@pytest.fixture
def short_log(monkeypatch):
    """Copied back after a few pages, and tried again at once."""
    monkeypatch.setattr(copyback, "FRAMES", 4)
    monkeypatch.setattr(copyback, "AGAIN", 1)
    monkeypatch.setattr(copyback, "PATIENCE_SECONDS", 0.0)


class WokenAtOnce:
    """In the place of the thread: a case has one order of things."""

    def __init__(self, work):
        self.wake = work

    def end(self):
        pass


@pytest.fixture(params=["who commits", "the thread"])
def whoever_copies(request, monkeypatch):
    """A server has a thread for it."""
    if request.param == "the thread":
        monkeypatch.setattr(copyback, "CopyThread", WokenAtOnce)
        opened = Database.__init__

        def open_and_go_beside(self, *given, **more):
            opened(self, *given, **more)
            self.copy_back_beside()

        monkeypatch.setattr(Database, "__init__", open_and_go_beside)


@pytest.fixture
def let_go():
    """What stays open for the good of a file goes with the test."""
    yield
    while copyback._left_open:
        copyback._left_open.pop().close()


def refused_copy_back(disk: Disk, folder: Path) -> Database:
    """A part is copied back beside a reader, then the fsync behind the rest fails."""
    database = Database(folder / "shop.db", writer=True)
    database.forget_for_good()
    with patch.object(copyback, "FRAMES", 1_000):
        put(database, "first")
    with somebody_reads(folder / "shop.db"):
        put(database, "second")
    disk.plan = no_sync_of_the_database
    put(database, "third")  # Nothing is raised: it is in the log.
    disk.plan = no_faults
    return database


def end_without_room(disk: Disk, database: Database) -> None:
    """The disk is well again but for room when the writer closes: it takes no more log."""
    disk.plan = no_room_for_the_log
    database.close()
    disk.plan = no_faults


@on_a_disk
@pytest.mark.usefixtures("short_log")
class TestARefusedFsyncOfTheDatabase:
    @pytest.mark.usefixtures("whoever_copies")
    @pytest.mark.parametrize("seed", SEEDS)
    def test_takes_nothing_with_it_once_the_log_has_begun_anew(self, shop, tmp_path, seed, caplog):
        with in_use(disk := Disk(shop, random.Random(seed))):
            database = refused_copy_back(disk, shop)
            assert "could not be copied back" in caplog.text
            assert (shop / "shop.db-refused").exists()
            put(database, "fourth")  # Copied back.
            assert not (shop / "shop.db-refused").exists()
            put(database, "fifth")  # The log begins anew.
            left = left_by_a_power_cut(disk, tmp_path / "left")
            database.close()
        assert left == {"first", "second", "third", "fourth", "fifth"}

    @pytest.mark.usefixtures("whoever_copies")
    @pytest.mark.parametrize("seed", SEEDS)
    def test_takes_nothing_where_nothing_is_done_about_it_but_the_log_is_kept(self, shop, tmp_path, seed):
        with in_use(disk := Disk(shop, random.Random(seed))):
            database = refused_copy_back(disk, shop)
            left = left_by_a_power_cut(disk, tmp_path / "left")
            database.close()
        assert left == {"first", "second", "third"}

    @pytest.mark.usefixtures("whoever_copies")
    def test_would_without_it(self, shop, tmp_path, monkeypatch):
        """The disk of these tests does what Linux does."""
        monkeypatch.setattr(CopyBack, "mend", lambda self: None)
        damaged = 0
        for seed in SEEDS:
            (folder := shop / str(seed)).mkdir()
            with in_use(disk := Disk(folder, random.Random(seed))):
                database = refused_copy_back(disk, folder)
                for name in ("fourth", "fifth"):
                    put(database, name)
                try:
                    left = left_by_a_power_cut(disk, tmp_path / f"left{seed}")
                except (AssertionError, ShopError):
                    left = set()
                database.close()
            damaged += left != {"first", "second", "third", "fourth", "fifth"}
        assert damaged >= len(SEEDS) // 2

    @pytest.mark.usefixtures("whoever_copies")
    @pytest.mark.parametrize("seed", SEEDS)
    def test_is_known_to_the_next_writer_where_a_reader_kept_the_state_alive(
        self, shop, tmp_path, seed, let_go
    ):
        with in_use(disk := Disk(shop, random.Random(seed))):
            Database(shop / "shop.db", writer=True).close()
            stays = reader(shop / "shop.db")
            database = refused_copy_back(disk, shop)
            stays.execute("SELECT count(*) FROM counters").fetchall()
            disk.plan = no_sync
            database.close()  # It cannot mend it.
            disk.plan = no_faults
            database = Database(shop / "shop.db", writer=True)
            for name in ("fourth", "fifth"):
                put(database, name)
            left = left_by_a_power_cut(disk, tmp_path / "left")
            database.close()
            stays.close()
        assert left == {"first", "second", "third", "fourth", "fifth"}

    @pytest.mark.parametrize("seed", SEEDS)
    def test_is_not_copied_over_by_a_writer_that_closes_last(self, shop, tmp_path, seed, let_go):
        with in_use(disk := Disk(shop, random.Random(seed))):
            database = refused_copy_back(disk, shop)
            end_without_room(disk, database)
            assert (shop / "shop.db-wal").stat().st_size > 0
            left = left_by_a_power_cut(disk, tmp_path / "left")
        assert left == {"first", "second", "third"}

    @pytest.mark.parametrize("seed", SEEDS)
    def test_is_not_copied_over_by_somebody_who_wrote_a_little(self, shop, tmp_path, seed, let_go):
        """The writer is gone by then, the one beside it closes last."""
        with in_use(disk := Disk(shop, random.Random(seed))):
            database = refused_copy_back(disk, shop)
            end_without_room(disk, database)
            other = Database(shop / "shop.db", writer=False)
            with other.write_beside() as connection:
                put_in(connection, "beside")
                copyback._left_open.pop().close()
            other.close()
            assert (shop / "shop.db-wal").stat().st_size > 0
            left = left_by_a_power_cut(disk, tmp_path / "left")
        assert left == {"first", "second", "third", "beside"}

    @pytest.mark.parametrize("seed", SEEDS)
    def test_is_remembered_where_no_file_can_be_made(self, shop, tmp_path, seed, let_go, monkeypatch):
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with in_use(disk := Disk(shop, random.Random(seed))):
            with monkeypatch.context() as patch:
                patch.setattr(Path, "touch", full)
                database = refused_copy_back(disk, shop)
            end_without_room(disk, database)
            left = left_by_a_power_cut(disk, tmp_path / "left")
        assert left == {"first", "second", "third"}

    def test_is_not_mended_where_nobody_may_wait(self, shop, monkeypatch):
        """A server takes a single event in on the loop that answers everybody."""
        with in_use(disk := Disk(shop, random.Random(1))):
            database = refused_copy_back(disk, shop)
            with database.at_once():
                put(database, "fourth")
            assert (shop / "shop.db-refused").exists()
            put(database, "fifth")
            assert not (shop / "shop.db-refused").exists()
            database.close()

    @pytest.mark.usefixtures("whoever_copies")
    def test_is_mended_by_a_writer_that_closes(self, shop, tmp_path):
        with in_use(disk := Disk(shop, random.Random(1))):
            database = refused_copy_back(disk, shop)
            database.close()
            assert not (shop / "shop.db-refused").exists()
            assert not (shop / "shop.db-wal").exists()
            left = left_by_a_power_cut(disk, tmp_path / "left")
        assert left == {"first", "second", "third"}

    @pytest.mark.usefixtures("whoever_copies")
    def test_is_not_asked_again_at_once(self, shop, monkeypatch):
        monkeypatch.setattr(copyback, "PATIENCE_SECONDS", 60.0)
        with in_use(disk := Disk(shop, random.Random(1))):
            database = refused_copy_back(disk, shop)
            asked = []
            disk.plan = lambda operation: (asked.append(operation.file), Fault.NONE)[1]
            put(database, "fourth")
            assert "shop.db" not in asked
            assert (shop / "shop.db-refused").exists()
            database.close()

    @pytest.mark.usefixtures("whoever_copies")
    def test_refuses_an_erasure_until_it_is_mended(self, shop):
        with in_use(disk := Disk(shop, random.Random(1))):
            database = refused_copy_back(disk, shop)
            disk.plan = no_sync
            with pytest.raises(StorageError, match="disk refused"):
                database.forget_for_good()
            disk.plan = no_faults
            database.forget_for_good()
            assert (shop / "shop.db-wal").stat().st_size == 0
            database.close()


def test_a_process_that_ends_as_usual_copies_nothing_back_either(tmp_path):
    """Python closes what it holds when it ends."""
    script = (
        "import sqlite3, sys; from pathlib import Path\n"
        "from penchant.adapters.sqlite.copyback import CopyBack\n"
        "from penchant.adapters.sqlite.database import Database\n"
        "database = Database(Path(sys.argv[1]), writer=True)\n"
        "with database.write() as connection:\n"
        "    connection.execute('INSERT INTO counters VALUES (?, 1)', ['first'])\n"
        "def refuses(self):\n"
        "    raise sqlite3.OperationalError('disk I/O error')\n"
        "CopyBack.mend, database._copy_back._refused = refuses, len(sys.argv) > 2\n"
        "database.close()\n"
    )
    for more in ([], ["refused"]):
        path = tmp_path / "".join(["shop", *more]) / "shop.db"
        path.parent.mkdir()
        subprocess.run([sys.executable, "-c", script, str(path), *more], check=True, timeout=300)
        assert path.with_name("shop.db-wal").exists() == bool(more)
        with closing(Database(path, writer=True)) as database:
            assert ("first",) in database.read("SELECT name FROM counters")


class TestTheLengthOfTheLog:
    def test_is_as_sqlite_counts_it(self, tmp_path):
        path = tmp_path / "shop.db"
        drawn = random.Random(3)
        with closing(Database(path, writer=True)) as database:
            database.forget_for_good()
            for step in range(60):
                put(database, f"p{step}", drawn.randrange(200_000))
                if drawn.random() < 0.2:
                    database._copy_back.now()  # The next one begins the log anew, over what stands there.
                    put(database, f"q{step}", 10)
                pages = database._copy_back.now().in_log
                with copyback._header(tmp_path / "shop.db-wal") as (log, header):
                    assert copyback._holds(log, header, pages)
                    assert not copyback._holds(log, header, pages + 1)

    @pytest.mark.usefixtures("short_log")
    def test_is_that_of_the_file_a_link_leads_to(self, tmp_path, monkeypatch):
        monkeypatch.setattr(copyback, "FRAMES", 100)
        (far := tmp_path / "far").mkdir()
        Database(far / "shop.db", writer=True).close()
        (tmp_path / "shop.db").symlink_to(far / "shop.db")
        with closing(Database(tmp_path / "shop.db", writer=True)) as database:
            for step in range(400):
                put(database, f"p{step}", 10)
            assert (far / "shop.db-wal").stat().st_size < 120 * 4_200

    @pytest.mark.parametrize("error", [OSError(5, "Input/output error"), MemoryError()])
    def test_a_look_that_fails_refuses_no_commit(self, tmp_path, monkeypatch, error):
        def fails(*_: object) -> bool:
            raise error

        with closing(Database(tmp_path / "shop.db", writer=True)) as database:
            monkeypatch.setattr(CopyBack, "_is_long", fails)
            put(database, "first")
            assert len(database.read("SELECT * FROM attributes")) == 1

    def test_that_is_not_there_is_none(self, tmp_path):
        with copyback._header(tmp_path / "shop.db-wal") as (log, header):
            assert not copyback._holds(log, header, 1)

    @pytest.mark.usefixtures("short_log")
    def test_stays_small_where_nobody_reads_for_long(self, tmp_path, monkeypatch):
        monkeypatch.setattr(copyback, "FRAMES", 100)
        with closing(Database(tmp_path / "shop.db", writer=True)) as database:
            for step in range(400):
                put(database, f"p{step}", 10)
            assert (tmp_path / "shop.db-wal").stat().st_size < 120 * 4_200
            assert len(database.read("SELECT * FROM attributes")) == 400

    def test_a_reader_does_not_have_every_commit_copied_back(self, tmp_path, monkeypatch):
        monkeypatch.setattr(copyback, "FRAMES", 8)
        monkeypatch.setattr(copyback, "AGAIN", 40)
        with closing(Database(tmp_path / "shop.db", writer=True)) as database:
            asked = []
            now = CopyBack.now
            monkeypatch.setattr(CopyBack, "now", lambda self, *how: asked.append(1) or now(self, *how))
            put(database, "before")
            with somebody_reads(tmp_path / "shop.db"):
                for step in range(40):
                    put(database, f"p{step}", 10)
            assert 2 <= len(asked) <= 10


def test_nobody_opens_the_other_two_files(tmp_path, monkeypatch):
    """Closing a file drops all locks that this process has on it, SQLite's too."""
    opened, real = [], os.open
    monkeypatch.setattr("os.open", lambda path, *how: (opened.append(Path(path).name), real(path, *how))[1])
    monkeypatch.setattr(copyback, "FRAMES", 4)
    with closing(Database(tmp_path / "shop.db", writer=True)) as database:
        for step in range(20):
            put(database, f"p{step}")
    assert "shop.db-wal" in opened
    assert not {"shop.db", "shop.db-shm"} & set(opened)


def test_sqlite_copies_nothing_back_by_itself(tmp_path):
    """It would go on behind what was lost, and tell nobody."""
    with closing(Database(tmp_path / "shop.db", writer=True)) as database, database.write() as connection:
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_a_reader_writes_nothing(tmp_path):
    Database(tmp_path / "shop.db", writer=True).close()
    connection = reader(tmp_path / "shop.db")
    with closing(connection), pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM counters")
