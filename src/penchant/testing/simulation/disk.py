"""A disk that fails when it is told to, and knows what a power cut would leave of it.

What was written and not yet synced may be lost, whole or in part, in any order; what was synced stays. After
an fsync that failed, nobody knows which of the writes before it are safe, as on Linux (Rebello et al., "Can
Applications Recover from fsync Failures?", 2020).
"""

import errno
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import NamedTuple
from unittest.mock import patch

from penchant.testing.simulation import sqlite_files as sqlite

_pwrite = os.pwrite
"""The real one, while ours is in its place."""


class Fault(Enum):
    """What may happen where the disk is asked for something."""

    NONE = "none"
    FULL = "full"
    """ENOSPC; of what was to be written, a part may be there."""
    BROKEN = "broken"
    """EIO."""
    KILL = "kill"
    """The process is killed in the middle of it; what it wrote before stays."""
    POWER_CUT = "power cut"
    """And what it did not sync may be lost."""


class Operation(NamedTuple):
    """Something that the disk is asked for: the ``number``-th of all, from 1.

    ``what`` is write, sync, truncate, delete, open or read; ``file`` the name in the disk's folder.
    """

    number: int
    what: str
    file: str


Plan = Callable[[Operation], Fault]


def no_faults(_: Operation) -> Fault:
    """A good disk."""
    return Fault.NONE


@dataclass(slots=True)
class _File:
    """Bytes that a power cut leaves, and what was done since; a write is (offset, bytes), a cut its size."""

    durable: bytearray
    pending: list[tuple[int, bytes | None]] = field(default_factory=list[tuple[int, bytes | None]])

    def settle(self, keep: Callable[[], bool]) -> None:
        """What waits becomes durable, where ``keep`` says so, and nothing waits any more."""
        for offset, data in self.pending:
            if keep():
                _apply(self.durable, offset, data)
        self.pending.clear()


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _raise(fault: Fault) -> None:
    """As Python is told of it."""
    if fault is not Fault.NONE:
        code = errno.ENOSPC if fault is Fault.FULL else errno.EIO
        raise OSError(code, os.strerror(code))


