"""Drift: what moved in the shop, how it is told, and what follows from it.

Rows of each stream (how well events are predicted, their types, categories, prices, new items, search words)
are averaged in blocks, freed of the cycles of day and week, and measured in standard deviations off a level
that follows slowly; a detector for each column then looks for a lasting change. Trends and cycles are in the
level and the season, so they are no drift.
"""

from penchant.learn.drift.alarm import Alarm, Response, StreamName, response
from penchant.learn.drift.baseline import Detector, MakeDetector
from penchant.learn.drift.settings import DriftSettings
from penchant.learn.drift.watch import DriftWatch, Seen, seen_of

__all__ = [
    "Alarm",
    "Detector",
    "DriftSettings",
    "DriftWatch",
    "MakeDetector",
    "Response",
    "Seen",
    "StreamName",
    "response",
    "seen_of",
]
