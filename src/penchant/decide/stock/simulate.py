"""What a rule of ordering costs, tried on demand that is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Run:
    """Of all items and periods together.

    Attributes:
        held: pieces on hand at the end of a period, summed. sold, lost: pieces. full: share of periods of
            items in which all that was wanted was there.
    """

    held: float
    sold: float
    lost: float
    full: float

    @property
    def filled(self) -> float:
        """Share of demand that was met at once."""
        return self.sold / max(self.sold + self.lost, 1e-12)


def simulate(targets: Floats, demand: Floats, lead: int) -> Run:
    """At the beginning of each period orders go out up to the target and arrive ``lead`` periods later,
    before that period's demand. What is not there is lost. It begins with the first target on hand.

    Args:
        targets: (N, T), as decided at the beginning of each period.
        demand: (N, T).
        lead: 0 or more.

    >>> simulate(np.full((1, 3), 2.0), np.array([[1.0, 3.0, 1.0]]), 1).lost
    2.0
    """
    items, periods = demand.shape
    on_hand, coming = targets[:, 0].copy(), np.zeros((items, lead + 1))
    held = sold = full = 0.0
    for period in range(periods):
        order = np.maximum(targets[:, period] - on_hand - coming.sum(axis=1), 0.0)
        coming[:, lead] += order
        on_hand += coming[:, 0]
        coming = np.roll(coming, -1, axis=1)
        coming[:, lead] = 0.0
        met = np.minimum(on_hand, demand[:, period])
        on_hand = on_hand - met
        held += on_hand.sum()
        sold += met.sum()
        full += float((met >= demand[:, period]).sum())
    return Run(float(held), float(sold), float(demand.sum() - sold), full / (items * periods))


def held_at(runs: list[Run], filled: float) -> float:
    """Pieces held at a share of demand met, between runs of one rule that aim at more and more; NaN outside.

    >>> held_at([Run(10, 8, 2, 0.5), Run(20, 10, 0, 1.0)], 0.9)
    15.0
    """
    known = sorted((run.filled, run.held) for run in runs)
    return float(np.interp(filled, [k for k, _ in known], [h for _, h in known], left=np.nan, right=np.nan))
