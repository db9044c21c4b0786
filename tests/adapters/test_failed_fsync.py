"""A commit that was refused because fsync failed takes nothing with it that is acknowledged after it."""

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from penchant.adapters.sqlite import locks
from penchant.adapters.sqlite.database import Database
from penchant.errors import StorageError
from penchant.testing.simulation.disk import Disk, Fault, Operation, in_use, no_faults
from penchant.testing.simulation.sqlite_files import library

pytestmark = pytest.mark.skipif(library() is None, reason="the SQLite of this Python cannot be reached")
SEEDS = range(12)
"""Which of the pages of a failed fsync are lost is drawn."""


def no_sync(operation: Operation) -> Fault:
    """Pages can be written and do not reach the disk."""
    return Fault.BROKEN if operation.what == "sync" else Fault.NONE


@pytest.fixture
def shop(tmp_path):
    """Where the disk is."""
    (folder := tmp_path / "shop").mkdir()
    return folder


def put(database: Database, name: str) -> None:
    """One commit, a row of some pages."""
    with database.write() as connection:
        _put(connection, name)


def _put(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("INSERT INTO counters VALUES (?, 1)", [name])
    connection.execute("INSERT INTO attributes VALUES (?, zeroblob(20000))", [name])


def names(database: Database) -> set[str]:
    """What was committed."""
    return {str(row[0]) for row in database.read("SELECT pseudonym FROM attributes")}


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


def left_by_a_power_cut(disk: Disk, folder: Path) -> set[str]:
    """What the next opening finds."""
    disk.die(Fault.POWER_CUT)
    disk.survivors(folder)
    with closing(Database(folder / "shop.db", writer=True)) as database:
        assert database.read("PRAGMA integrity_check") == [("ok",)]
        counted = {str(row[0]) for row in database.read("SELECT name FROM counters WHERE value = 1")}
        assert counted == names(database), "half a commit"
        return counted


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
            _put(connection, "second")
        left = left_by_a_power_cut(disk, tmp_path / "left")
        reader.close()
        keeper.close()
    assert {"first", "second"} <= left


@pytest.mark.parametrize("seed", SEEDS)
def test_a_copy_back_that_a_power_cut_ends_leaves_a_whole_file(shop, tmp_path, seed):
    """Pages of the refused commit reach the file when the last reader closes: the log must hold them."""
    disk = refused_commit(shop, seed)
    with in_use(disk):
        reader = Database(shop / "shop.db", writer=False)
        names(reader)
        written = 0

        def cut(operation: Operation) -> Fault:
            nonlocal written
            written += operation.what == "write" and operation.file == "shop.db"
            return Fault.POWER_CUT if written == 2 + seed % 8 else Fault.NONE

        disk.plan = cut
        reader.close()
    assert disk.dead is Fault.POWER_CUT
    assert "first" in left_by_a_power_cut(disk, tmp_path / "left")


def test_an_opening_whose_rewriting_fails_is_refused_and_goes_once_the_disk_is_good(shop):
    disk = refused_commit(shop, 0)
    with in_use(disk):
        disk.plan = no_sync
        for writer in (True, False):
            with pytest.raises(StorageError, match="disk refused"):
                Database(shop / "shop.db", writer=writer)
        disk.plan = no_faults
        with closing(Database(shop / "shop.db", writer=True)) as database:
            assert "first" in names(database)


def test_a_folder_that_may_not_be_written_is_read(tmp_path, monkeypatch):
    database = Database(tmp_path / "shop.db", writer=True)
    put(database, "first")
    (tmp_path / "opening.lock").unlink()
    opened = os.open

    def refusing(path: Path, *how: int) -> int:
        if path.name == "opening.lock":
            raise PermissionError(path)
        return opened(path, *how)

    monkeypatch.setattr("os.open", refusing)
    with closing(Database(tmp_path / "shop.db", writer=False)) as reader:
        assert names(reader) == {"first"}
    database.close()


def test_reading_a_file_at_rest_makes_no_other(tmp_path):
    Database(tmp_path / "shop.db", writer=True).close()
    (tmp_path / "opening.lock").unlink()
    before = set(tmp_path.iterdir())
    Database(tmp_path / "shop.db", writer=False).close()
    assert set(tmp_path.iterdir()) == before
