"""Variety of a shop's lists, by its settings."""

from penchant.app.shop import Shop
from penchant.recommend.impressions import ImpressionSink
from penchant.recommend.variety.exposure import CountedLists, Exposure
from penchant.recommend.variety.groups import Groups


def exposure_of(shop: Shop, sink: ImpressionSink) -> tuple[Exposure | None, ImpressionSink]:
    """What shares places between groups, and a sink that counts them; ``sink`` itself where nothing does."""
    settings = shop.settings.variety
    if not settings.limits and not settings.floors:
        return None, sink
    exposure = Exposure(settings, Groups(shop.catalog, settings.attribute))
    return exposure, CountedLists(sink, exposure, shop.catalog.view)
