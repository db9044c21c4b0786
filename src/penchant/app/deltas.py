"""What the learner publishes between two snapshots, taken in by whoever serves."""

import logging
from contextlib import AbstractContextManager
from pathlib import Path

from penchant.app.shop import Shop
from penchant.errors import PenchantError
from penchant.model.delta import DELTA, read_delta
from penchant.model.snapshot import read_manifest
from penchant.taste.tracker import TasteTracker

_log = logging.getLogger(__name__)

Signature = tuple[int, int, int]


class Deltas:
    """Looks whether something was learned beside the snapshot that serves. ``position``: up to where;
    ``failure``: why the newest is refused, empty where it is not."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._seen: Signature | None = None
        self.position = 0
        self.failure = ""

    def begin(self, name: str) -> None:
        """``name`` serves from here on."""
        self._seen, self.failure = None, ""
        self.position = read_manifest(self._shop.shelf.path(name)).log_position

    def follow(self, tracker: TasteTracker, lock: AbstractContextManager[object]) -> None:
        """Serve with what is new, and without what was removed: somebody whom it was learned from is erased.

        What is refused is told once. ``lock`` is held while the model changes.
        """
        folder = self._shop.shelf.folder / tracker.snapshot
        found = signature(folder / DELTA)
        if found == self._seen:
            return
        self._seen = found
        try:
            manifest = read_manifest(folder)
            delta = read_delta(folder, manifest)
            with lock:
                tracker.learned(delta)
            self.position = manifest.log_position if delta is None else delta.head.position
            self.failure = ""
        except PenchantError as error:
            self.failure = str(error)
            _log.warning("%s", error)


def signature(path: Path) -> Signature | None:
    """Changes with the file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
