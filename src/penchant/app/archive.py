"""The form of a backup: one tar file of parts with a contents list, each part with its checksum."""

import io
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

import msgspec

from penchant.errors import InvalidInput
from penchant.model.folders import sync

FORMAT = 1
CONTENTS = "contents.json"
PART = re.compile(
    r"shop\.toml|shop\.db|vectors\.db|secret\.key|snapshots/promotions\.jsonl|ranker/(ranker\.json|trees\.txt)"
    r"|snapshots/\d{8}-\d{6}-\d{1,6}/(manifest\.json|weights\.safetensors|delta\.safetensors)"
)
"""Names that a part may have. Nothing else is ever written to the disk."""

_BLOCK = 1 << 20


Parts = Callable[[], "Iterator[tuple[str, Iterator[bytes]]]"]
"""Name and blocks of each part in turn."""


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds.

    Attributes:
        format: version of this form. time: unix seconds, just before the shop was read.
        events, log_position: of the log. snapshot: the one that serves, empty where none does.
        key: tells the key of the pseudonyms from others, and nothing else of it.
        parts: SHA-256 and bytes of each part, by name.
    """

    format: int
    time: float
    events: int
    log_position: int
    snapshot: str = ""
    key: str = ""
    parts: dict[str, tuple[str, int]] = {}


def write_archive(
    path: Path,
    room: Path,
    parts: Mapping[str, Path],
    contents: Callable[[dict[str, tuple[str, int]]], Contents],
) -> Contents:
    """Write ``parts`` to a new file at ``path``, readable by its owner only; all of it is read once more.

    ``room`` is a folder on the same disk that nobody else may look into.

    Raises:
        InvalidInput: there is a file already. StorageError: the disk refused; no file is left.
    """
    made = room / "archive"
    sums: dict[str, tuple[str, int]] = {}
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, source in parts.items():
                sums[name] = _add(tar, name, source)
            found = contents(sums)
            _add_bytes(tar, CONTENTS, msgspec.json.encode(found))
        file.flush()
        os.fsync(file.fileno())
    with opened(made) as (_, read):
        for _, blocks in read():
            for _ in blocks:
                pass
    try:
        _give_name(made, path)
    except FileExistsError as error:
        raise InvalidInput(f"{path} is there already: name a new file for each backup") from error
    sync(path.parent)
    return found


def _give_name(made: Path, path: Path) -> None:
    """Unlike a renaming it replaces nothing, and no link is followed."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise
    except OSError:  # A disk that knows no links.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            try:
                with made.open("rb") as source:
                    shutil.copyfileobj(source, file, _BLOCK)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                path.unlink()
                raise


@contextmanager
def opened(path: Path) -> Generator[tuple[Contents, Parts]]:
    """The contents of the backup at ``path``, and its parts one after another as blocks of bytes.

    Each part is checked when its last block was taken.

    Raises:
        InvalidInput: no such file, not a backup, of a newer version, cut off, or changed.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no backup at {path}")
    try:
        with tarfile.open(path, mode="r:") as tar:
            contents = _contents(tar)
            yield contents, lambda: _parts(tar, contents)
    except (tarfile.TarError, EOFError) as error:
        raise InvalidInput(f"{path.name} is no whole backup: {error}") from error


def _contents(tar: tarfile.TarFile) -> Contents:
    try:
        raw = _file(tar, CONTENTS).read(_BLOCK)
        found = msgspec.json.decode(raw, type=Contents)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"this is no whole backup: its list of contents cannot be read: {error}"
        ) from error
    if found.format > FORMAT:
        raise InvalidInput(
            f"this backup has format {found.format}, readable is up to {FORMAT}: upgrade Penchant"
        )
    strange = [name for name in found.parts if not PART.fullmatch(name)]
    if strange:
        raise InvalidInput(f"this is no backup of Penchant: a part is called {strange[0][:80]!r}")
    return found


def _parts(tar: tarfile.TarFile, contents: Contents) -> Iterator[tuple[str, Iterator[bytes]]]:
    for name, (digest, size) in contents.parts.items():
        yield name, _checked(_file(tar, name), name, digest, size)


def _file(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        member = tar.getmember(name)
    except KeyError as error:
        raise InvalidInput(f"this is no whole backup: it lacks {name}") from error
    file = tar.extractfile(member) if member.isreg() else None
    if file is None:
        raise InvalidInput(f"this is no backup of Penchant: {name} is not a file")
    return file


def _checked(file: IO[bytes], name: str, digest: str, size: int) -> Iterator[bytes]:
    total, seen = sha256(), 0
    while block := file.read(_BLOCK):
        total.update(block)
        seen += len(block)
        if seen > size:
            break
        yield block
    if seen != size or total.hexdigest() != digest:
        raise InvalidInput(f"the backup is damaged: {name} is not what was written")


def _add(tar: tarfile.TarFile, name: str, source: Path) -> tuple[str, int]:
    """One open file from start to end: its name may belong to a newer one meanwhile."""
    total = sha256()
    with source.open("rb") as file:
        info = tarfile.TarInfo(name)
        info.size, info.mode = os.fstat(file.fileno()).st_size, 0o600
        tar.addfile(info, _Summed(file, total.update))
    return total.hexdigest(), info.size


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    tar.addfile(info, io.BytesIO(content))


class _Summed(io.RawIOBase):
    """A file that tells every block which is read of it."""

    def __init__(self, file: IO[bytes], tell: Callable[[bytes], object]) -> None:
        self._file = file
        self._tell = tell

    def read(self, size: int = -1, /) -> bytes:
        block = self._file.read(size)
        self._tell(block)
        return block
