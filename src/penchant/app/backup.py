"""A shop as one file, taken while it serves, and a shop made of it again."""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

import msgspec

from penchant.adapters.sqlite.copies import check, copy_of, cut_after
from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.log import SqliteLog
from penchant.adapters.sqlite.people import everybody
from penchant.app.archive import FORMAT, Contents, opened, write_archive
from penchant.app.ranker import FOLDER as RANKER
from penchant.app.shop import Shop
from penchant.app.taking import clean
from penchant.errors import (
    InvalidInput,
    NotTrained,
    PenchantError,
    ShopError,
    SnapshotRefused,
    StorageError,
)
from penchant.learn.shelf import SnapshotShelf, earlier
from penchant.model.delta import DELTA
from penchant.model.folders import sync
from penchant.model.snapshot import read_manifest
from penchant.privacy.pseudonyms import read_key
from penchant.recommend.ranking.folder import read_ranker, write_ranker

LEDGER, KEY = "erased.ledger", "secret.key"
TRIES = 3
"""Readings of a ranker that another process replaces meanwhile."""
BESIDE = (LEDGER, KEY)
"""What may be in the folder of a restored shop already: who was erased since, and the key."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a backup. ``erased``: people who were erased after it was made; ``cut``: events after
    the moment that was asked for; ``snapshot``: what serves, empty where nothing does; ``ledger``: whether
    there was one of erasures to obey."""

    taken: float
    events: int
    erased: int
    cut: int
    snapshot: str
    ledger: bool


def back_up(shop: Shop, path: Path, *, with_key: bool = True) -> Contents:
    """Write all of the shop to the new file ``path``, while it serves and learns; it is read once more.

    The ledger of erasures is not in it: it is kept apart, so that who was erased stays so.

    Raises:
        InvalidInput: there is a file already. StorageError: the disk refused; no file is left.
        ShopError: the shop is damaged.
    """
    if path.exists():
        raise InvalidInput(f"{path} is there already: name a new file for each backup")
    now = shop.clock()
    with _room(path.parent) as room:
        # The shelf first: no snapshot of it may know more items than the database does.
        serves = _copy_shelf(shop, room)
        for name in ("shop.toml", *([KEY] if with_key else [])):
            shutil.copy2(shop.folder / name, room / name)
        for name in ("shop.db", "vectors.db"):
            if (shop.folder / name).exists():
                copy_of(shop.folder / name, room / name)
        _copy_ranker(shop.folder / RANKER, room / RANKER)
        events, end = _size(room / "shop.db")
        files = sorted(one for one in room.rglob("*") if one.is_file())
        parts = {one.relative_to(room).as_posix(): one for one in files}
        return write_archive(path, room, parts, lambda sums: Contents(
            format=FORMAT, time=now, events=events, log_position=end, snapshot=serves,
            key=_fingerprint(shop.folder / KEY), parts=sums,
        ))  # fmt: skip


def restore(
    path: Path,
    folder: Path,
    *,
    until: float | None = None,
    clock: Callable[[], float],
    tell: Callable[[str, float], None],
) -> Restored:
    """Make a shop in ``folder`` of the backup at ``path``.

    A ledger of erasures that is there already is obeyed. With ``until`` (unix seconds) nothing is in it that
    happened later, and what served then serves.

    Raises:
        InvalidInput: no whole backup, or of another key. ShopError: there is a shop already.
        StorageError: the disk refused. Where one of these is raised no shop is there.
    """
    if (folder / "shop.toml").exists():
        raise ShopError(f"{folder} holds a shop already: restore to another folder, or move that one away")
    folder.mkdir(parents=True, exist_ok=True)
    strange = [one.name for one in folder.iterdir() if one.name not in BESIDE]
    if strange:
        raise InvalidInput(f"{folder} is not empty: it holds {strange[0]!r}. Restore to a new folder")
    with _room(folder) as room:
        contents = _unpack(path, room, folder)
        check(room / "shop.db")
        if (folder / LEDGER).exists():
            shutil.copy2(folder / LEDGER, room / LEDGER)
        with Shop(room, writer=True, clock=clock) as shop:
            found = _made_whole(shop, contents, until, tell)
        for lock in room.glob("*.lock"):
            lock.unlink()
        _move(room, folder)
    return found


