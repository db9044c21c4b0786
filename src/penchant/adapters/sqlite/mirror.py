"""What the one writer process read of a table that only it changes: it need not be read again."""

from collections.abc import Callable
from threading import Lock
from typing import Final, Generic, TypeVar

from penchant.adapters.sqlite.database import Database

MOST: Final = 20_000
"""Rows kept of one table; beyond them all are forgotten and read anew."""

Kept = TypeVar("Kept")


class Mirror(Generic[Kept]):
    """Values by key. Each look into the file costs a list some 2 % of its time, and there are six of them.

    Whoever writes a row must call :meth:`changed` once that is durable. A process that is not the writer
    cannot know of changes and keeps nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._kept: dict[str, Kept] = {}
        self._changes = 0

    def get(self, key: str, read: Callable[[], Kept]) -> Kept:
        """The value of ``key``, read where it is not kept."""
        try:
            return self._kept[key]
        except KeyError:
            changes = self._changes
        value = read()
        with self._lock:
            # What was read before a change that is done by now would stay for good.
            if self._database.writes and changes == self._changes:
                if len(self._kept) >= MOST:
                    self._kept.clear()
                self._kept[key] = value
        return value

    def changed(self, *keys: str) -> None:
        """The rows of ``keys`` are not what they were."""
        with self._lock:
            self._changes += 1
            for key in keys:
                self._kept.pop(key, None)
