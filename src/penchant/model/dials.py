"""The few numbers of a score that held-out baskets set; ``model/calibration.py`` finds them."""

from dataclasses import dataclass, field

import numpy as np

from penchant.model.histories import FloatArray
from penchant.model.taken import CLUES


@dataclass(frozen=True, slots=True, eq=False)
class Dials:
    """What the parts of a score count: ``personal * h @ vector + steep * bias + level + seen @ trend``.

    On top of it an item that the person never took gets ``novelty``, and one that was taken and is not
    remembered ``clues @ forgotten`` (CLUES,). ``level`` keeps the mean as trained.
    """

    personal: float
    steep: float
    level: float
    novelty: float
    trend: FloatArray
    forgotten: FloatArray = field(default_factory=lambda: np.zeros(CLUES, np.float32))
