"""One SQLite file, one writer process, many readers; trouble of the disk as our own errors."""

import sqlite3
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from penchant.adapters.sqlite.checks import add_functions
from penchant.adapters.sqlite.copyback import FRAMES, CopyBack
from penchant.adapters.sqlite.locks import durable_log, nothing_in_the_log, refused, the_writer
from penchant.adapters.sqlite.schema import MIGRATIONS, SCHEMA_VERSION
from penchant.errors import InvalidInput, PenchantError, ShopBusy, ShopError, StorageError, WouldWait

BUSY_SECONDS: Final = 10.0
A_MOMENT: Final = 0.2
"""Seconds that a second write waits for another process where the first one would not have waited at all."""
_OPTIONS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -65536",
    "PRAGMA temp_store = MEMORY",
    # We copy back ourselves; what a long log leaves is cut off where it begins anew.
    "PRAGMA wal_autocheckpoint = 0",
    f"PRAGMA journal_size_limit = {FRAMES * 4096}",
)
_FEW_PAGES: Final = "PRAGMA cache_size = -8192"


class Database:
    """Connections to one file. Threads share the writing one under a lock; reading ones come from a pool."""

    def __init__(self, path: Path, *, writer: bool) -> None:
        """Open; a writer takes the folder's lock and brings the tables up to date.

        Raises:
            ShopBusy: there is a writer already. ShopError: no such file, not ours, or newer.
        """
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._guard = threading.RLock()
        self._patience = BUSY_SECONDS
        if not writer and not path.exists():
            raise ShopError(f"{path.name} is missing in this shop. Restore a backup.")
        self._writer: sqlite3.Connection | None = None
        self._copy_back: CopyBack | None = None
        self._lock = the_writer(path) if writer else None
        try:
            with storage_errors():
                if writer:
                    self._writer = _connected(path, "rwc")
                    self._copy_back = CopyBack(path, self._writer, partial(_connected, path))
                    for option in _OPTIONS:
                        self._writer.execute(option)
                self._check_version()
        except BaseException:
            self.close()
            raise

    @property
    def writes(self) -> bool:
        """Whether this process is the one that may change the file."""
        return self._writer is not None

    @property
    def guard(self) -> threading.RLock:
        """Held by every write. Hold it around one to keep a cache in memory in step with what is durable."""
        return self._guard

    @contextmanager
    def write(self) -> Generator[sqlite3.Connection]:
        """One transaction: durable when the block ends, undone when it raises."""
        with self._guard, storage_errors():
            writer, copy_back = self._writer, self._copy_back
            if writer is None or copy_back is None:
                raise ShopBusy("this shop was opened for reading only")
            _begin(writer, self._patience)
            patient = self._patience == BUSY_SECONDS
            if not patient:
                self._patience = A_MOMENT
            with _transaction(writer):
                yield writer
            copy_back.after_commit(patient=patient)

    @contextmanager
    def at_once(self) -> Generator[None]:
        """What is written within must not wait for another thread or process. A second write may, for a
        moment: the first one is done.

        Raises:
            WouldWait: one of them is writing now; nothing was written.
        """
        if self._writer is None or not self._guard.acquire(blocking=False):
            raise WouldWait("another thread is writing into this shop")
        try:
            self._patience = 0.0
            yield
        finally:
            self._patience = BUSY_SECONDS
            self._guard.release()

    @contextmanager
    def write_beside(self) -> Generator[sqlite3.Connection]:
        """One short transaction even while another process is the writer.

        Only for tables that nobody mirrors in memory: a leaked API key must be revocable while the shop
        serves.
        """
        if self._writer is not None:
            with self.write() as connection:
                yield connection
            return
        with storage_errors(), durable_log(self._path) as look_again:
            connection = _connected(self._path, "rwc")
            try:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA wal_autocheckpoint = 0")
                connection.execute("BEGIN IMMEDIATE")
                look_again()
                with _transaction(connection):
                    yield connection
            finally:
                connection.close()  # Not the last one, which copies back: a reader of ours is in the pool.

    def read(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """All rows of one short query."""
        with storage_errors():
            connection = self._idle.pop() if self._idle else reader(self._path)
            try:
                return connection.execute(sql, values).fetchall()
            finally:
                self._idle.append(connection)

    def stream(
        self, sql: str, values: Sequence[object] = (), size: int = 20_000
    ) -> Iterator[list[tuple[object, ...]]]:
        """Rows in chunks, on a connection of its own so that nothing else waits for the end of it."""
        with storage_errors():
            connection = reader(self._path)
            try:
                cursor = connection.execute(sql, values)
                while rows := cursor.fetchmany(size):
                    yield rows
            finally:
                connection.close()

    def keep_little(self) -> None:
        """From now on few pages in memory: an import needs many, small writes only fill it with them."""
        if self._writer is not None:
            with self._guard, storage_errors():
                self._writer.execute(_FEW_PAGES)

    def copy_back_beside(self) -> None:
        """From now on a thread copies the write-ahead log back, not who commits."""
        if self._copy_back is not None:
            self._copy_back.go_beside(self._guard)

    def forget_for_good(self) -> None:
        """After a deletion: empty the write-ahead log, where the deleted rows may still stand.

        Raises:
            StorageError: another process keeps reading old pages; the rows are deleted all the same.
        """
        if self._copy_back is None:
            return
        with self._guard, storage_errors():
            busy = self._copy_back.now("TRUNCATE").busy
        if busy:
            raise StorageError(
                "the rows are deleted, but another process still reads old pages of the shop, so their "
                "bytes could not be overwritten yet. End that process and erase once more."
            )

    def compact(self) -> None:
        """Write the whole file anew.

        ``secure_delete`` overwrites rows where they stand, but SQLite may have moved them from page to
        page before and left a copy in unused space (measured: 1 of 1,500). Only this removes those.
        Other writes wait meanwhile, readers do not.
        """
        if self._copy_back is None:
            return
        with self._guard, storage_errors():
            self._copy_back.write_anew()
        self.forget_for_good()

    def close(self) -> None:
        """Close every connection and let the next writer in. Closing twice is fine."""
        while self._idle:
            self._idle.popleft().close()
        if self._copy_back is not None:
            self._copy_back.halt()
        with self._guard:
            if self._copy_back is not None:
                self._copy_back.close()
            else:
                _tidy(self._path)
            self._writer = self._copy_back = None
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def _check_version(self) -> None:
        version = int(str(self.read("PRAGMA user_version")[0][0]))
        if version > SCHEMA_VERSION:
            raise ShopError(
                f"{self._path.name} was made by a newer Penchant (tables version {version}, this one reads "
                f"up to {SCHEMA_VERSION}). Upgrade Penchant; nothing was changed."
            )
        if version < SCHEMA_VERSION:
            self._migrate(version)

    def _migrate(self, version: int) -> None:
        if self._writer is None:
            # Opening as the writer, for a moment, brings them up to date.
            Database(self._path, writer=True).close()
            return
        add_functions(self._writer)
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            with self.write() as connection:
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")


def reader(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing: where it is the last one to close, the log stays as it is."""
    return _connected(path, "ro")


def _tidy(path: Path) -> None:
    """Let SQLite take its two files away where they hold nothing: who reads alone leaves no trace."""
    with suppress(PenchantError, OSError, sqlite3.Error), nothing_in_the_log(path) as empty:
        if empty:
            with closing(_connected(path, "rw")) as connection:
                connection.execute("PRAGMA user_version").fetchone()


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; a trigger holds some of its own."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _begin(writer: sqlite3.Connection, patience: float) -> None:
    if patience == BUSY_SECONDS:
        writer.execute("BEGIN IMMEDIATE")
        return
    writer.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
    try:
        writer.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if not patience and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise WouldWait("another process is writing into this shop") from error
        raise
    finally:
        writer.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Ends what has begun."""
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def storage_errors() -> Generator[None]:
    """SQLite's own errors as one clear line of ours."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise _unreadable("a text is not UTF-8") from error
    except sqlite3.OperationalError as error:
        if "decode" in str(error):
            raise _unreadable("a text is not UTF-8") from error
        raise refused(error) from error
    except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError) as error:
        raise InvalidInput(
            f"a value cannot be stored: {error}. Nothing of this step was written; mend the record."
        ) from error
    except sqlite3.DatabaseError as error:
        raise _unreadable(str(error)) from error


def _unreadable(why: str) -> ShopError:
    return ShopError(f"the shop's database cannot be read: {why}. Restore a backup.")
