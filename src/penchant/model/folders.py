"""Folders that are there as a whole or not at all. Numpy and torch are not needed here."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from penchant.errors import StorageError


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a new folder, make it durable, and put it at ``folder`` by renaming.

    An older folder of that name is replaced. What is left of an interrupted write has another name.

    Raises:
        StorageError: the disk refused; what was at ``folder`` is still there.
    """
    new = folder.with_name(f".{folder.name}.new")
    old = folder.with_name(f".{folder.name}.old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)
        new.mkdir()
        write(new)
        for path in (*new.iterdir(), new):
            sync(path)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        sync(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise StorageError(f"cannot write {folder.name}: {error}; free some space and try again") from error


def sync(path: Path) -> None:
    """Make what was written at ``path``, a file or the names in a folder, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
