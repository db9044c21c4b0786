"""A reward model of boosted trees by LightGBM."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penchant.adapters.lightgbm_library import library

Floats = NDArray[np.float64]

_SETTINGS: Final[dict[str, Any]] = {
    "objective": "cross_entropy",
    "num_leaves": 7,
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}
ROUNDS: Final = 40


class TreeRewards:
    """A :class:`~penchant.evaluate.rewards.RewardModel` for rewards from 0 to 1: small trees, few clicks."""

    def __init__(self, *, rounds: int = ROUNDS, threads: int = 1, seed: int = 0) -> None:
        """``threads``: one is enough for trees so small.

        Raises:
            MissingExtra: LightGBM is not installed.
        """
        self._library: Any = library("doubly robust estimates need")
        self._rounds = rounds
        self._settings = _SETTINGS | {"num_threads": threads, "seed": seed}
        self._model: Any = None

    def fit(self, features: Floats, rewards: Floats) -> None:
        """See :class:`~penchant.evaluate.rewards.RewardModel`."""
        data = self._library.Dataset(features, label=rewards, params={"verbose": -1})
        self._model = self._library.train(self._settings, data, num_boost_round=self._rounds)

    def predict(self, features: Floats) -> Floats:
        """See :class:`~penchant.evaluate.rewards.RewardModel`."""
        if not len(features):
            return np.zeros(0)
        return np.asarray(self._model.predict(features), dtype=np.float64)
