"""A shop's database on a disk that refuses an fsync, and what a power cut leaves of it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from penchant.adapters.sqlite.database import Database
from penchant.testing.simulation.disk import Disk, Fault, Operation
from penchant.testing.simulation.sqlite_files import library

SEEDS = range(12)
"""Which of the pages of a failed fsync are lost is drawn."""
on_a_disk = pytest.mark.skipif(library() is None, reason="the SQLite of this Python cannot be reached")


def no_sync(operation: Operation) -> Fault:
    """Pages can be written and do not reach the disk."""
    return Fault.BROKEN if operation.what == "sync" else Fault.NONE


def put(database: Database, name: str, size: int = 20_000) -> None:
    """One commit, a row of some pages."""
    with database.write() as connection:
        put_in(connection, name, size)


def put_in(connection: sqlite3.Connection, name: str, size: int = 20_000) -> None:
    """The same, as a part of one."""
    connection.execute("INSERT INTO counters VALUES (?, 1)", [name])
    connection.execute("INSERT INTO attributes VALUES (?, zeroblob(?))", [name, size])


def names(database: Database) -> set[str]:
    """What was committed."""
    return {str(row[0]) for row in database.read("SELECT pseudonym FROM attributes")}


def left_by_a_power_cut(disk: Disk, folder: Path) -> set[str]:
    """What the next opening finds."""
    disk.die(Fault.POWER_CUT)
    disk.survivors(folder)
    with closing(Database(folder / "shop.db", writer=True)) as database:
        assert database.read("PRAGMA integrity_check") == [("ok",)]
        counted = {str(row[0]) for row in database.read("SELECT name FROM counters WHERE value = 1")}
        assert counted == names(database), "half a commit"
        return counted
