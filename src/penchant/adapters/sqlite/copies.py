"""A copy of a database that is in use, and a database as it was earlier."""

import sqlite3
from pathlib import Path
from threading import Lock

from penchant.adapters.sqlite.database import Database, reader, storage_errors
from penchant.errors import ShopError


def copy_of(source: Path, target: Path) -> None:
    """Write what ``source`` holds at one moment to the new file ``target``, while others read and write it.

    Only rows that are there are copied: nothing of what was deleted is left in unused space.

    Raises:
        StorageError: the disk refused. ShopError: the copy is damaged, so the source is.
    """
    with storage_errors():
        connection = reader(source)
        try:
            connection.execute("VACUUM INTO ?", [str(target)])
        finally:
            connection.close()
    check(target)


def check(path: Path) -> None:
    """Read the whole file.

    Raises:
        ShopError: it is damaged.
    """
    PageCheck(path).run()


class PageCheck:
    """The same, from another thread's hand to be stopped: a long reader is in the way of an erasure."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._stopped = False

    def run(self) -> None:
        """Read the whole file, or as much of it as there is time for.

        Raises:
            ShopError: it is damaged.
        """
        said = "ok"
        with storage_errors():
            connection = reader(self._path)
            try:
                if self._begin(connection):
                    said = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
            except sqlite3.OperationalError:
                if not self._stopped:
                    raise
            finally:
                self._end()
                connection.close()
        if said != "ok":
            raise ShopError(f"{self._path.name} is damaged: {said}. Restore a backup.")

    def stop(self) -> None:
        """End it, or let it not begin."""
        with self._lock:
            self._stopped = True
            if self._connection is not None:
                self._connection.interrupt()

    def _begin(self, connection: sqlite3.Connection) -> bool:
        with self._lock:
            self._connection = None if self._stopped else connection
        return not self._stopped

    def _end(self) -> None:
        with self._lock:
            self._connection = None


def cut_after(database: Database, until: float) -> int:
    """Remove all that says it happened after ``until`` (unix seconds); how many events that were."""
    with database.write() as connection:
        gone = connection.execute("DELETE FROM events WHERE timestamp > ?", [until]).rowcount
        connection.execute("DELETE FROM people WHERE person NOT IN (SELECT person FROM events)")
        for table in ("impressions", "dead_letters"):
            connection.execute(
                f"DELETE FROM {table} WHERE json_extract(CAST(content AS TEXT), '$.timestamp') > ?", [until]
            )
        for table in ("exposures", "stock"):
            connection.execute(f"DELETE FROM {table} WHERE timestamp > ?", [until])
        connection.execute("DELETE FROM marked_events WHERE position NOT IN (SELECT position FROM events)")
    return gone
