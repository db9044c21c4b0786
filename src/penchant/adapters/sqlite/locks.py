"""Who may write a shop's files; and a write-ahead log that is on the disk before anybody builds on it."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from pathlib import Path
from typing import Final, Self

from penchant.errors import ShopBusy, StorageError

_PIECE: Final = 1 << 20
_BUSY = (
    "this shop is in use by another writer (process {}). Stop it, or send the work to it over HTTP. "
    "Nothing was changed."
)


class WriterLock:
    """At most one process does what ``path`` stands for. The lock goes with the process, however it ends.

    Raises:
        ShopBusy: another process holds it; the message names its process id.
    """

    def __init__(self, path: Path, busy: str = _BUSY) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            flock(self._file, LOCK_EX | LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise ShopBusy(busy.format(holder)) from error
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
def durable_log(path: Path) -> Generator[None]:
    """Within, nobody becomes the writer of ``path``, and its write-ahead log is durable.

    Where there is a writer it is so already.

    Raises:
        StorageError: the disk refused the log.
    """
    with _turn(path):
        with suppress(ShopBusy), WriterLock(path.with_name("writer.lock")):
            _write_again(_log(path))
        yield


def before_reading(path: Path) -> None:
    """The same for somebody who only reads: the last one to close copies the log back.

    Who may not write here copies nothing, and changes nothing.

    Raises:
        StorageError: the disk refused the log.
    """
    with suppress(PermissionError):
        if _log(path).exists() and _log(path).stat().st_size:
            with durable_log(path):
                pass


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


@contextmanager
def _turn(path: Path) -> Generator[None]:
    """One process at a time; the next one waits."""
    file = os.open(path.with_name("opening.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        flock(file, LOCK_EX)
        yield
    finally:
        os.close(file)


def _write_again(log: Path) -> None:
    """Write a file once more as it stands, and wait for the disk.

    Of a commit that was refused because fsync failed, Linux keeps the pages in memory, takes them for clean
    and never writes them (Rebello et al., "Can Applications Recover from fsync Failures?", 2020). The next
    one to open the database finds that commit whole, and what it appends and syncs behind it would be lost
    with it in a power cut. A second fsync does not help; writing does.
    """
    if not log.exists():
        return
    file = os.open(log, os.O_RDWR)
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
