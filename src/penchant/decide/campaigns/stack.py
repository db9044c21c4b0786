"""Effects of people whom no model saw: learners, weighed by how they do on people left out."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from penchant.decide.campaigns.learners import LEARNERS, Effect, Lesson, outcome_model, pseudo_effects
from penchant.decide.campaigns.sample import Features, Rows, Sample, folds_of
from penchant.decide.regression import Floats, TreeMaker

PRIOR: Final = {
    "linear": 3.0, "proportional": 2.0, "dr-shallow": 0.5, "dr-deep": 0.1, "dr-forest": 0.7, "t": 0.2, "x":
    2.0,
}  # fmt: skip
"""Weights before anything is known of a trial: the fewer parameters the more. Found on simulated trials."""
TRUST: Final = 0.5
"""Variance of a weight around its prior, in squares of that. Larger: sooner by the data alone."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often all is done: ``repeats`` times ``folds`` left out, each learned in ``inner`` parts."""

    repeats: int
    folds: int
    inner: int


def plan_for(rows: int) -> Plan:
    """More of everything where rows are few: there it costs little, and luck is large.

    >>> plan_for(2_000), plan_for(500_000)
    (Plan(repeats=3, folds=5, inner=5), Plan(repeats=1, folds=4, inner=2))
    """
    if rows < 20_000:
        return Plan(3 if rows < 8_000 else 2, 5, 5)
    return Plan(1, 5, 3) if rows < 200_000 else Plan(1, 4, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Models that did not see one fold: of the outcome, and of the effect by each learner."""

    outcome: Callable[[Features], Floats]
    effects: list[Effect]

    def __call__(self, features: Features, expected: Floats) -> Floats:
        """Effects by each learner, (n, J)."""
        return np.column_stack([effect(features, expected) for effect in self.effects])


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Learners of one sample.

    Attributes:
        parts: one of each fold.
        weights: (J,) of the learners, none below 0, as each brings effects of standard deviation 1.
        centres, scales: (J,) mean and standard deviation of each learner's effects.
    """

    parts: list[Part]
    weights: Floats
    centres: Floats
    scales: Floats

    def __call__(self, features: Features) -> tuple[Floats, Floats]:
        """By how much each person's effect differs from the mean one, and their expected outcome."""
        each, expected = np.zeros((len(features), len(self.weights))), np.zeros(len(features))
        for part in self.parts:
            one = part.outcome(features)
            each += part(features, one)
            expected += one
        count = len(self.parts)
        return (each / count - self.centres) / self.scales @ self.weights, expected / count


def stacked(sample: Sample, trees: TreeMaker, *, folds: int, seed: int) -> Stack:
    """Fit every learner without each fold, and weigh them by their effects in it."""
    fold = folds_of(sample.treated, sample.outcome, folds, seed)
    kept = [np.flatnonzero(fold != f) for f in range(folds)]
    left = [np.flatnonzero(fold == f) for f in range(folds)]
    models = [outcome_model(sample.take(rows), trees, seed + f) for f, rows in enumerate(kept)]
    expected, each = np.empty(len(sample)), np.empty((len(sample), len(LEARNERS)))
    for model, rows in zip(models, left, strict=True):
        expected[rows] = model(sample.features.take(rows))
    pseudo = pseudo_effects(sample, expected)
    parts: list[Part] = []
    for f in range(folds):
        lesson = Lesson(sample.take(kept[f]), expected[kept[f]], pseudo[kept[f]], trees, seed + f)
        parts.append(Part(models[f], [learn(lesson) for learn in LEARNERS.values()]))
        found = parts[f](sample.features.take(left[f]), expected[left[f]])
        # A fold's mean tells who was not in it, and the folds are alike in everything else.
        each[left[f]] = found - found.mean(axis=0)
    scales = np.maximum(each.std(axis=0), 1e-12)
    return Stack(parts, weights_of(each / scales, pseudo), _centres(parts, sample.features), scales)


def _centres(parts: list[Part], features: Features) -> Floats:
    """Mean effect by each learner; of some of the people, where there are very many."""
    some = features.take(np.arange(0, len(features), max(1, len(features) // 5_000)))
    return np.mean([part(some, part.outcome(some)).mean(axis=0) for part in parts], axis=0)


def weights_of(each: Floats, pseudo: Floats) -> Floats:
    """Weights, none below 0, with which learners' effects come close to the pseudo-outcomes.

    Least squares held back towards a weighted mean of all learners: in a small or a noisy trial nobody can
    tell which of them is right, and the mean is seldom far from the best; in a large one the data decide.

    Args:
        each: (n, J) effects of people left out, each learner's with mean 0 and standard deviation 1.
        pseudo: (n,) from :func:`pseudo_effects`.
    """
    prior = np.array([PRIOR[name] for name in LEARNERS])
    prior /= prior.sum()
    target = pseudo - pseudo.mean()
    mean = each @ prior
    square = max(float(mean @ mean), 1e-12)
    # Where the data say nothing of the size, it is taken to be what they could just not see.
    size = max(float(mean @ target) / square, float(target.std()) / np.sqrt(square), 1e-12)
    hold = max(float(target.var()), 1e-24) / ((size * prior) ** 2 * TRUST)
    return nonnegative(each.T @ each + np.diag(hold), each.T @ target + hold * size * prior)


def nonnegative(gram: Floats, cross: Floats, sweeps: int = 200) -> Floats:
    """Nonnegative least squares by coordinate descent on the normal equations.

    >>> nonnegative(np.eye(2), np.array([2.0, -1.0])).tolist()
    [2.0, 0.0]
    """
    found = np.zeros(len(cross))
    for _ in range(sweeps):
        for j in range(len(found)):
            found[j] = max(0.0, found[j] + (cross[j] - gram[j] @ found) / gram[j, j])
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Of the people of a trial.

    Attributes:
        uplift: (n,) effect of each, learned from others.
        pseudo: (n,) doubly robust pseudo-outcomes, the models being of others.
        others: (m,) effect of people who were not in it.
        weights: (J,) of the learners, as shares.
    """

    uplift: Floats
    pseudo: Floats
    others: Floats
    weights: Floats


def out_of_fold(
    sample: Sample, trees: TreeMaker, *, seed: int, others: Features, plan: Plan | None = None
) -> Found:
    """Effect of each row, learned from other folds only; the mean over several divisions into folds."""
    plan = plan or plan_for(len(sample))
    uplift, expected = np.zeros(len(sample)), np.zeros(len(sample))
    beyond, weights = np.zeros(len(others)), np.zeros(len(LEARNERS))
    for repeat in range(plan.repeats):
        base = seed + 10_000 * repeat
        fold = folds_of(sample.treated, sample.outcome, plan.folds, base)
        for f in range(plan.folds):
            _log.info(
                "learning without fold %d of %d", repeat * plan.folds + f + 1, plan.repeats * plan.folds
            )
            rows = np.flatnonzero(fold == f)
            stack = stacked(
                sample.take(np.flatnonzero(fold != f)), trees, folds=plan.inner, seed=base + 100 * (f + 1)
            )
            one, likely = stack(sample.features.take(rows))
            # Without it, a fold whose effect was large by luck would be ranked too low as a whole.
            uplift[rows] += one - one.mean()
            expected[rows] += likely
            weights += stack.weights / max(stack.weights.sum(), 1e-12)
            if len(others):
                beyond += stack(others)[0]
    total = plan.repeats * plan.folds
    pseudo = pseudo_effects(sample, expected / plan.repeats)
    mean = float(pseudo.mean())
    return Found(mean + uplift / plan.repeats, pseudo, mean + beyond / total, weights / total)


__all__ = [
    "PRIOR",
    "Found",
    "Part",
    "Plan",
    "Rows",
    "Stack",
    "nonnegative",
    "out_of_fold",
    "stacked",
    "weights_of",
]
