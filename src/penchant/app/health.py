"""What went wrong lately, by part, for whoever watches; a fault is told until the part works again."""

import logging
from collections.abc import Callable
from math import inf
from threading import Lock
from typing import NamedTuple

from penchant.errors import where

KEPT = 30.0
"""Seconds that a fault is told of after it was last seen: it may have healed without anybody trying."""

QUIET = 60.0
"""Seconds before the same fault is in the log again."""

_log = logging.getLogger(__name__)


class Fault(NamedTuple):
    """``why`` holds no message: that may tell of a person. ``until`` is when it is told no more."""

    why: str
    until: float


class Health:
    """Faults by the part that has them. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._lock = Lock()
        self._faults: dict[str, Fault] = {}
        self._logged: dict[tuple[str, str], float] = {}

    def fault(self, part: str, error: Exception, *, stays: bool = False) -> None:
        """``part`` failed with ``error``.

        It is told for :data:`KEPT` seconds, or where it ``stays``, until the part was seen to work again.
        """
        now, why = self._clock(), where(error, 1)
        with self._lock:
            self._faults[part] = Fault(why, inf if stays else now + KEPT)
            quiet = now < self._logged.get((part, why), float("-inf")) + QUIET
            if not quiet:
                self._logged[part, why] = now
        if not quiet:
            _log.warning("%s: %s", part, why)

    def well(self, part: str) -> None:
        """It works: it did just now what it is for."""
        if part in self._faults:
            with self._lock:
                self._faults.pop(part, None)

    def faults(self) -> dict[str, str]:
        """Part and what is wrong with it, of those that failed lately."""
        now = self._clock()
        with self._lock:
            return {part: fault.why for part, fault in self._faults.items() if fault.until >= now}
