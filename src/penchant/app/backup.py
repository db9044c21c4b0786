"""A shop as one file, taken while it serves, and a shop made of it again."""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from penchant.adapters.sqlite.copies import check, copy_of, cut_after
from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.people import everybody
from penchant.app.archive import FORMAT, Contents, opened, write_archive
from penchant.app.shop import Shop
from penchant.app.taking import clean
from penchant.errors import InvalidInput, NotTrained, ShopError, StorageError
from penchant.learn.shelf import earlier
from penchant.model.delta import DELTA
from penchant.model.folders import sync

LEDGER, KEY = "erased.ledger", "secret.key"
BESIDE = (LEDGER, KEY)
"""What may be in the folder of a restored shop already: who was erased since, and the key."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a backup. ``erased``: people who were erased after it was made; ``cut``: events after
    the moment that was asked for; ``snapshot``: what serves, empty where nothing does."""

    taken: float
    events: int
    erased: int = 0
    cut: int = 0
    snapshot: str = ""
    ledger: bool = True


def back_up(shop: Shop, path: Path, *, with_key: bool = True) -> Contents:
    """Write all of the shop to the new file ``path``, while it serves and learns; it is read once more.

    The ledger of erasures is not in it: it is kept apart, so that who was erased stays so.

    Raises:
        InvalidInput: there is a file already. StorageError: the disk refused; no file is left.
        ShopError: the shop is damaged.
    """
    if path.exists():
        raise InvalidInput(f"{path} is there already: name a new file for each backup")
    now, serves = shop.clock(), _serves(shop)
    with _room(path.parent) as room:
        copy_of(shop.folder / "shop.db", room / "shop.db")
        if (shop.folder / "vectors.db").exists():
            copy_of(shop.folder / "vectors.db", room / "vectors.db")
        copied = Database(room / "shop.db", writer=False)
        try:
            events = int(str(copied.read("SELECT count(*) FROM events")[0][0]))
            end = copied.read("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        finally:
            copied.close()
        parts = {path.name: path for path in sorted(room.glob("*.db"))} | _files(shop, with_key)
        return write_archive(path, parts, lambda sums: Contents(
            format=FORMAT, time=now, events=events, log_position=int(str(end[0][0])) if end else 0,
            snapshot=serves, parts=sums,
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
        (room / "writer.lock").unlink(missing_ok=True)
        _move(room, folder)
    return msgspec.structs.replace(found, ledger=(folder / LEDGER).exists())


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
        clean(shop, tell)
    return Restored(
        taken=contents.time, events=shop.log.count(), erased=len(gone), cut=cut, snapshot=_serves(shop)
    )


def _files(shop: Shop, with_key: bool) -> dict[str, Path]:
    """Settings, key, and the snapshots that serve and served before, with what was learned since."""
    names = ["shop.toml", *([KEY] if with_key else [])]
    history = shop.shelf.history()
    if history:
        names.append("snapshots/promotions.jsonl")
    for snapshot in dict.fromkeys([history[-1].name, earlier(history)] if history else []):
        names += [
            f"snapshots/{snapshot}/{file}"
            for file in ("manifest.json", "weights.safetensors", DELTA)
            if (shop.shelf.folder / snapshot / file).is_file()
        ]
    return {name: shop.folder / name for name in names}


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
    _key(room, folder)
    return contents


def _key(room: Path, folder: Path) -> None:
    """The key of the folder is the one of the backup, or stands in for it."""
    kept, brought = folder / KEY, room / KEY
    if not kept.exists() and not brought.exists():
        raise InvalidInput(
            f"this backup was made without its key: put {KEY} into {folder} first. "
            "Without it nobody would be known again."
        )
    if kept.exists() and brought.exists() and kept.read_bytes() != brought.read_bytes():
        raise InvalidInput(f"{folder / KEY} is not the key of this backup: nobody would be known again")
    if kept.exists() and not brought.exists():
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
