"""Simple models that a good one has to beat."""

from penchant.evaluate.baselines.frequency import PersonalFrequency
from penchant.evaluate.baselines.knn import ItemKnn
from penchant.evaluate.baselines.popularity import Popular, RecentlyPopular
from penchant.evaluate.baselines.touched import LastTouched
from penchant.evaluate.recommender import Recommender

__all__ = ["ItemKnn", "LastTouched", "PersonalFrequency", "Popular", "RecentlyPopular", "baselines"]


def baselines() -> list[Recommender]:
    """All baselines, with their usual settings.

    >>> [model.name for model in baselines()]
    ['popular', 'popular-7-days', 'personal-frequency', 'item-knn']
    """
    return [Popular(), RecentlyPopular(), PersonalFrequency(), ItemKnn()]
