"""How well what serves predicts, and the way back by itself where it falls short of its own forecast."""

import logging
import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from penchant.app.shop import Shop
from penchant.errors import PenchantError
from penchant.learn.course import Answer
from penchant.learn.progress import Forecast, Hour, Progress, counted
from penchant.model.snapshot import read_manifest

RECENT = 1_000
"""Newest first times that a forecast is made of."""
LEAST = 300
"""First times without which nothing is judged."""
FALLEN, SURE = 0.2, 3.0
"""Rolled back where so large a part of the forecast is missing, by so many standard errors."""

_log = logging.getLogger(__name__)


class Live:
    """Sums by the hour, and the forecast of the snapshot that serves."""

    def __init__(self, shop: Shop, known: Progress) -> None:
        self._shop = shop
        self.hours, self.counted, self.forecast = known.hours, known.counted, known.forecast
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._serves = known.snapshot

    def begin(self, name: str) -> None:
        """``name`` is learned beside from here on: what was reached before is what it must reach."""
        if name != self._serves:
            self.forecast = _forecast(name, self._recent)
        self._serves = name
        self._recent.clear()

    def answered(self, answers: Sequence[Answer]) -> None:
        """Count what was asked, once: what is read again after a restart was counted before."""
        for one in answers:
            self._recent.append(one.live)
            if one.asked.position > self.counted:
                self.hours = counted(self.hours, one.asked.time, _hour(one))
        self.counted = max([self.counted, *(one.asked.position for one in answers)])

    def check(self, name: str) -> None:
        """Go back to what served before, where ``name`` was learned on and serves far worse than forecast."""
        expected, found = self.forecast, _forecast(name, self._recent)
        if expected is None or found is None or expected.snapshot != name:
            return
        off = expected.mean - found.mean
        if off < FALLEN * expected.mean or off < SURE * math.hypot(expected.error, found.error):
            return
        why = f"rolled back by itself from {name}: NDCG@10 {found.mean:.4f}, expected {expected.mean:.4f}"
        self.forecast = None
        try:
            before = _before(self._shop, name)
            if before:
                self._shop.shelf.promote(before, self._shop.clock(), why)
                _log.warning("%s", why)
        except PenchantError as error:
            _log.warning("%s, but it cannot be: %s", why, error)


def _before(shop: Shop, name: str) -> str:
    """What served before ``name``; empty where nothing did, or ``name`` was not made by the learner."""
    manifest = read_manifest(shop.shelf.path(name))
    if manifest.learned is None or manifest.learned.since is None or shop.shelf.current() != name:
        return ""
    earlier = [promotion.name for promotion in shop.shelf.history() if promotion.name != name]
    return earlier[-1] if earlier else ""


def _forecast(name: str, recent: Sequence[float] | deque[float]) -> Forecast | None:
    if len(recent) < LEAST:
        return None
    values = np.array(recent)
    return Forecast(
        snapshot=name, mean=float(values.mean()), error=float(values.std() / np.sqrt(len(values)))
    )


def _hour(one: Answer) -> Hour:
    return Hour(
        start=0.0, asked=1, followed=int(one.asked.shown > 0), hits=float(one.live > 0),
        still_hits=float(one.still > 0), frozen_hits=float(one.frozen > 0),
        ndcg=one.live, still=one.still, frozen=one.frozen,
    )  # fmt: skip
