"""Folders that are there as a whole or not at all. Numpy and torch are not needed here."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from penchant.errors import StorageError


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a new folder, make it durable, and put it at ``folder`` by renaming.

    An older folder of that name is replaced. What is left of an interrupted write has another name, and
    :func:`restore_folder` brings the older one back where the write ended between the two renames.

    Raises:
        StorageError: the disk refused; what was at ``folder`` is still there.
    """
    new, old = _beside(folder, "new"), _beside(folder, "old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        restore_folder(folder)
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)
        new.mkdir()
        write(new)
        for path in (*new.iterdir(), new):
            sync(path)
        if folder.exists():
            folder.replace(old)
        new.replace(folder)
        sync(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(new, ignore_errors=True)
        restore_folder(folder)
        raise StorageError(f"cannot write {folder.name}: {error}; free some space and try again") from error


def restore_folder(folder: Path) -> None:
    """Bring back what was at ``folder`` where its replacement was cut off before it had the name."""
    old = _beside(folder, "old")
    if old.is_dir() and not folder.exists():
        old.replace(folder)


def tidy(parent: Path) -> None:
    """Restore or remove what interrupted writes left in ``parent``; nobody may be writing there."""
    for old in parent.glob(".*.old"):
        restore_folder(parent / old.name.removeprefix(".").removesuffix(".old"))
    for left in (*parent.glob(".*.new"), *parent.glob(".*.old")):
        shutil.rmtree(left, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Put a file at ``path`` as a whole, durable. One that is there lends its mode, and stays on OSError."""
    new = _beside(path, "new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            new.chmod(path.stat().st_mode)
        new.replace(path)
        sync(path.parent)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Make what was written at ``path``, a file or the names in a folder, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f".{folder.name}.{what}")
