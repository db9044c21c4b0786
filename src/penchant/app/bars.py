"""The two jobs that take long, with their bars."""

from collections.abc import Callable
from pathlib import Path

from penchant.app import work
from penchant.app.output import Told, progress
from penchant.app.shop import Shop
from penchant.catalog.feeds import FeedReport
from penchant.events.intake import ImportReport
from penchant.model.training import Progress


def take_with_bar(shop: Shop, path: Path) -> ImportReport | FeedReport:
    """Import one file with its bar."""
    with progress() as told:
        return work.take_file(
            shop,
            path,
            lambda done, total, rows: told(f"importing {path.name}: {rows:,} rows", done / max(total, 1)),
        )


def training_bar(told: Told) -> Callable[[Progress], None]:
    """Loss and validation metric beside the bar."""

    def tell(at: Progress) -> None:
        metric = "" if at.metric is None else f", validation NDCG@10 {at.metric:.4f}"
        told(f"training: epoch {at.epoch}, loss {at.loss:.3f}{metric}", 1.0 if at.metric is not None else 0.0)

    return tell
