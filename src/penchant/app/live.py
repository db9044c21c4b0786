"""How well what serves predicts, and the way back by itself where it falls short of its own forecast."""

import logging
import math
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from penchant.app.shop import Shop
from penchant.errors import PenchantError
from penchant.learn.course import Answer
from penchant.learn.progress import Forecast, Hour, Progress, counted
from penchant.learn.shelf import ACCEPTED

RECENT = 1_000
"""Newest first times that a forecast is made of."""
LOOKS = (300, 1_000, 3_000)
"""First times after which a snapshot is judged, once each: who looks all the time sees chance."""
FALLEN, SURE = 0.2, 3.0
"""Rolled back where so large a part of the forecast is missing, by so many standard errors."""

_log = logging.getLogger(__name__)

Known = tuple[str, float]
"""A person and NDCG@10 of one first time."""


class Live:
    """Sums by the hour, and the forecast of the snapshot that serves."""

    def __init__(self, shop: Shop, known: Progress) -> None:
        self._shop = shop
        self.hours, self.counted, self.forecast = known.hours, known.counted, known.forecast
        self._recent: deque[Known] = deque(maxlen=RECENT)
        self._serves = known.snapshot
        self._answered = 0

    def begin(self, name: str) -> None:
        """``name`` is learned beside from here on: what was reached before is what it must reach."""
        if name != self._serves:
            self.forecast = _forecast(name, self._recent)
        self._serves, self._answered = name, 0
        self._recent.clear()

    def answered(self, answers: Sequence[Answer]) -> None:
        """Count what was asked, once: what is read again after a restart was counted before."""
        self._recent.extend((one.asked.person, one.live) for one in answers)
        self._answered += len(answers)
        self.hours = counted(self.hours, [_hour(one) for one in answers if one.asked.position > self.counted])
        self.counted = max([self.counted, *(one.asked.position for one in answers)])
        if any(self._answered - len(answers) < look <= self._answered for look in LOOKS):
            self.check()

    def check(self) -> None:
        """Go back to what served before, where the learner's own snapshot serves far worse than forecast."""
        name, expected, found = self._serves, self.forecast, _forecast(self._serves, self._recent)
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
                self._shop.shelf.promote(before, self._shop.clock(), why, expected=name)
                _log.warning("%s", why)
        except PenchantError as error:
            _log.warning("%s, but it cannot be: %s", why, error)


def _before(shop: Shop, name: str) -> str:
    """What served before the gate let ``name`` through; empty where a person decided since."""
    history = shop.shelf.history()
    if len(history) < 2 or history[-1].name != name or history[-1].why != ACCEPTED:
        return ""
    return history[-2].name


def _forecast(name: str, recent: Iterable[Known]) -> Forecast | None:
    """Mean and standard error of what was reached; people differ, so they are what is drawn."""
    known = list(recent)
    if len(known) < LOOKS[0]:
        return None
    people = np.unique([person for person, _ in known], return_inverse=True)[1]
    values = np.array([value for _, value in known])
    mean = float(values.mean())
    off = np.bincount(people, values - mean)
    return Forecast(snapshot=name, mean=mean, error=float(np.sqrt((off**2).sum()) / len(values)))


def _hour(one: Answer) -> Hour:
    return Hour(
        start=one.asked.time, asked=1, followed=int(one.asked.shown > 0), hits=float(one.live > 0),
        still_hits=float(one.still > 0), frozen_hits=float(one.frozen > 0),
        ndcg=one.live, still=one.still, frozen=one.frozen,
    )  # fmt: skip
