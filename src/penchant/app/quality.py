"""The data-quality report of a shop, for ``penchant doctor`` and the console."""

from penchant.app.shop import Shop
from penchant.events.cleaning.run import door_report
from penchant.events.quality import QualityReport, assess


def quality(shop: Shop) -> QualityReport:
    """What the log holds, what was refused, what the last cleaning found, and warnings in words."""
    letters = shop.dead_letters.counts()
    return assess(
        shop.log.columns(),
        [item.item_id for item in shop.items.all()],
        described=shop.attributes.count(),
        dead_letters=letters,
        cleaning=[*door_report(letters), *shop.marks.steps()],
        marked_events={reason: len(found) for reason, found in shop.marks.marked_events().items()},
        marked_people={reason: len(found) for reason, found in shop.marks.marked_people().items()},
    )


def quality_page(shop: Shop) -> str:
    """The same as a page with plots; what draws them is loaded by who asks for it."""
    from penchant.events.quality_page import render_html  # noqa: PLC0415

    return render_html(quality(shop), f"Data quality of {shop.settings.name}")
