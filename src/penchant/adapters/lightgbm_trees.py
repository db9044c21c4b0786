"""LambdaMART by LightGBM: gradient-boosted trees that move relevant items up a list.

Ke et al., LightGBM: a highly efficient gradient boosting decision tree, NeurIPS 2017. Models are kept in
LightGBM's own text format; nothing here is a pickle.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.adapters.lightgbm_library import library
from penchant.errors import SnapshotRefused
from penchant.learn.ranking import Lists

PARAMETERS: dict[str, Any] = {
    "objective": "lambdarank",
    "metric": "None",
    "learning_rate": 0.03,
    "num_leaves": 6,
    "min_data_in_leaf": 300,
    "lambda_l2": 10.0,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambdarank_truncation_level": 20,
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
}
"""Small trees, much held back: a shop has thousands of lists, not millions."""

Floats = NDArray[np.float32]


class LightGbmTrees:
    """Trees as ``Trees`` of ``recommend/ranking/port.py``, and as ``Grown`` of ``learn/ranking.py``."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    @property
    def columns(self) -> int:
        return int(self._booster.num_feature())

    def predict(self, matrix: Floats, first: int = -1) -> Floats:
        """See the ports; all trees where ``first`` is -1."""
        found = self._booster.predict(
            matrix, num_iteration=first, raw_score=True, num_threads=1, validate_features=False
        )
        return np.asarray(found, np.float32)

    def gains(self) -> NDArray[np.float64]:
        return np.asarray(self._booster.feature_importance("gain"), np.float64)

    def text(self, first: int = -1) -> str:
        """LightGBM's text format, of the ``first`` trees."""
        return str(self._booster.model_to_string(num_iteration=first))


def grow(lists: Lists, trees: int, seed: int = 0) -> LightGbmTrees:
    """So many trees on top of the lists' start scores. Lists in which nothing was taken teach nothing.

    Raises:
        MissingExtra: LightGBM is not installed.
    """
    lightgbm = library("a ranker needs")
    taught = lists.take(np.add.reduceat(lists.taken, lists.offsets[:-1]) > 0)
    lengths = np.diff(taught.offsets)
    data = lightgbm.Dataset(
        taught.matrix,
        taught.taken.astype(np.int32),
        group=lengths,
        init_score=taught.start.astype(np.float64),
        weight=np.repeat(taught.weights, lengths),
    )
    return LightGbmTrees(lightgbm.train({**PARAMETERS, "seed": seed}, data, trees))


def read(text: str) -> LightGbmTrees:
    """Trees from LightGBM's text format.

    Raises:
        MissingExtra: LightGBM is not installed.
        SnapshotRefused: this is not one of its models.
    """
    lightgbm = library("a ranker needs")
    # LightGBM ends the process, or reads beyond the text, where a model is cut off in the wrong place.
    if not text.startswith("tree\n") or "end of trees" not in text:
        raise SnapshotRefused("the ranker is refused: its trees are cut off or of another kind")
    try:
        return LightGbmTrees(lightgbm.Booster(model_str=text))
    except Exception as error:
        raise SnapshotRefused(f"the ranker is refused: {error}") from error
