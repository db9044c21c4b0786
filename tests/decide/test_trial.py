"""A trial from its table: what is used, what is refused, and what may be concluded."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from trial_tables import table_of

from penchant.adapters.lightgbm_regression import LightGbmRegression
from penchant.decide.campaigns import fit as fitting
from penchant.decide.campaigns.arms import arms_of
from penchant.decide.campaigns.balance import auc, check
from penchant.decide.campaigns.features import read_features, useless
from penchant.decide.campaigns.fit import Asked, fit_trial
from penchant.decide.campaigns.outcome import outcome_of
from penchant.decide.campaigns.stack import Plan, out_of_fold
from penchant.decide.campaigns.words import words
from penchant.decide.tables import typed
from penchant.errors import InvalidInput, NotEnoughData
from penchant.testing.trials import Shape, simulated_trial

ASKED = Asked(treatment="treated", outcome="outcome")
TREES = LightGbmRegression()
STRONG = Shape(rate=0.3, spread=0.8, kind="steps")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    def quickly(sample, trees, *, seed, others):
        return out_of_fold(sample, trees, seed=seed, others=others, plan=Plan(1, 3, 2))

    monkeypatch.setattr(fitting, "out_of_fold", quickly)


def test_a_trial_gets_its_qini_and_an_uplift_of_each_row():
    trial = simulated_trial(3000, STRONG, seed=1)
    people = [f"person {number}" for number in range(3000)]
    found = fit_trial(table_of(trial, person=people), ASKED, TREES)
    (arm,) = found.arms
    assert arm.randomised.verdict == "yes"
    assert found.qini.low > 0
    assert arm.people_differ
    assert arm.effect.low < trial.effect.mean() < arm.effect.high
    assert np.corrcoef(found.uplift, trial.effect)[0, 1] > 0.5
    assert found.columns_left_out == {"person": "a name of its own for nearly each row"}
    assert arm.curve[-1].share == 1
    assert arm.curve[-1].gain == pytest.approx(arm.difference.value)
    assert arm.tenths[0].seen.value > arm.tenths[-1].seen.value
    assert "People differ" in words(found)
    assert msgspec.json.encode(found)


def test_what_was_not_randomised_gets_no_qini():
    trial = simulated_trial(4000, Shape(chosen=1.0), seed=1)
    found = fit_trial(table_of(trial), ASKED, TREES)
    assert found.qini is None
    assert found.uplift is None
    (arm,) = found.arms
    assert (arm.randomised.verdict, arm.effect, arm.curve) == ("no", None, [])
    assert arm.randomised.low > 0.55
    assert {"recency", "age"} & set(arm.randomised.told_by)
    assert "This was not randomised" in words(found)
    assert "Qini" not in words(found).replace("no Qini", "")


def test_a_column_that_came_after_the_offer_is_found_out_and_can_be_left_out():
    trial = simulated_trial(3000, Shape(), seed=2)
    rng = np.random.default_rng(0)
    opened = np.where(trial.treated, rng.random(3000) < 0.4, rng.random(3000) < 0.1)
    table = table_of(trial, opened=opened.tolist())
    found = fit_trial(table, ASKED, TREES)
    assert found.qini is None
    assert found.arms[0].randomised.told_by[0] == "opened"
    asked = Asked(treatment="treated", outcome="outcome", leave_out=("opened",))
    again = fit_trial(table, asked, TREES)
    assert again.qini is not None


def test_nothing_found_is_said():
    trial = simulated_trial(2000, Shape(effect=0.0, kind="none"), seed=4)
    found = fit_trial(table_of(trial), ASKED, TREES)
    assert not found.arms[0].people_differ
    assert "No difference between people was found" in words(found)
    assert "No effect on the whole was found" in words(found)


def test_several_treatments_each_against_the_control():
    trial = simulated_trial(3000, STRONG, seed=1)
    rng = np.random.default_rng(0)
    which = np.where(trial.treated, np.where(rng.random(3000) < 0.5, "letter", "mail"), "no letter")
    table = table_of(trial, treated=which.tolist())
    found = fit_trial(table, ASKED, TREES)
    assert found.control == "no letter"
    assert set(found.qini) == set(found.uplift) == {"letter", "mail"}
    assert all(len(each) == 3000 for each in found.uplift.values())
    assert np.corrcoef(found.uplift["mail"], trial.effect)[0, 1] > 0.4


def test_rows_without_treatment_or_outcome_get_an_uplift_and_teach_nothing():
    trial = simulated_trial(2000, STRONG, seed=1)
    treated, outcome = trial.treated.tolist(), trial.outcome.tolist()
    treated[:100], outcome[100:200] = [None] * 100, [None] * 100
    found = fit_trial(table_of(trial, treated=treated, outcome=outcome), ASKED, TREES)
    assert (found.rows, found.rows_left_out) == (1800, 200)
    assert len(found.uplift) == 2000
    assert np.isfinite(found.uplift).all()


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (typed("a", ["x"] * 100), "the same for all"),
        (typed("a", list(range(100))), "a number of its own for each row"),
        (typed("a", [10**9 + 7919 * (i * 37 % 100) for i in range(100)]), "a number of its own for each row"),
        (typed("a", [f"u{i}" for i in range(100)]), "a name of its own for nearly each row"),
        (typed("a", [f"u{i // 5}{'x' * (i % 2)}" for i in range(200)]), "no value occurs often enough"),
        (typed("a", np.random.default_rng(0).normal(size=100).tolist()), ""),
        (typed("a", (np.random.default_rng(0).permutation(100) * 997).tolist()), ""),
        (typed("a", ["x", None] * 50), ""),
    ],
)
def test_columns_that_say_nothing_are_left_out(column, why):
    assert useless(column) == why


def test_features_hold_nothing_missing_for_lines_and_keep_it_for_trees():
    columns = [typed("n", [1.0, None, 3.0] * 40), typed("t", (["a"] * 50 + ["b"] * 40 + ["c"] * 30))]
    read = read_features(columns)
    assert np.isfinite(read.features.lines).all()
    assert np.isnan(read.features.trees[:, 0]).mean() == pytest.approx(1 / 3)
    assert np.abs(read.features.lines.mean(axis=0)).max() < 1e-9
    with pytest.raises(NotEnoughData, match="the same for all"):
        read_features([typed("n", [1.0] * 50)])


@pytest.mark.parametrize(
    ("values", "control"),
    [(["0", "1"], "0"), ([True, False], "false"), (["none", "email"], "none"),
     (["null", "a", "b", ""], "null"), (["control", "mail"], "control"),
     (["Mens E-Mail", "No E-Mail", "Womens E-Mail"], "No E-Mail")],
)  # fmt: skip
def test_who_got_nothing_is_told_by_the_word(values, control):
    assert arms_of(typed("t", values), None).control == control


@pytest.mark.parametrize("given", ["False", "false", "0"])
def test_the_control_may_be_named_as_people_say_it(given):
    found = arms_of(typed("t", ["False", "True", "", "true"][:3]), given)
    assert (found.control, found.treatments, found.labels[2]) == ("False", ["True"], "")


def test_no_arm_is_dropped_for_being_called_none():
    trial = simulated_trial(900, STRONG, seed=1)
    which = ["none" if not got else ("letter", "mail")[row % 2] for row, got in enumerate(trial.treated)]
    found = fit_trial(table_of(trial, treated=which), ASKED, TREES)
    assert (found.control, found.rows, found.rows_left_out) == ("none", 900, 0)


@pytest.mark.parametrize(
    ("values", "given", "success", "numbers"),
    [
        (["not bought", "bought", ""], None, "bought", [0, 1, np.nan]),
        (["No order", "order"], None, "order", [0, 1]),
        (["Yes", "no"], None, "Yes", [1, 0]),
        (["False", "True"], None, "True", [0, 1]),
        (["0", "1", "1"], None, "1", [0, 1, 1]),
        (["sold", "left", "sent"], "Sold", "sold", [1, 0, 0]),
        (["1", "2", "2.0"], "2", "2", [0, 1, 1]),
        (["1", "2.5"], None, None, [1, 2.5]),
    ],
)
def test_what_counts_as_one(values, given, success, numbers):
    found = outcome_of(typed("got", values), given)
    assert found.success == success
    np.testing.assert_array_equal(found.numbers, numbers)


def test_words_that_do_not_say_which_of_them_is_a_success_are_refused():
    for values, given, message in (
        (["bought", "left"], None, "Name it by --success; there are: 'bought', 'left'"),
        (["bought", "left", "not bought"], None, "Name it by --success"),
        (["bought", "left"], "sold", "no value 'sold'"),
    ):
        with pytest.raises(InvalidInput, match=message):
            outcome_of(typed("got", values), given)


def test_what_counted_as_one_is_told_and_turns_the_sign():
    trial = simulated_trial(900, STRONG, seed=1)
    words_of = ["not bought" if value == 0 else "bought" for value in trial.outcome]
    found = fit_trial(table_of(trial, outcome=words_of), ASKED, TREES)
    same = fit_trial(table_of(trial), ASKED, TREES)
    assert found.success == "bought"
    assert found.arms[0].difference == same.arms[0].difference
    assert "counted as 1 of 'outcome': 'bought'" in words(found)


def test_an_uplift_keeps_its_place_where_rows_cannot_be_read():
    trial = simulated_trial(900, STRONG, seed=1)
    whole = fit_trial(table_of(trial), ASKED, TREES)
    found = fit_trial(replace(table_of(trial), lost=(1, 3), unreadable=2), ASKED, TREES)
    assert (len(found.uplift), found.rows_left_out) == (902, 2)
    assert [found.uplift[0], *found.uplift[2:3], *found.uplift[4:]] == whole.uplift
    assert found.uplift[1] is found.uplift[3] is None


def test_arms_that_cannot_be_told_are_refused():
    for values, given, message in (
        (["a", "b"], None, "Name it by --control"),
        (["a", "b"], "c", "no value 'c'"),
        (["a", "a"], None, "it has 1"),
        ([f"a{i}" for i in range(20)], None, "it has 20"),
    ):
        with pytest.raises(InvalidInput, match=message):
            arms_of(typed("t", values), given)
    trial = simulated_trial(60, Shape(), seed=0)
    with pytest.raises(NotEnoughData, match="50 are needed"):
        fit_trial(table_of(trial), ASKED, TREES)


def test_the_area_under_the_curve_is_the_share_of_pairs():
    rng = np.random.default_rng(0)
    score, positive = rng.integers(0, 5, 60).astype(float), rng.random(60) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert auc(score, positive).value == pytest.approx(np.mean(pairs))
    assert 0.03 < auc(score, positive).error < 0.15


def test_the_error_of_the_auc_is_that_of_lots_drawn_again():
    rng = np.random.default_rng(3)
    away = []
    for _ in range(40):
        numbers = rng.normal(size=(300, 4))
        read = read_features([typed(f"c{at}", [f"{v:.4f}" for v in one]) for at, one in enumerate(numbers.T)])
        found = check(read, rng.random(300) < 0.5, TREES)
        assert found.verdict == "yes"
        away.append((found.auc - 0.5) / ((found.high - found.low) / (2 * 1.96)))
    assert 0.6 < np.std(away) < 1.4
