"""The snapshots of a shop: which one serves, what came before it, and the way back."""

import shutil
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path

import msgspec

from penchant.errors import Conflict, NotFound, NotTrained, ShopError, SnapshotRefused
from penchant.model.folders import tidy, write_file
from penchant.model.snapshot import WEIGHTS, Manifest, checked_manifest

ACCEPTED = "learned on; the gate accepted it"
"""Why a snapshot of the learner serves."""

KEEP = 5
"""Unpromoted or replaced snapshots kept on the shelf; older ones are pruned."""


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``promotions.jsonl``: ``name`` took over at ``time`` because of ``why``."""

    name: str
    time: float
    why: str


class SnapshotShelf:
    """Snapshots as folders under ``folder``; the newest line of ``promotions.jsonl`` serves.

    The file is replaced as a whole under a new name, so a reader sees the old or the new state,
    never half of one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = self.folder = folder
        self._promotions = folder / "promotions.jsonl"

    def path(self, name: str) -> Path:
        """Folder of the snapshot called ``name``.

        Raises:
            NotFound: there is none of that name.
        """
        path = self._folder / name
        if path.parent != self._folder or name not in self.names():
            raise NotFound(f"no snapshot {name!r}; `penchant snapshots list` shows what there is")
        return path

    def size(self, name: str) -> int:
        """Bytes of the weights."""
        return (self.path(name) / WEIGHTS).stat().st_size

    def new_name(self, now: float) -> str:
        """A name that sorts by time and is not taken."""
        stem = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
        taken, number = set(self.names()), 0
        while f"{stem}-{number}" in taken:
            number += 1
        return f"{stem}-{number}"

    def new_path(self, now: float) -> Path:
        """Where the next snapshot goes; the folder around it exists, it does not yet."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / self.new_name(now)

    def names(self) -> list[str]:
        """All snapshots, oldest first. A half-written one has no such name and does not count."""
        if not self._folder.is_dir():
            return []
        return sorted(
            p.name
            for p in self._folder.iterdir()
            if not p.name.startswith(".") and (p / "manifest.json").is_file()
        )

    def manifests(self) -> dict[str, Manifest | None]:
        """Manifest of each snapshot, its weights checked; None where it is broken."""
        found: dict[str, Manifest | None] = {}
        for name in self.names():
            try:
                found[name] = checked_manifest(self._folder / name)
            except SnapshotRefused:
                found[name] = None
        return found

    def history(self) -> list[Promotion]:
        """What served and when, oldest first.

        Raises:
            ShopError: it is damaged.
        """
        if not self._promotions.is_file():
            return []
        lines = self._promotions.read_bytes().splitlines()
        try:
            return [msgspec.json.decode(line, type=Promotion) for line in lines if line]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ShopError(
                f"{self._promotions.name} is damaged ({error}): mend it, or promote a snapshot once more "
                "after it was taken away"
            ) from error

    def current(self) -> str:
        """Name of the snapshot that serves.

        Raises:
            NotTrained: none was ever promoted.
        """
        history = self.history()
        if not history:
            raise NotTrained("there is no trained model yet: run `penchant train`")
        return history[-1].name

    def promote(
        self, name: str, now: float, why: str = "promoted by hand", expected: str | None = None
    ) -> None:
        """Let ``name`` serve from now on; it must be whole. Of several at once each has its line.

        Args:
            name: of the snapshot.
            now: unix seconds.
            why: for people.
            expected: what must serve until then.

        Raises:
            NotFound, SnapshotRefused: it is missing or broken; the one that serves stays.
            Conflict: another one than ``expected`` serves by now.
        """
        checked_manifest(self.path(name))
        with (self._folder / ".lock").open("wb") as lock:
            flock(lock, LOCK_EX)
            history = self.history()
            serves = history[-1].name if history else ""
            if expected is not None and serves != expected:
                raise Conflict(f"{serves or 'nothing'} serves by now, not {expected}: look again")
            self._write([*history, Promotion(name=name, time=now, why=why)])

    def rollback(self, now: float) -> str:
        """Go back to what served before the present one; returns its name.

        Raises:
            NotFound: nothing else ever served, or it was pruned.
            SnapshotRefused: it is broken. Conflict: something was promoted meanwhile.
        """
        history = self.history()
        target = earlier(history)
        if not target:
            raise NotFound("nothing to roll back to: only one snapshot has served so far")
        serves = history[-1].name
        self.promote(target, now, f"rollback from {serves}", expected=serves)
        return target

    def prune(self, keep: int = KEEP, also: Collection[str] = ()) -> list[str]:
        """Remove the oldest snapshots beyond ``keep``; never the serving one nor the one before it.

        Nor those of ``also``, which are still asked something.

        What an interrupted write left goes too: nobody else may be writing one.
        """
        tidy(self._folder)
        served = list(dict.fromkeys(p.name for p in reversed(self.history())))[:2]
        spare = [name for name in self.names() if name not in (*served, *also)]
        gone = spare[: max(0, len(spare) - keep)]
        for name in gone:
            shutil.rmtree(self._folder / name)
        return gone

    def forget_after(self, time: float) -> None:
        """What was promoted after ``time`` (unix seconds) never was, nor what is not here any more."""
        here = set(self.names())
        self.tell([one for one in self.history() if one.time <= time and one.name in here])

    def tell(self, history: Sequence[Promotion]) -> None:
        """Let this have served, and nothing else; for a shelf that nobody uses yet."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write(history)

    def _write(self, history: Sequence[Promotion]) -> None:
        write_file(self._promotions, b"".join(msgspec.json.encode(p) + b"\n" for p in history))


def earlier(history: Sequence[Promotion]) -> str:
    """Name of what served before the present one; empty where nothing did.

    >>> earlier([Promotion(name=name, time=0.0, why="") for name in ("a", "b", "b")])
    'a'
    """
    names = [promotion.name for promotion in history if promotion.name != history[-1].name]
    return names[-1] if names else ""
