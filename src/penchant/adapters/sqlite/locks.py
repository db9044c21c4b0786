"""Who may write a shop's files; and a write-ahead log that is on the disk before anybody builds on it."""

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from pathlib import Path
from typing import Final, Self

from penchant.errors import ShopBusy, StorageError

TURN_SECONDS: Final = 60.0
"""That somebody who opens waits for another one: a log of 64 MiB is written in a tenth of a second."""
_A_MOMENT: Final = 0.005
_PIECE: Final = 1 << 20
_BUSY = (
    "this shop is in use by another writer (process {}). Stop it, or send the work to it over HTTP. "
    "Nothing was changed."
)
_OPENING = (
    "another process has been opening this shop for a minute. If it was stopped, end it; nothing was changed."
)


class WriterLock:
    """At most one process does what ``path`` stands for. The lock goes with the process, however it ends.

    Raises:
        ShopBusy: another process holds it; the message names its process id.
    """

    def __init__(self, path: Path, busy: str = _BUSY) -> None:
        self._file = _lock_file(path)
        try:
            flock(self._file, LOCK_EX | LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise ShopBusy(busy.format(holder)) from error
        with suppress(OSError):  # That it is named is a courtesy to others; a full disk denies it.
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let the next one in."""
        flock(self._file, LOCK_UN)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _lock_file(path: Path) -> int:
    """The file at ``path``, made where there is none; by root for the owner of the folder, who comes next."""
    file = _opened(path, os.O_RDWR | os.O_CREAT)
    folder = path.parent.stat()
    if os.geteuid() == 0 and folder.st_uid != 0 and os.fstat(file).st_uid == 0:
        os.fchown(file, folder.st_uid, folder.st_gid)
    return file


def _opened(path: Path, flags: int) -> int:
    """An open file.

    Raises:
        FileNotFoundError: there is none. StorageError: the disk refused.
    """
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise refused(error) from error


def the_writer(path: Path) -> WriterLock:
    """The lock of the one process that writes the database ``path``, whose write-ahead log is durable then.

    Raises:
        ShopBusy: another process has it. StorageError: the disk refused the log.
    """
    with _turn(path):
        lock = WriterLock(path.with_name("writer.lock"))
        try:
            _write_again(_log(path))
        except BaseException:
            lock.release()
            raise
        return lock


@contextmanager
def durable_log(path: Path) -> Generator[Callable[[], None]]:
    """Within, nobody becomes the writer of ``path``, and its write-ahead log is durable.

    Where there is a writer it is so already. That one may end meanwhile and leave a commit that was refused:
    call what this gives once SQLite has read, and before anything is written; what SQLite found is durable
    then.

    Raises:
        StorageError: the disk refused the log.
    """
    with _turn(path):
        alone = _mended(path)

        def look_again() -> None:
            if not alone:
                _mended(path)

        yield look_again


@contextmanager
def nothing_in_the_log(path: Path) -> Generator[bool]:
    """Within, nobody becomes the writer of ``path``; whether its write-ahead log is there and empty.

    Raises:
        ShopBusy: there is a writer, or somebody opens just now. OSError, StorageError: locks cannot be taken.
        FileNotFoundError: there is no log, or nobody ever wrote here: a copy on its way into a backup.
    """
    for name in (f"{path.name}-wal", "opening.lock", "writer.lock"):
        path.with_name(name).stat()
    with _turn(path, 0.0), WriterLock(path.with_name("writer.lock")):
        yield _log(path).stat().st_size == 0


def _mended(path: Path) -> bool:
    """Make the log durable, unless there is a writer; whether there was none."""
    try:
        with WriterLock(path.with_name("writer.lock")):
            _write_again(_log(path))
    except ShopBusy:
        return False
    return True


def _log(path: Path) -> Path:
    path = path.resolve()  # SQLite's log lies beside what a link leads to.
    return path.with_name(f"{path.name}-wal")


@contextmanager
def _turn(path: Path, seconds: float | None = None) -> Generator[None]:
    """One process at a time; the next one waits.

    Raises:
        ShopBusy: it waited in vain.
    """
    file = _lock_file(path.with_name("opening.lock"))
    try:
        _wait_for(file, TURN_SECONDS if seconds is None else seconds)
        yield
    finally:
        os.close(file)


def _wait_for(file: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            flock(file, LOCK_EX | LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= until:
                raise ShopBusy(_OPENING) from error
        time.sleep(_A_MOMENT)


def _write_again(log: Path) -> None:
    """Write a file once more as it stands, and wait for the disk.

    Of a commit that was refused because fsync failed, Linux keeps the pages in memory, takes them for clean
    and never writes them (Rebello et al., "Can Applications Recover from fsync Failures?", 2020). The next
    one to open the database finds that commit whole, and what it appends and syncs behind it would be lost
    with it in a power cut. A second fsync does not help; writing does.
    """
    try:
        file = _opened(log, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        place = 0
        while piece := os.pread(file, _PIECE, place):
            place += os.pwrite(file, piece, place)
        os.fsync(file)
    except OSError as error:
        raise refused(error) from error
    finally:
        os.close(file)


def refused(error: Exception) -> StorageError:
    """What to raise where the disk did not take what was to be written."""
    return StorageError(
        f"the shop's disk refused: {error}. Nothing of this step was written; what was acknowledged "
        "before is safe. Free some space or check the disk, then try again."
    )
