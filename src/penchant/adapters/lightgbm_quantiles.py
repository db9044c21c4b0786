"""Quantiles by boosted trees of LightGBM (pinball loss)."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penchant.adapters.lightgbm_library import library

Floats = NDArray[np.float64]

SETTINGS: Final[dict[str, Any]] = {
    "objective": "quantile",
    "num_leaves": 15,
    "learning_rate": 0.08,
    "min_data_in_leaf": 100,
    "lambda_l2": 1.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
}
ROUNDS: Final = 100


class QuantileTrees:
    """Grows trees as ``Grow`` of ``decide/stock/trees.py``."""

    def __init__(self, *, rounds: int = ROUNDS, threads: int = 1, seed: int = 0) -> None:
        """``threads``: for each quantile.

        Raises:
            MissingExtra: LightGBM is not installed.
        """
        self._library: Any = library("a forecast by trees needs")
        self._rounds = rounds
        self._settings = SETTINGS | {"num_threads": threads, "seed": seed}

    def __call__(self, matrix: Floats, followed: Floats, weights: Floats, level: float) -> "GrownQuantile":
        """See ``Grow``."""
        data = self._library.Dataset(
            matrix.astype(np.float32), label=followed, weight=weights, params={"max_bin": 63, "verbosity": -1}
        )
        least = max(2, min(int(self._settings["min_data_in_leaf"]), len(matrix) // 50))
        settings = self._settings | {"alpha": level, "min_data_in_leaf": least}
        return GrownQuantile(self._library.train(settings, data, num_boost_round=self._rounds))


class GrownQuantile:
    """Trees for one level."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, matrix: Floats) -> Floats:
        """See ``Quantiles``."""
        if not len(matrix):
            return np.zeros(0)
        found = self._booster.predict(matrix.astype(np.float32), num_threads=1, validate_features=False)
        return np.asarray(found, np.float64)
