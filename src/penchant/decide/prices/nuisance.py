"""What moves prices and demand besides each other: the shop's other columns, other items, and yesterday.

An item's regression gets these beside its price, with factors of its own:

- the mean price move and the demand of the other items in the period, of all and of its group: what moves a
  whole shop at once, such as a holiday, is seen in them (Pesaran, "Estimation and inference in large
  heterogeneous panels with a multifactor error structure", Econometrica 74(4), 2006);
- its own sales of the period before, as prices are set by them;
- the other columns, and, where trees of other items predict prices from them better than lines do, those
  predictions (Chernozhukov et al., "Double/debiased machine learning", Econometrics Journal 21(1), 2018).
"""

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from penchant.decide.prices.panel import Floats, Panel, Rows, piece
from penchant.decide.regression import TreeMaker, TreeShape, ridge

FOLDS: Final = 5
LARGE: Final = 10
"""Items of a group from which on their means tell of it."""
BETTER: Final = 0.02
"""Share of the price's moves that trees must explain beyond lines, on items left out."""
FINE: Final = 0.01
"""Of typical sales, the least that a piece is taken for where quantities are as good as continuous."""
_SHAPE: Final = TreeShape(trees=60, leaves=8, least=100, ridge=10.0, rows=0.8, columns=0.7)


class Beside(NamedTuple):
    """Of each row.

    Attributes:
        around: (n, k) what goes beside the price, in the order in which it matters.
        curved: whether the predictions of trees are among it.
    """

    around: Floats
    curved: bool


def beside_prices(panel: Panel, trees: TreeMaker, seed: int = 0) -> Beside:
    """Gather what goes beside the price in each item's regression."""
    moved = panel.log_price - item_means(panel, panel.log_price)
    typical = item_means(panel, panel.quantity)
    some = _half_a_piece(panel, typical)
    ratio = np.log((panel.quantity + some) / (typical + some))
    found = [_lagged(panel, ratio, 1)]
    if len(panel.items) > 2:
        everywhere = np.zeros(len(panel), np.int64)
        found += _others(panel, everywhere, moved, typical)
    if len(np.unique(panel.group)) > 1 and np.bincount(panel.group).min() >= LARGE:
        found += _others(panel, panel.group[panel.item], moved, typical)
    found += list(panel.controls.T)
    curved = _curved(panel, moved, ratio, trees, seed)
    return Beside(np.column_stack([*found, *curved]), bool(curved))


def _half_a_piece(panel: Panel, typical: Floats) -> Floats:
    """(n,) what keeps the logarithm of nothing sold finite, in the unit of the item's quantities."""
    edges = np.searchsorted(panel.item, np.arange(len(panel.items) + 1))
    each = [piece(panel.quantity[a:b]) for a, b in pairwise(edges)]
    half = 0.5 * np.maximum(np.array(each)[panel.item], FINE * typical)
    return np.where(half > 0, half, 1.0)


def item_means(panel: Panel, values: Floats) -> Floats:
    """(n,) mean of each row's item."""
    counts = np.bincount(panel.item, minlength=len(panel.items))
    return (np.bincount(panel.item, weights=values, minlength=len(panel.items)) / np.maximum(counts, 1))[
        panel.item
    ]


def _others(panel: Panel, part: Rows, moved: Floats, typical: Floats) -> list[Floats]:
    """Mean price move, and demand against what is typical, of the part's other items in the period."""
    cell = part * len(panel.periods) + panel.period
    gap = panel.quantity - typical
    demand = np.log1p(np.maximum(without_own(cell, gap, typical), -0.95))
    return [without_own(cell, moved, np.ones(len(panel))), demand]


def without_own(cell: Rows, values: Floats, weight: Floats) -> Floats:
    """Σ values / Σ weight over the other rows of the same cell; 0 where there is none."""
    total = np.bincount(cell, weights=values)[cell] - values
    weights = np.bincount(cell, weights=weight)[cell] - weight
    return np.divide(total, weights, out=np.zeros(len(cell)), where=weights > 1e-9)


def _lagged(panel: Panel, values: Floats, lag: int) -> Floats:
    """The item's value so many periods before; 0, which is typical, where that row is not there."""
    found = np.zeros(len(panel))
    same = (panel.item[lag:] == panel.item[:-lag]) & (panel.period[lag:] == panel.period[:-lag] + lag)
    found[lag:] = np.where(same, values[:-lag], 0.0)
    return found


def _curved(panel: Panel, moved: Floats, ratio: Floats, trees: TreeMaker, seed: int) -> list[Floats]:
    """Price and demand as trees of other items predict them from the other columns, where lines do not do."""
    if not panel.controls.shape[1] or len(panel.items) < 2 * FOLDS:
        return []
    x = np.column_stack([one - item_means(panel, one) for one in panel.controls.T])
    matrix = np.column_stack([panel.controls, x]).astype(np.float32)
    fold = (np.random.default_rng(seed).permutation(len(panel.items)) % FOLDS)[panel.item]
    found = [np.zeros(len(panel)), np.zeros(len(panel))]
    left = moved.copy()
    for f in range(FOLDS):
        kept, out = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        for at, target in enumerate((moved, ratio)):
            line = ridge(x[kept], target[kept])
            grown = trees.fit(matrix[kept], target[kept] - line(x[kept]), None, _SHAPE, seed)
            found[at][out] = grown(matrix[out])
            if at == 0:
                left[out] -= line(x[out])
    better = float(left @ left) - float((left - found[0]) @ (left - found[0]))
    return found if better > BETTER * float(moved @ moved) > 0 else []
