"""Means by boosted trees or forests of LightGBM, for the effects that ``decide/`` estimates."""

from typing import Any, Final

import numpy as np

from penchant.adapters.lightgbm_library import library
from penchant.decide.regression import Floats, Matrix, Mean, TreeShape

_ALWAYS: Final[dict[str, Any]] = {
    "objective": "regression",
    "metric": "None",
    "max_bin": 63,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "boost_from_average": True,
    "feature_pre_filter": False,
}
_SMALL: Final = 10_000
"""Rows up to which one thread is quickest: more wait for each other longer than they work."""


class LightGbmRegression:
    """A :class:`~penchant.decide.regression.TreeMaker`."""

    def __init__(self, threads: int = 1) -> None:
        """``threads`` change the time, not the result.

        Raises:
            MissingExtra: LightGBM is not installed.
        """
        self._library: Any = library("effects by trees need", extra="decide")
        self._threads = threads

    def fit(
        self, matrix: Matrix, target: Floats, weight: Floats | None, shape: TreeShape, seed: int = 0
    ) -> Mean:
        """See :class:`~penchant.decide.regression.TreeMaker`."""
        small = len(target) <= _SMALL
        threads = 1 if small else self._threads
        least = max(1, min(shape.least, len(target) // 4))
        settings = _ALWAYS | {
            "boosting": "rf" if shape.forest else "gbdt",
            "num_leaves": shape.leaves,
            "learning_rate": shape.rate,
            "min_data_in_leaf": least,
            "lambda_l2": shape.ridge,
            "feature_fraction": shape.columns,
            "bagging_fraction": shape.rows,
            "bagging_freq": 1 if shape.rows < 1 else 0,
            "num_threads": threads,
            "seed": seed,
        }
        data = self._library.Dataset(matrix, label=target, weight=weight, params=settings)
        # Kept as it is, a booster holds its rows; else it is written to text and read again, which for few
        # rows takes longer than to learn.
        booster = self._library.train(settings, data, shape.trees, keep_training_booster=small)
        return lambda found: (
            np.asarray(
                booster.predict(found, num_threads=1 if len(found) <= _SMALL else self._threads), np.float64
            )
            if len(found)
            else np.zeros(0)
        )