def _made_whole(
    shop: Shop, contents: Contents, until: float | None, tell: Callable[[str, float], None]
) -> Restored:
    """Without those who were erased since, and without what came after ``until``."""
    gone = [one for one in everybody(shop.database) if not shop.ledger.obeys(one, contents.time)]
    for person in gone:
        for store in shop.stores():
            store.erase_person(person)
    cut = 0
    if until is not None:
        cut = cut_after(shop.database, until)
        shop.shelf.forget_after(until)
        # They may be of what came later.
        shop.learned.remove()
        shutil.rmtree(shop.folder / RANKER, ignore_errors=True)
        clean(shop, tell)
    return Restored(
        taken=contents.time, events=shop.log.count(), erased=len(gone), cut=cut, snapshot=_serves(shop),
        ledger=(shop.folder / LEDGER).exists(),
    )  # fmt: skip


def _copy_shelf(shop: Shop, room: Path) -> str:
    """Snapshots that serve, served before, are pinned, or are what the gate compares with; which serves."""
    history, shelf = shop.shelf.history(), SnapshotShelf(room / "snapshots")
    names = [history[-1].name, earlier(history)] if history else []
    names += shop.settings.experiment.pinned().values()
    names += [root for name in names if name and (root := _root(shop.shelf, name))]
    for name in dict.fromkeys(names):
        source = shop.shelf.folder / name
        if name and (source / "manifest.json").is_file():
            (shelf.folder / name).mkdir(parents=True)
            for file in ("manifest.json", "weights.safetensors", DELTA):
                if (source / file).is_file():
                    shutil.copy2(source / file, shelf.folder / name / file)
    if history:
        shelf.tell(history)
    return history[-1].name if history else ""


def _copy_ranker(source: Path, target: Path) -> None:
    """Where there is a whole one: another may be written while it is read."""
    for _ in range(TRIES):
        if not source.exists():
            return
        with suppress(SnapshotRefused):
            write_ranker(target, *read_ranker(source))
            return


def _root(shelf: SnapshotShelf, name: str) -> str:
    """The last full training before the snapshot; empty where it is one, or cannot be read."""
    try:
        learned = read_manifest(shelf.path(name)).learned
    except PenchantError:
        return ""
    return learned.from_scratch if learned is not None else ""


def _size(path: Path) -> tuple[int, int]:
    """Events in a database, and the newest position of its log."""
    copied = Database(path, writer=False)
    try:
        log = SqliteLog(copied)
        return log.count(), log.end()
    finally:
        copied.close()


def _fingerprint(path: Path) -> str:
    return blake2b(b"", key=read_key(path), digest_size=16, person=b"backup").hexdigest()


def _serves(shop: Shop) -> str:
    try:
        return shop.shelf.current()
    except NotTrained:
        return ""


def _unpack(path: Path, room: Path, folder: Path) -> Contents:
    with opened(path) as (contents, parts):
        for name, blocks in parts():
            target = room / name
            target.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if name == KEY else 0o644)
            with os.fdopen(handle, "wb") as file:
                for block in blocks:
                    file.write(block)
    missing = {"shop.toml", "shop.db"} - contents.parts.keys()
    if missing:
        raise InvalidInput(f"this is no whole backup: it lacks {min(missing)}")
    _key(room, folder, contents)
    return contents


def _key(room: Path, folder: Path, contents: Contents) -> None:
    """The key of the folder is the one of the backup, or stands in for it."""
    kept, brought = folder / KEY, room / KEY
    if not kept.exists() and not brought.exists():
        raise InvalidInput(
            f"this backup was made without its key: put {KEY} into {folder} first. "
            "Without it nobody would be known again."
        )
    if kept.exists() and _fingerprint(kept) != contents.key:
        raise InvalidInput(f"{kept} is not the key of this backup: nobody would be known again")
    if kept.exists():
        shutil.copy2(kept, brought)


@contextmanager
def _room(parent: Path) -> Generator[Path]:
    """A folder on the same disk for what is half done; gone in the end. The disk's errors become ours."""
    try:
        with tempfile.TemporaryDirectory(prefix=".penchant-", dir=parent) as place:
            yield Path(place)
    except OSError as error:
        raise StorageError(
            f"the disk refused: {error}. Nothing was made; free some space, try again"
        ) from error


def _move(room: Path, folder: Path) -> None:
    """All of it, durable; the settings last, for a folder with settings is a whole shop."""
    for one in sorted(room.rglob("*")):
        sync(one)
    for one in sorted(room.iterdir(), key=lambda path: path.name == "shop.toml"):
        one.replace(folder / one.name)
    sync(folder)
