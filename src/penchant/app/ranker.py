"""A shop's ranker as a server reads it at its start; :mod:`penchant.app.ranking` learns it."""

import logging

import numpy as np

from penchant.adapters import lightgbm_trees
from penchant.app.shop import Shop
from penchant.errors import PenchantError
from penchant.events.log import EventColumns
from penchant.learn.data import histories_from
from penchant.model.trend import LiveTrend
from penchant.recommend.ranking.features import GROUPS
from penchant.recommend.ranking.folder import read_ranker
from penchant.recommend.ranking.ranker import Desk, Ranker
from penchant.recommend.ranking.serving import Ranking
from penchant.recommend.sources.choose import named, sources
from penchant.recommend.sources.facts import Facts

_log = logging.getLogger(__name__)

FOLDER = "ranker"
"""In a shop's folder."""


def ranking_of(shop: Shop, columns: EventColumns, trend: LiveTrend) -> Ranking | None:
    """The ranker that serves; None where there is none, or taste alone must do.

    Facts are made of ``columns``, what the log holds now of who may train.
    """
    folder, settings = shop.folder / FOLDER, shop.settings.recommend
    if settings.ranking == "off" or not folder.exists():
        return None
    try:
        manifest, text = read_ranker(folder)
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