class Disk:
    """Files in one folder, as one process sees them. ``plan`` says what goes wrong, and may be replaced.

    Reads, and operations while ``plan`` is :func:`no_faults`, are counted too: one seed gives one run.
    """

    def __init__(self, folder: Path, random: Random, plan: Plan = no_faults) -> None:
        self.folder = folder
        self.plan = plan
        self.count = 0
        self.fell: list[str] = []
        """Faults so far, for a trace."""
        self.dead: Fault | None = None
        """How the process ended."""
        self._random = random
        self._prefix = f"{folder.resolve()}/"
        self._files: dict[str, _File] = {}

    def die(self, how: Fault) -> None:
        """End the process here and now: nothing reaches the disk any more."""
        self.dead = self.dead or how

    def survivors(self, target: Path) -> None:
        """Write what is left after the end of the process to the new folder ``target``."""
        self.die(Fault.KILL)
        passing = shutil.ignore_patterns("*-shm", "*.lock")
        shutil.copytree(self.folder, target, ignore=passing, copy_function=shutil.copyfile)
        if self.dead is not Fault.POWER_CUT:
            return
        for name, file in self._files.items():
            if not (target / name).exists():
                continue
            left = bytearray(file.durable)
            for offset, data in file.pending:
                self._perhaps(left, offset, data)
            (target / name).write_bytes(left)

    def _perhaps(self, content: bytearray, offset: int, data: bytes | None) -> None:
        """Apply what was not synced: whole, in part, or not at all."""
        luck = self._random.random()
        if luck < 0.4:
            return
        part = data if data is None or luck < 0.8 else data[: self._random.randrange(len(data) + 1)]
        _apply(content, offset, part)

    # What SQLite asks, see sqlite_files.Files. ------------------------------------------------------

    def holds(self, path: str) -> bool:
        return path.startswith(self._prefix)

    def opened(self, path: str) -> int:
        name = path[len(self._prefix) :]
        if self._falls("open", name) is not Fault.NONE:
            return sqlite.CANTOPEN
        self._known(name)
        return sqlite.OK

    def read(self, path: str, do: Callable[[], int]) -> int:
        fault = self._falls("read", path[len(self._prefix) :])
        return do() if fault is Fault.NONE else sqlite.IOERR_READ

    def write(self, path: str, offset: int, data: bytes, do: Callable[[bytes], int]) -> int:
        name = path[len(self._prefix) :]
        was_dead = self.dead is not None
        fault = self._falls("write", name)
        whole = fault is Fault.NONE
        part = b"" if was_dead else data if whole else data[: self._random.randrange(len(data) + 1)]
        code = do(part)
        if part and not code:
            self._files[name].pending.append((offset, part))
        if whole:
            return code
        return sqlite.FULL if fault is Fault.FULL else sqlite.IOERR_WRITE

    def truncate(self, path: str, size: int, do: Callable[[], int]) -> int:
        name = path[len(self._prefix) :]
        if self._falls("truncate", name) is not Fault.NONE:
            return sqlite.IOERR_TRUNCATE
        self._files[name].pending.append((size, None))
        return do()

    def sync(self, path: str, do: Callable[[], int]) -> int:  # noqa: ARG002 - this disk is simulated
        fault = self._synced(path[len(self._prefix) :])
        return sqlite.OK if fault is Fault.NONE else sqlite.IOERR_FSYNC

    def delete(self, path: str, do: Callable[[], int]) -> int:
        name = path[len(self._prefix) :]
        if self._falls("delete", name) is not Fault.NONE:
            return sqlite.IOERR_DELETE
        self._files.pop(name, None)
        return do()

    # What Python asks. ------------------------------------------------------------------------------

    def pwrite(self, handle: int, data: bytes, offset: int) -> int:
        """In the place of ``os.pwrite``: a file of SQLite that is written again goes through it."""
        name = self._name(handle)
        if name is None or name.endswith(".lock"):
            return _pwrite(handle, data, offset)
        self._known(name)

        def do(part: bytes) -> int:
            _pwrite(handle, part, offset)
            return sqlite.OK

        code = self.write(f"{self._prefix}{name}", offset, data, do)
        _raise(Fault.NONE if code == sqlite.OK else Fault.FULL if code == sqlite.FULL else Fault.BROKEN)
        return len(data)

    def fsync(self, handle: int) -> None:
        """In the place of ``os.fsync``: small files that are replaced as a whole go through it too."""
        if (name := self._name(handle)) is not None:
            _raise(self._synced(name))

    def _name(self, handle: int) -> str | None:
        """Of an open file in the disk's folder; None of another."""
        path = str(Path(f"/proc/self/fd/{handle}").readlink())
        return path[len(self._prefix) :] if f"{path}/".startswith(self._prefix) else None

    def _known(self, name: str) -> None:
        """A file that is met for the first time is durable as it is found."""
        if name not in self._files:
            here = Path(f"{self._prefix}{name}")
            self._files[name] = _File(bytearray(here.read_bytes() if here.is_file() else b""))

    def _synced(self, name: str) -> Fault:
        """What falls, once it is known what of a file is durable."""
        fault, file = self._falls("sync", name), self._files.get(name)
        if file is not None and self.dead is None:
            file.settle(lambda: fault is Fault.NONE or self._random.random() < 0.5)
        return fault

    def _falls(self, what: str, file: str) -> Fault:
        """What happens to the next operation; nothing but refusals once the process has ended."""
        if self.dead is not None:
            return self.dead
        self.count += 1
        fault = self.plan(Operation(self.count, what, file))
        if fault is Fault.NONE:
            return fault
        self.fell.append(f"{fault.value} at {what} of {file}, operation {self.count}")
        if fault in (Fault.KILL, Fault.POWER_CUT):
            self.die(fault)
        return fault


@contextmanager
def in_use(disk: Disk) -> Generator[Disk]:
    """Every file of SQLite in the disk's folder, ``os.fsync`` and ``os.pwrite`` go through it until the end.

    What is open then must be closed before: connections keep to the disk that they were opened on.
    """
    with sqlite.watched(disk), patch("os.fsync", disk.fsync), patch("os.pwrite", disk.pwrite):
        yield disk
