"""Learners and their stack: a planted effect is found, a destroyed one is not, no own outcome is used."""

import lightgbm
import numpy as np
import pytest
from trial_tables import nobody, sample_of

from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.decide.campaigns.learners import LEARNERS, Lesson, pseudo_effects
from penchant.decide.campaigns.sample import Sample, folds_of
from penchant.decide.campaigns.stack import Plan, out_of_fold, weights_of
from penchant.decide.regression import TreeShape, ridge
from penchant.metrics.uplift import qini_interval
from penchant.testing.trials import Shape, simulated_trial

PLAN = Plan(1, 3, 2)
TREES = LightGbmRegression()
STRONG = Shape(rate=0.3, spread=0.8, kind="steps")


def found_of(sample: Sample):
    return out_of_fold(sample, TREES, seed=1, others=nobody(sample), plan=PLAN)


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_a_planted_effect_is_found(share):
    trial = simulated_trial(4000, Shape(rate=0.3, spread=0.8, kind="steps", share=share), seed=3)
    sample = sample_of(trial)
    found = found_of(sample)
    assert np.corrcoef(found.uplift, trial.effect)[0, 1] > 0.5
    assert qini_interval(found.uplift, trial.treated, trial.outcome, draws=200).low > 0
    assert found.pseudo.mean() == pytest.approx(trial.effect.mean(), abs=0.06)


def test_a_destroyed_one_is_not():
    trial = simulated_trial(4000, STRONG, seed=3)
    sample = sample_of(trial)
    drawn = np.random.default_rng(0).permutation(sample.treated)
    found = found_of(Sample(sample.features, drawn, sample.outcome, sample.share))
    inside = qini_interval(found.uplift, drawn, trial.outcome, draws=200)
    assert inside.low < 0 < inside.high


def test_an_amount_is_an_outcome_too():
    trial = simulated_trial(4000, Shape(binary=False, rate=5.0, spread=0.8), seed=2)
    assert np.corrcoef(found_of(sample_of(trial)).uplift, trial.effect)[0, 1] > 0.4


def test_no_outcome_of_a_fold_moves_its_own_order():
    trial = simulated_trial(900, Shape(binary=False, rate=5.0), seed=1)
    sample = sample_of(trial)
    fold = folds_of(sample.treated, sample.outcome, PLAN.folds, 1)
    inside = (fold == 0) & (sample.outcome > np.median(sample.outcome))
    assert inside.sum() > 50
    changed = np.where(inside, 2 * sample.outcome, sample.outcome)
    before = found_of(sample).uplift
    after = found_of(Sample(sample.features, sample.treated, changed, sample.share)).uplift
    own, other = fold == 0, fold == 1
    np.testing.assert_allclose(after[own] - after[own].mean(), before[own] - before[own].mean(), atol=1e-9)
    assert np.abs((after - after.mean()) - (before - before.mean()))[other].max() > 1e-3


def test_strangers_get_an_effect_too():
    trial = simulated_trial(3000, STRONG, seed=5)
    sample, new = sample_of(trial), simulated_trial(1000, STRONG, seed=6)
    found = out_of_fold(sample, TREES, seed=0, others=sample_of(new).features, plan=PLAN)
    assert np.corrcoef(found.others, new.effect)[0, 1] > 0.5
    assert found.others.mean() == pytest.approx(found.uplift.mean(), abs=0.05)


def test_pseudo_effects_are_right_on_average_whatever_the_model_of_the_outcome():
    trial = simulated_trial(60_000, Shape(share=0.2), seed=0)
    sample = sample_of(trial)
    for expected in (np.zeros(len(sample)), np.full(len(sample), 0.3)):
        assert pseudo_effects(sample, expected).mean() == pytest.approx(trial.effect.mean(), abs=0.012)


def test_weights_are_the_prior_where_data_say_little_and_the_best_learner_where_they_say_much():
    rng = np.random.default_rng(0)
    each = rng.standard_normal((40_000, len(LEARNERS)))
    each = (each - each.mean(axis=0)) / each.std(axis=0)
    right = each[:, 4] + 0.1 * rng.standard_normal(len(each))
    assert weights_of(each, right).argmax() == 4
    assert weights_of(each, right)[4] > 5 * weights_of(each, right)[0]
    blind = weights_of(each[:300], rng.standard_normal(300) * 50)
    assert blind[0] > blind[3] > 0
    assert (weights_of(each, -right) >= 0).all()


def test_ridge_is_least_squares_where_rows_are_many_and_nothing_where_there_is_nothing():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, 3))
    y = 2 + x @ np.array([1.0, -2, 0]) + 0.1 * rng.standard_normal(2000)
    assert ridge(x, y)(np.eye(3)) == pytest.approx([3, 0, 2], abs=0.05)
    assert np.abs(ridge(x, rng.standard_normal(2000)).slopes).max() < 0.05
    weight = np.where(np.arange(2000) < 1000, 1.0, 0.0)
    other = np.where(weight > 0, y, 100.0)
    assert ridge(x, other, weight)(np.eye(3)) == pytest.approx([3, 0, 2], abs=0.05)


class Counted:
    """Trees that count how often they are fitted."""

    def __init__(self):
        self.fits = 0

    def fit(self, *given):
        self.fits += 1
        return TREES.fit(*given)


def test_learners_share_their_models_of_the_arms():
    sample = sample_of(simulated_trial(300, STRONG, seed=1))
    expected, counted = np.full(len(sample), sample.outcome.mean()), Counted()
    lesson = Lesson(sample, expected, pseudo_effects(sample, expected), counted, 0)
    for learner, fits in (("t", 2), ("x", 4)):
        effect = LEARNERS[learner](lesson)
        assert counted.fits == fits
        assert effect(sample.features, expected).std() > 0


def test_few_rows_are_learned_by_one_thread_and_many_by_all(monkeypatch):
    trees, seen = LightGbmRegression(2), []
    train = lightgbm.train
    monkeypatch.setattr(
        lightgbm,
        "train",
        lambda s, *a, **k: seen.append(s["num_threads"]) or train(s, *a, **k),
    )
    for rows in (400, 12_000):
        x = np.random.default_rng(0).standard_normal((rows, 2)).astype(np.float32)
        model = trees.fit(x, x[:, 0].astype(np.float64), None, TreeShape(trees=3, rate=0.3))
        assert np.corrcoef(model(x), x[:, 0])[0, 1] > 0.8
    assert seen == [1, 2]
