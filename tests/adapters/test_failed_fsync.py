"""A commit that was refused because fsync failed takes nothing with it that is acknowledged after it."""

import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from errno import ENOSPC
from pathlib import Path

import pytest
from tests.adapters.failing_disk import SEEDS, left_by_a_power_cut, names, no_sync, on_a_disk, put, put_in

from penchant.adapters.sqlite import locks
from penchant.adapters.sqlite.database import Database
from penchant.errors import ShopBusy, StorageError
from penchant.testing.simulation.disk import Disk, Fault, Operation, in_use, no_faults

pytestmark = on_a_disk


def refused_commit(folder: Path, seed: int) -> Disk:
    """A disk with the commit "first", and after it one that was refused and that the log still holds."""
    disk = Disk(folder, random.Random(seed))
    with in_use(disk):
        database = Database(folder / "shop.db", writer=True)
        put(database, "first")
        database.forget_for_good()
        with database.write() as connection:  # The log begins with other pages: they cover nothing.
            connection.execute("INSERT INTO people (pseudonym) VALUES ('p')")
        disk.plan = no_sync
        with pytest.raises(StorageError):
            put(database, "refused")
        database.close()
        disk.plan = no_faults
    return disk


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_acknowledged_after_it_survives(shop, tmp_path, seed):
    disk = refused_commit(shop, seed)
    with in_use(disk):
        database = Database(shop / "shop.db", writer=True)
        put(database, "second")
        left = left_by_a_power_cut(disk, tmp_path / "left")
        database.close()
    assert {"first", "second"} <= left


@pytest.mark.parametrize("seed", SEEDS)
def test_a_log_that_is_not_written_again_loses_it(shop, tmp_path, seed, monkeypatch):
    """The disk of these tests does what Linux does; an fsync alone mends nothing."""

    def synced_only(log: Path) -> None:
        if log.exists():
            with log.open("rb") as file:
                os.fsync(file.fileno())

    monkeypatch.setattr(locks, "_write_again", synced_only)
    disk = refused_commit(shop, seed)
    with in_use(disk):
        database = Database(shop / "shop.db", writer=True)
        put(database, "second")
        left = left_by_a_power_cut(disk, tmp_path / "left")
        database.close()
    assert "first" in left
    assert "second" not in left


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_written_beside_a_reader_survives(shop, tmp_path, seed):
    """Whoever is not the writer writes a little too."""
    disk = refused_commit(shop, seed)
    with in_use(disk):
        keeper, reader = sqlite3.connect(shop / "shop.db"), Database(shop / "shop.db", writer=False)
        keeper.execute("SELECT count(*) FROM counters").fetchall()
        with reader.write_beside() as connection:
            put_in(connection, "second")
        left = left_by_a_power_cut(disk, tmp_path / "left")
        reader.close()
        keeper.close()
    assert {"first", "second"} <= left


@pytest.mark.parametrize("seed", SEEDS)
def test_a_copy_back_that_a_power_cut_ends_leaves_a_whole_file(shop, tmp_path, seed):
    """Pages of the refused commit reach the file when the next writer closes: the log must hold them."""
    disk, written = refused_commit(shop, seed), 0

    def cut(operation: Operation) -> Fault:
        nonlocal written
        written += operation.what == "write" and operation.file == "shop.db"
        return Fault.POWER_CUT if written == 2 + seed % 8 else Fault.NONE

    with in_use(disk):
        writer = Database(shop / "shop.db", writer=True)
        disk.plan = cut
        writer.close()
    assert disk.dead is Fault.POWER_CUT
    assert "first" in left_by_a_power_cut(disk, tmp_path / "left")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reader_that_closes_last_leaves_the_files_as_they_are(shop, tmp_path, seed):
    disk = refused_commit(shop, seed)
    with in_use(disk):
        reader = Database(shop / "shop.db", writer=False)
        assert "first" in names(reader)
        before = {file.name: file.read_bytes() for file in shop.iterdir() if "db" in file.name[:8]}
        reader.close()
    assert {name: (shop / name).read_bytes() for name in before if "shm" not in name} == {
        name: content for name, content in before.items() if "shm" not in name
    }
    assert "first" in left_by_a_power_cut(disk, tmp_path / "left")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_writer_that_ends_while_somebody_opens_leaves_a_whole_log(shop, tmp_path, seed, monkeypatch):
    """When it was looked for it was there, and when SQLite reads it is not."""
    disk = Disk(shop, random.Random(seed))
    Database(shop / "shop.db", writer=True).close()
    with in_use(disk):
        reader = Database(shop / "shop.db", writer=False)
        reader.close()  # What it holds open would keep the log as it is.
        writer = Database(shop / "shop.db", writer=True)
        put(writer, "first")
        writer.forget_for_good()
        with writer.write() as connection:
            connection.execute("INSERT INTO people (pseudonym) VALUES ('p')")
        disk.plan = no_sync
        with pytest.raises(StorageError):
            put(writer, "refused")
        looked = locks.durable_log

        @contextmanager
        def ends(path: Path) -> Generator[Callable[[], None]]:
            with looked(path) as look_again:
                writer.close()
                disk.plan = no_faults
                yield look_again

        monkeypatch.setattr("penchant.adapters.sqlite.database.durable_log", ends)
        with reader.write_beside() as connection:
            put_in(connection, "second")
        left = left_by_a_power_cut(disk, tmp_path / "left")
        reader.close()
    assert {"first", "second"} <= left


