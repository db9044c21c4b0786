"""A shop's ranker as a server reads it, again where it or what it looks up changed;
:mod:`penchant.app.ranking` learns it."""

import logging
import time
from collections.abc import Callable

import numpy as np

from penchant.adapters import lightgbm_trees
from penchant.app.counts import counted
from penchant.app.deltas import Signature, signature
from penchant.app.shop import Shop
from penchant.errors import PenchantError
from penchant.events.log import EventColumns
from penchant.learn.data import histories_from
from penchant.model.trend import LiveTrend
from penchant.recommend.ranking.features import GROUPS
from penchant.recommend.ranking.folder import MANIFEST, TREES, read_ranker
from penchant.recommend.ranking.ranker import Desk, Ranker
from penchant.recommend.ranking.serving import Ranking
from penchant.recommend.sources.choose import named, sources
from penchant.recommend.sources.facts import Facts

_log = logging.getLogger(__name__)

FOLDER = "ranker"
"""In a shop's folder."""

REST, SHARE = 30.0, 0.05
"""Seconds between two readings, and the share of the time that they may take: each reads the whole log."""
OLD = 6 * 3_600.0
"""Seconds after which facts are made anew of what came since."""


def ranking_of(shop: Shop, columns: EventColumns, trend: LiveTrend) -> Ranking | None:
    """The ranker that serves; None where there is none, or taste alone must do.

    Facts are made of ``columns``, what the log holds now of who may train.
    """
    folder, settings = shop.folder / FOLDER, shop.settings.recommend
    if settings.ranking == "off" or not folder.exists():
        return None
    try:
        manifest, text = read_ranker(folder)
        if not manifest.serves:
            return None
        if manifest.sources != named(settings.sources) or manifest.groups != tuple(GROUPS):
            raise PenchantError("it learned from other sources or features: run penchant train --ranker")
        trees = lightgbm_trees.read(text)
        histories, _ = histories_from(columns, shop.ids)
        until = float(np.nextafter(histories.times.max(initial=0.0), np.inf))
        facts = Facts.of(histories, len(shop.ids), until)
        desk = Desk(facts, sources(manifest.sources, facts), manifest.groups)
        if trees.columns != len(desk.names()):
            raise PenchantError(f"its trees read {trees.columns} columns, not {len(desk.names())}")
        return Ranking(Ranker(desk, trees), trend)
    except PenchantError as error:
        _log.warning("no ranker serves, lists are ordered by taste alone: %s", error)
        return None


class Rankers:
    """The ranker that serves, kept up in the background.

    Facts are sums over all people, so what is to count no more leaves them by making them anew.
    """

    def __init__(
        self, shop: Shop, columns: EventColumns, trend: LiveTrend, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begins with ``columns``, what counts of the log now; ``clock`` in seconds."""
        self._shop, self._trend, self._clock = shop, trend, clock
        self._asked = self._answered = 0
        self._files = self._seen()
        self.ranking = ranking_of(shop, columns, trend)
        self._rests_until, self._old_at = clock() + REST, clock() + OLD

    def taken_back(self) -> None:
        """Something counts no more, or counts again: it was written before this is called."""
        self._asked += 1

    def follow(self) -> bool:
        """Read anew what has to be; whether another :attr:`ranking` serves now."""
        now, files, asked = self._clock(), self._seen(), self._asked
        stale = now >= self._old_at or (self.ranking is not None and asked != self._answered)
        if now < self._rests_until or not (stale or files != self._files):
            return False
        try:
            there = any(files)  # The log is read for one that is there.
            self.ranking = ranking_of(self._shop, counted(self._shop)[0], self._trend) if there else None
            self._files, self._answered, self._old_at = files, asked, now + OLD
        except PenchantError as error:
            _log.warning("the ranker goes on with what it knew: %s", error)
        ended = self._clock()
        self._rests_until = ended + max(REST, (ended - now) / SHARE)
        return True

    def _seen(self) -> tuple[Signature | None, ...]:
        folder = self._shop.folder / FOLDER
        return signature(folder / MANIFEST), signature(folder / TREES)
