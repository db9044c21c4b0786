"""What the last ordering needs of what was learned: ``adapters/lightgbm_trees.py`` gives the real one."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Trees(Protocol):
    """A correction of scores, learned. Never changed once made; several threads may ask at once."""

    @property
    def columns(self) -> int:
        """Columns that it reads, F."""
        ...

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is added to the score of each candidate, (C, F) to (C,)."""
        ...

    def gains(self) -> NDArray[np.float64]:
        """How much each column brought when it was learned, (F,); not negative."""
        ...

    def text(self) -> str:
        """All of it, to be read again."""
        ...


def importance(trees: Trees, names: list[str]) -> Mapping[str, float]:
    """Share of all gains of each column that is used, greatest first."""
    gains = trees.gains()
    total = max(float(gains.sum()), 1e-12)
    order = np.argsort(-gains, kind="stable")
    return {names[place]: round(float(gains[place]) / total, 4) for place in order.tolist() if gains[place]}