def test_beside_a_writer_nothing_is_written_again_and_openings_come_one_by_one(tmp_path, monkeypatch):
    path = tmp_path / "shop.db"
    again = []
    monkeypatch.setattr(locks, "_write_again", again.append)
    database = Database(path, writer=True)
    put(database, "first")
    assert again == [tmp_path / "shop.db-wal"]
    opened, reader = threading.Event(), Database(path, writer=False)

    def opens() -> None:
        with reader.write_beside():
            opened.set()

    with locks.durable_log(path) as look_again:
        thread = threading.Thread(target=opens)
        thread.start()
        assert not opened.wait(0.3), "two at a time"
        look_again()
    thread.join(30)
    reader.close()
    assert opened.is_set()
    assert again == [tmp_path / "shop.db-wal"], "written under the feet of the writer"
    database.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_log_of_many_pieces_is_written_whole(shop, tmp_path, seed, monkeypatch):
    monkeypatch.setattr(locks, "_PIECE", 4096)
    test_what_is_acknowledged_after_it_survives(shop, tmp_path, seed)


def test_an_opening_whose_rewriting_fails_is_refused_and_goes_once_the_disk_is_good(shop):
    disk = refused_commit(shop, 0)
    with in_use(disk):
        disk.plan = no_sync
        with pytest.raises(StorageError, match="disk refused"):
            Database(shop / "shop.db", writer=True)
        disk.plan = no_faults
        with closing(Database(shop / "shop.db", writer=True)) as database:
            assert "first" in names(database)


def test_who_waits_for_its_turn_in_vain_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "TURN_SECONDS", 0.1)
    path = tmp_path / "shop.db"
    Database(path, writer=True).close()
    with locks.durable_log(path), pytest.raises(ShopBusy, match="has been opening this shop"):
        Database(path, writer=True)
    Database(path, writer=True).close()


def test_a_disk_too_full_for_the_name_of_the_process_keeps_nobody_out(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", refuses(OSError(ENOSPC, "No space left on device")))
        Database(tmp_path / "shop.db", writer=True).close()
    Database(tmp_path / "shop.db", writer=True).close()


def refuses(error: OSError):
    def refuse(*_: object) -> None:
        raise error

    return refuse


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(shop):
    os.chown(shop, 12_345, 12_345)
    Database(shop / "shop.db", writer=True).close()
    for lock in ("opening.lock", "writer.lock"):
        assert (shop / lock).stat().st_uid == 12_345


def test_reading_a_file_at_rest_leaves_no_other(tmp_path):
    Database(tmp_path / "shop.db", writer=True).close()
    before = set(tmp_path.iterdir())
    one, other = (Database(tmp_path / "shop.db", writer=False) for _ in range(2))
    one.close()
    assert other.read("PRAGMA integrity_check") == [("ok",)]
    other.close()
    assert set(tmp_path.iterdir()) == before


def test_reading_makes_no_lock(tmp_path):
    """A copy on its way into a backup has none."""
    Database(tmp_path / "shop.db", writer=True).close()
    for lock in ("opening.lock", "writer.lock"):
        (tmp_path / lock).unlink()
    Database(tmp_path / "shop.db", writer=False).close()
    assert not [*tmp_path.glob("*.lock")]


def test_what_a_reader_finds_in_the_log_stays_there(tmp_path):
    (kept := tmp_path / "killed").mkdir()
    with closing(Database(tmp_path / "shop.db", writer=True)) as database:
        put(database, "first")
        for name in ("shop.db", "shop.db-wal"):
            shutil.copy(tmp_path / name, kept / name)
    reader = Database(kept / "shop.db", writer=False)
    assert names(reader) == {"first"}
    reader.close()
    assert (kept / "shop.db-wal").stat().st_size > 0


def test_a_reader_that_closes_is_in_no_writers_way(tmp_path):
    database = Database(tmp_path / "shop.db", writer=True)
    Database(tmp_path / "shop.db", writer=False).close()
    put(database, "first")
    assert (tmp_path / "shop.db-wal").stat().st_size > 0
    database.close()
