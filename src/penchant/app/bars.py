"""How training shows where it stands."""

from collections.abc import Callable

from penchant.app.output import Told
from penchant.model.training import Progress


def training_bar(told: Told) -> Callable[[Progress], None]:
    """Loss and validation metric beside the bar."""

    def tell(at: Progress) -> None:
        metric = "" if at.metric is None else f", validation NDCG@10 {at.metric:.4f}"
        told(f"training: epoch {at.epoch}, loss {at.loss:.3f}{metric}", 1.0 if at.metric is not None else 0.0)

    return tell
