"""What a reward model expects of decisions that it has not seen: the half of a doubly robust estimate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

FOLDS = 5


class RewardModel(Protocol):
    """Learns what a decision earns."""

    def fit(self, features: Floats, rewards: Floats) -> None:
        """Of (D, F) and (D,)."""
        ...

    def predict(self, features: Floats) -> Floats:
        """Expected reward of each of (C, F), as (C,)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """What the other policy might have shown.

    Attributes:
        decision: (C,) row of the decision that each choice belongs to.
        features: (C, F) of the choice, as they would have been.
        chance: (C,) that the other policy gives it; sums to 1 for each decision.
    """

    decision: Rows
    features: Floats
    chance: Floats


def cross_fitted(
    make: Callable[[], RewardModel],
    shown: tuple[Floats, Floats],
    choices: Choices,
    people: NDArray[np.integer],
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Expected reward of what was shown and of what the other policy would show, (D,) each.

    Each person's decisions are judged by a model of the others: one that had seen them would repeat their
    luck (Chernozhukov et al., "Double/debiased machine learning", Econometrics Journal 21(1), 2018).

    Args:
        make: a new model.
        shown: (D, F) features of what was shown, and (D,) rewards.
        choices: of the other policy.
        people: (D,) whose decisions they are.
        folds: parts that the people fall into.
        seed: which fall where.

    Raises:
        InvalidInput: fewer than two people, or chances that do not sum to 1 for each decision.
    """
    features, rewards = shown
    total = np.bincount(choices.decision, weights=choices.chance, minlength=len(rewards))
    if not np.allclose(total, 1.0, atol=1e-3):
        wrong = int(np.abs(total - 1.0).argmax())
        raise InvalidInput(
            f"the chances of what might be shown sum to {total[wrong]:g} in decision {wrong}, not to 1"
        )
    names, who = np.unique(people, return_inverse=True)
    if len(names) < 2:
        raise InvalidInput("a reward model is judged by people whom it has not seen: two or more are needed")
    fold = np.random.default_rng(seed).permutation(len(names))[who] % min(folds, len(names))
    of_choice = fold[choices.decision]
    expected, guessed = np.empty(len(rewards)), np.empty(len(of_choice))
    for part in range(int(fold.max()) + 1):
        model = make()
        model.fit(features[fold != part], rewards[fold != part])
        expected[fold == part] = model.predict(features[fold == part])
        guessed[of_choice == part] = model.predict(choices.features[of_choice == part])
    other = np.bincount(choices.decision, weights=choices.chance * guessed, minlength=len(rewards))
    return expected, other.astype(np.float64)
