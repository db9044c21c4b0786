"""Learners of effects: each sees a sample and tells the difference that the offer makes to a person.

T and X: Künzel et al., "Metalearners for estimating heterogeneous treatment effects", PNAS 116(10), 2019.
Doubly robust: Kennedy, "Towards optimal doubly robust estimation of heterogeneous causal effects", EJS 17(2),
2023.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.decide.campaigns.sample import Features, Sample
from penchant.decide.regression import Floats, Mean, TreeMaker, TreeShape, ridge

Effect = Callable[[Features, Floats], Floats]
"""Effect of each person, from their features and their expected outcome, both of n people."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a learner of effects sees.

    Attributes:
        sample: the people.
        expected: (n,) expected outcome of each, by a model of others: see :func:`outcome_model`.
        pseudo: (n,) an estimate of each one's own effect, unbiased and very noisy: see
            :func:`pseudo_effects`.
        trees: fits trees.
        seed: of what is drawn.
    """

    sample: Sample
    expected: Floats
    pseudo: Floats
    trees: TreeMaker
    seed: int

    @cached_property
    def arms(self) -> tuple[Mean, Mean]:
        """Models of the outcome of the treated and of the others, fitted once for all learners."""
        return _arms(self)


def outcome_model(sample: Sample, trees: TreeMaker, seed: int) -> Callable[[Features], Floats]:
    """Expected outcome, halfway between a ridge regression and trees.

    People are weighted so that it tends to (1 - share) · treated's mean + share · others' mean: taken off the
    outcome, it leaves the least noise in :func:`pseudo_effects`.
    """
    weight = np.where(sample.treated, (1 - sample.share) / sample.share, sample.share / (1 - sample.share))
    line = ridge(sample.features.lines, sample.outcome, weight)
    least = max(20, len(sample) // 100)
    shape = TreeShape(trees=80, leaves=8, least=least, ridge=5.0, rows=0.8, columns=0.7)
    grown = trees.fit(sample.features.trees, sample.outcome, weight, shape, seed)
    return lambda features: 0.5 * line(features.lines) + 0.5 * grown(features.trees)


def pseudo_effects(sample: Sample, expected: Floats) -> Floats:
    """(n,) doubly robust pseudo-outcomes: their mean over like people is the effect on these.

    With a known chance e to be treated, the usual form of two outcome models comes down to
    (T - e) / (e (1 - e)) · (Y - m) with m = (1 - e) m₁ + e m₀.
    """
    share = sample.share
    return (sample.treated - share) / (share * (1 - share)) * (sample.outcome - expected)


def linear(lesson: Lesson) -> Effect:
    """Doubly robust, ridge."""
    centre, spread = lesson.expected.mean(), max(float(lesson.expected.std()), 1e-12)

    def matrix(features: Features, expected: Floats) -> Floats:
        return np.column_stack([features.lines, (expected - centre) / spread])

    line = ridge(matrix(lesson.sample.features, lesson.expected), lesson.pseudo)
    return lambda features, expected: line(matrix(features, expected))


def proportional(lesson: Lesson) -> Effect:
    """Grows, or falls, in a straight line with the expected outcome: rare outcomes seldom tell more."""
    line = ridge(lesson.expected[:, None], lesson.pseudo)
    return lambda _, expected: line(expected[:, None])


def shallow(lesson: Lesson) -> Effect:
    """Doubly robust, trees of few leaves."""
    return _on_pseudo(
        lesson, TreeShape(trees=60, leaves=4, least=_least(lesson, 30), ridge=10.0, rows=0.7, columns=0.5)
    )


def deep(lesson: Lesson) -> Effect:
    """Doubly robust, larger trees."""
    return _on_pseudo(
        lesson, TreeShape(trees=120, leaves=16, least=_least(lesson, 100), ridge=10.0, rows=0.7, columns=0.5)
    )


def forest(lesson: Lesson) -> Effect:
    """Doubly robust, trees beside each other: close to a causal forest."""
    return _on_pseudo(
        lesson,
        TreeShape(
            trees=100, leaves=24, least=_least(lesson, 50), ridge=0.0, rows=0.5, columns=0.5, forest=True
        ),
    )


def two_models(lesson: Lesson) -> Effect:
    """T: a model of each arm."""
    with_offer, without = lesson.arms
    return lambda features, _: with_offer(features.trees) - without(features.trees)


def crossed(lesson: Lesson) -> Effect:
    """X: what each arm would have done under the other's model."""
    sample, share = lesson.sample, lesson.sample.share
    with_offer, without = lesson.arms
    matrix = sample.features.trees
    parts: list[Mean] = []
    for arm, gained in (
        (sample.treated, sample.outcome - without(matrix)),
        (~sample.treated, with_offer(matrix) - sample.outcome),
    ):
        shape = TreeShape(
            trees=60, leaves=4, least=max(10, int(arm.sum()) // 30), ridge=10.0, rows=0.7, columns=0.5
        )
        parts.append(lesson.trees.fit(matrix[arm], gained[arm], None, shape, lesson.seed))
    # The arm with fewer people had the better model of the other one.
    return lambda features, _: (1 - share) * parts[0](features.trees) + share * parts[1](features.trees)


LEARNERS: Final[dict[str, Callable[[Lesson], Effect]]] = {
    "linear": linear,
    "proportional": proportional,
    "dr-shallow": shallow,
    "dr-deep": deep,
    "dr-forest": forest,
    "t": two_models,
    "x": crossed,
}


def _arms(lesson: Lesson) -> tuple[Mean, Mean]:
    sample = lesson.sample
    grown: list[Mean] = []
    for arm in (sample.treated, ~sample.treated):
        shape = TreeShape(
            trees=60, leaves=6, least=max(10, int(arm.sum()) // 50), ridge=5.0, rows=0.8, columns=0.7
        )
        grown.append(
            lesson.trees.fit(sample.features.trees[arm], sample.outcome[arm], None, shape, lesson.seed)
        )
    return grown[0], grown[1]


def _on_pseudo(lesson: Lesson, shape: TreeShape) -> Effect:
    matrix = _matrix(lesson.sample.features, lesson.expected)
    grown = lesson.trees.fit(matrix, lesson.pseudo, None, shape, lesson.seed)
    return lambda features, expected: grown(_matrix(features, expected))


def _least(lesson: Lesson, parts: int) -> int:
    """Rows of a leaf: so that no tree has more than so many parts."""
    return max(20, len(lesson.sample) // parts)


def _matrix(features: Features, expected: Floats) -> NDArray[np.float32]:
    return np.column_stack([features.trees, expected.astype(np.float32)])
