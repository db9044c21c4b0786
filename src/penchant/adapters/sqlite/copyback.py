"""Copying the write-ahead log back into the database, and what to do where the disk refused it."""

import ctypes
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final, NamedTuple

_log = logging.getLogger(__name__)

FRAMES: Final = 16_384
"""Pages of the log after which it is copied back, 64 MiB: an import changes pages of the indexes in every
batch."""
AGAIN: Final = FRAMES // 4
"""More of them before the next time, where somebody reads an old state and the log cannot begin anew."""
PATIENCE_SECONDS: Final = 60.0
"""Between two tries on a disk that refuses."""
_HEADER, _FRAME_HEADER = 32, 24
"""Bytes before the frames, and before the page of each (https://sqlite.org/fileformat2.html#walformat)."""
_SALTS: Final = slice(16, 24)
"""Of the header: what marks the frames since the log last began anew."""
_BROKEN = (sqlite3.Error, OSError, MemoryError)
"""What a disk that refuses, or SQLite without memory, raises."""
_GROWS: Final = "the write-ahead log could not be copied back and grows until it can: %s"
_left_open: list[sqlite3.Connection] = []


class Copied(NamedTuple):
    """What SQLite answers: whether somebody was in the way, pages in the log, pages of them copied back."""

    busy: int
    in_log: int
    copied: int


