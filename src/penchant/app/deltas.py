"""What the learner publishes between two snapshots, taken in by whoever serves."""

import logging

from penchant.app.shop import Shop
from penchant.errors import PenchantError
from penchant.model.delta import DELTA, Delta, read_delta
from penchant.model.snapshot import read_manifest
from penchant.taste.tracker import TasteTracker

_log = logging.getLogger(__name__)

Signature = tuple[str, int, int, int]


class Deltas:
    """Looks whether something was learned beside the snapshot that serves. ``position``: up to where."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._seen: Signature | None = None
        self.position = 0

    def begin(self, name: str) -> None:
        """``name`` serves from here on."""
        self._seen = None
        self.position = read_manifest(self._shop.shelf.path(name)).log_position

    def newest(self, tracker: TasteTracker) -> Delta | None:
        """What has come since the last look; None where nothing has, or it is refused, which is told once."""
        name = tracker.snapshot
        try:
            path = self._shop.shelf.path(name) / DELTA
            found = path.stat()
        except (OSError, PenchantError):
            return None
        signature = (name, found.st_ino, found.st_mtime_ns, found.st_size)
        if signature == self._seen:
            return None
        self._seen = signature
        try:
            return read_delta(path.parent, read_manifest(path.parent))
        except PenchantError as error:
            _log.warning("%s", error)
            return None

    def gone(self, tracker: TasteTracker) -> bool:
        """Whether what serves was learned from somebody who is erased: its file was removed."""
        if tracker.version == tracker.snapshot:
            return False
        try:
            return not (self._shop.shelf.path(tracker.snapshot) / DELTA).exists()
        except PenchantError:
            return False

    def take(self, tracker: TasteTracker, delta: Delta) -> None:
        """Serve with it; the lock of what follows the log is held."""
        try:
            tracker.learned(delta)
            self.position = delta.head.position
        except PenchantError as error:
            _log.warning("%s", error)
