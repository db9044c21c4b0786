"""Reports of a shop as whole pages: those made when they are asked for, and those that a command wrote."""

from penchant.app.experiment import experiment_of
from penchant.app.quality import quality_page
from penchant.app.shop import Shop
from penchant.evaluate.ab.page import experiment_page

EXPERIMENT = "experiment"


def report_page(shop: Shop, name: str) -> str | None:
    """``quality`` and ``experiment`` as of now, any other as it was written; None where there is none yet."""
    if name == "quality":
        return quality_page(shop)
    if name == EXPERIMENT:
        return experiment_page(experiment_of(shop) if len(shop.settings.experiment.arms) > 1 else None)
    page = shop.folder / "reports" / f"{name}.html"
    return page.read_text(encoding="utf-8") if page.is_file() else None
