"""How training shows where it stands."""

from collections.abc import Callable

from penchant.app.output import Told, note, watched
from penchant.model.training import Progress


def training_bar(told: Told, budget: float | None) -> Callable[[Progress], None]:
    """Loss and validation metric beside the bar; without a terminal a line for each validation.

    ``budget`` is the seconds after which training ends at the latest.
    """

    def tell(at: Progress) -> None:
        what = f"epoch {at.epoch}" if at.epoch else "before the first epoch"
        words = f"training: {what}, loss {at.loss:.3f}"
        if at.metric is not None:
            words += f", validation NDCG@10 {at.metric:.4f}, {at.seconds:.0f} s"
            if not watched():
                note(words)
        told(words, share_done(at, budget))

    return tell


def share_done(at: Progress, budget: float | None) -> float:
    """The nearer of the two ends, from 0 to 1: of the time, or of the epochs.

    >>> share_done(Progress(epoch=3, epochs=8, step=90, loss=5.0, metric=None, seconds=30.0), 120.0)
    0.25
    >>> share_done(Progress(epoch=3, epochs=8, step=90, loss=5.0, metric=None, seconds=60.0), 120.0)
    0.5
    """
    epochs = at.epoch if at.metric is not None else at.epoch - 1
    return min(1.0, max(epochs / max(at.epochs, 1), at.seconds / budget if budget else 0.0))
