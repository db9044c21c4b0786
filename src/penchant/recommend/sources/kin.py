"""What the catalogue puts beside the last errand: the same brand, or the same category."""

from dataclasses import dataclass

import numpy as np

from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.port import Named, best_of, nothing


@dataclass(frozen=True, slots=True)
class Kin:
    """Strength: the taste model's score among the items of those brands and categories."""

    name: str = "kin"

    def find(self, moment: Moment, k: int) -> Named:
        view, n = moment.view, len(moment.scores)
        rows = moment.newest()
        rows = rows[rows < n]
        brands, categories = view.brand[rows], view.category[rows]
        brands, categories = brands[brands >= 0], categories[categories >= 0]
        if not len(brands) and not len(categories):
            return nothing()
        kin = np.isin(view.brand[:n], brands) | np.isin(view.category[:n], categories)
        return best_of(moment.scores, np.flatnonzero(kin & moment.allowed), k)