class CopyBack:
    """Of one writer, which has SQLite's own turned off: that tells nobody where the disk refused.

    A long reader lets SQLite copy back only a part, which is noted and not synced. Where the fsync behind a
    later part fails, Linux takes the pages of all parts for clean and never writes them, but SQLite goes on
    behind the first one and then begins the log anew: a power cut would leave a damaged file. So a refusal is
    remembered, in a file too, for others may keep alive what SQLite noted when this process ends; before the
    next copy back every page is put into the log once more. Until then nothing is copied back and the log
    grows. All that is acknowledged is in it.
    """

    def __init__(
        self,
        path: Path,
        writer: sqlite3.Connection,
        connected: Callable[[str], sqlite3.Connection],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``connected`` opens one more connection in a mode, "ro" or "rw"."""
        path = path.resolve()  # SQLite's own files lie beside what a link leads to.
        self._connected = connected
        self._log = path.with_name(f"{path.name}-wal")
        self._mark = path.with_name(f"{path.name}-refused")
        self._refused = self._mark.exists()
        self._writer = writer
        self._clock = clock
        self._wait_until = clock()
        self._last = b"", 0
        self._thread: CopyThread | None = None
        self._helper: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._copying = threading.RLock()
        """Held by whoever copies back: one at a time. Taken after the guard, never before it."""

    def go_beside(self, guard: threading.RLock) -> None:
        """From now on a thread copies back what is long, most of it beside those who write, who hold the
        ``guard``: whoever commits need not wait for that before it answers."""
        if self._thread is None:
            self._thread = CopyThread(lambda: self._beside(guard))

    def halt(self) -> None:
        """End the thread. Not under the guard: it may wait for that."""
        if self._thread is not None:
            self._thread.end()
            self._thread = None

    def after_commit(self, *, patient: bool = True) -> None:
        """Copy back where the log is long, or wake who does; what is to be mended first waits for the thread
        or a ``patient`` one.

        What was committed is durable either way: nothing is raised.
        """
        thread = self._thread
        if self._clock() < self._wait_until or (self._refused and not patient and thread is None):
            return
        try:
            if not self._is_long():
                return
            if thread is not None:
                thread.wake()
            else:
                self.now()
        except _BROKEN as error:
            _log.warning(_GROWS, error)

    def _beside(self, guard: threading.RLock) -> None:
        """What the thread does when it is woken: nothing where that was done meanwhile."""
        try:
            with guard:
                if self._clock() < self._wait_until or not self._is_long():
                    return
                if self._refused:
                    self.now()
                    return
                self._copying.acquire()
            try:
                most = self._pass(beside=True)
                done = self._last
            finally:
                self._copying.release()
            with guard:
                if self._last is done and self._holds_more(most):  # Nobody else has copied back since.
                    self.now()
        except Exception as error:  # The thread must not end: nobody would copy back then.
            _log.warning(_GROWS, error)

    def _holds_more(self, most: Copied) -> bool:
        """Whether there is something in the log that the first pass has left."""
        if most.in_log < 0:  # Somebody else was at it, who is not ours.
            return self._is_long()
        with _header(self._log) as (log, header):
            return header[_SALTS] == self._last[0] and _holds(log, header, most.copied + 1)

    def now(self, how: str = "PASSIVE") -> Copied:
        """Copy back what no reader is in the way of.

        Raises:
            sqlite3.Error: the disk refused.
        """
        with self._copying:
            return self._pass(how)

    def _pass(self, how: str = "PASSIVE", *, beside: bool = False) -> Copied:
        """One pass of SQLite's, on the writer's connection or while others commit ``beside`` it; these go on
        behind what it copies, so that the rest of it, and the fsync of the database, are for the next one."""
        try:
            if not beside:
                self.mend()
            with self._kept() if how == "PASSIVE" else nullcontext(), _header(self._log) as (_, header):
                connection = self._other() if beside else self._writer
                copied = Copied(*connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone())
            if copied.in_log >= 0:
                self._last = header[_SALTS], copied.in_log
            return copied
        except sqlite3.Error as error:
            self._wait_until = self._clock() + PATIENCE_SECONDS
            # Python's own refusals, as of a closed connection, have no code of SQLite.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
                self._refused = True
                with suppress(OSError):
                    self._mark.touch(0o600)
            raise

    @contextmanager
    def _kept(self) -> Generator[None]:
        """Nobody begins the log anew meanwhile and has it copied back too.

        Up to 3.51.2 SQLite may copy an old log over the database where one looks at the log in the moment in
        which another begins it anew (https://sqlite.org/wal.html#walresetbug): this process, or one that
        writes beside it. Who reads a state that is in the log keeps it from being begun anew. Where all of it
        is copied back it keeps nobody from that, but from copying: a pass then does nothing.
        """
        if self._reader is None:
            self._reader = self._connected("ro")
        reader = self._reader
        try:
            try:
                reader.execute("BEGIN")
                reader.execute("PRAGMA user_version").fetchone()
            except sqlite3.Error as error:  # Nothing was copied: that is no refusal to write.
                raise sqlite3.OperationalError(f"the newest state cannot be read: {error}") from error
            yield
        finally:
            if reader.in_transaction:
                reader.execute("ROLLBACK")

    def _other(self) -> sqlite3.Connection:
        if self._helper is None:
            helper = self._connected("rw")
            try:
                helper.execute("PRAGMA synchronous = FULL")
                helper.execute("PRAGMA wal_autocheckpoint = 0")
            except BaseException:
                helper.close()
                raise
            self._helper = helper
        return self._helper

    def mend(self) -> None:
        """Where the disk refused: let the next copy back be of every page.

        Raises:
            sqlite3.Error: it refuses still.
        """
        if self._refused:
            self.write_anew()

    def write_anew(self) -> None:
        """Put every page of the database into the log, as one commit.

        Raises:
            sqlite3.Error: the disk refused; the database is as it was.
        """
        with self._copying:
            # The copy is as large as the shop: on disk, not in memory. It holds only what stays.
            self._writer.execute("PRAGMA temp_store = FILE")
            try:
                self._writer.execute("VACUUM")
            finally:
                self._writer.execute("PRAGMA temp_store = MEMORY")
            self._refused = False
            with suppress(OSError):  # Left there, it costs one more of these.
                self._mark.unlink(missing_ok=True)

    def close(self) -> None:
        """Mend and close; where it cannot be mended the connection stays open, for good.

        The last one to close copies back, and would go on behind what was lost. A process that ends closes
        what Python holds, so this is held by nobody: then the system takes the files away, nobody copies
        back, and who opens next, alone, has the whole log copied.
        """
        with suppress(*_BROKEN):
            self.mend()
        for other in (self._helper, self._reader):
            if other is not None:
                other.close()  # Not the last one.
        self._helper = self._reader = None
        if self._refused:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._writer))
            _left_open.append(self._writer)
        else:
            self._writer.close()

    def _is_long(self) -> bool:
        salts, pages = self._last
        with _header(self._log) as (log, header):
            return _holds(log, header, pages + AGAIN if header[_SALTS] == salts else FRAMES)


class CopyThread:
    """Does ``work``, which raises nothing, when it is woken: once for all who woke it meanwhile."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._woken = threading.Event()
        self._ending = False
        self.thread = threading.Thread(target=self._run, name="copy-back", daemon=True)
        self.thread.start()

    def wake(self) -> None:
        """Returns at once."""
        self._woken.set()

    def end(self) -> None:
        """It has ended when this returns; what it was woken for since is left."""
        self._ending = True
        self._woken.set()
        self.thread.join()

    def _run(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()  # Before the look: whoever ends it says so first and wakes it after that.
            if self._ending:
                return
            self._work()


def _holds(log: int, header: bytes, frames: int) -> bool:
    """Whether an open log has that many since it last began anew. Older ones may stand behind them, with
    other salts."""
    page = int.from_bytes(header[8:12], "big")
    frame = _HEADER + (frames - 1) * (_FRAME_HEADER + page)
    return len(header) == _HEADER and os.pread(log, 8, frame + 8) == header[_SALTS]


@contextmanager
def _header(log: Path) -> Generator[tuple[int, bytes]]:
    """The open file and its header; no bytes where there is no log.

    Of the log alone: closing one of the other two files would drop the locks that SQLite has on it.
    """
    try:
        file = os.open(log, os.O_RDONLY)
    except OSError:
        yield -1, b""
        return
    try:
        yield file, os.pread(file, _HEADER, 0)
    finally:
        os.close(file)
