"""Intervals by resampling people."""

import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.metrics import bounds, cluster_bootstrap, cluster_sums, intervals


def interval(
    values: np.ndarray, people: np.ndarray, draws: int = 1_000, seed: int = 0
) -> tuple[float, float, float]:
    sums, counts = cluster_sums(values[:, None], people, int(people.max()) + 1)
    return intervals(sums, counts, cluster_bootstrap(sums, counts, draws, seed))[0]


def test_sums_by_person_leave_nan_out() -> None:
    values = np.array([[1.0, np.nan], [2.0, 5.0], [4.0, np.nan]])
    sums, counts = cluster_sums(values, np.array([2, 0, 2]), 3)
    assert sums.tolist() == [[2, 5], [0, 0], [5, 0]]
    assert counts.tolist() == [[1, 1], [0, 0], [2, 0]]


def test_value_is_the_mean_over_questions_not_over_people() -> None:
    assert interval(np.array([1.0, 0.0, 0.0, 0.0]), np.array([0, 1, 1, 1]))[0] == 0.25


def test_draws_are_what_resampling_by_hand_gives() -> None:
    rng = np.random.default_rng(5)
    values, people = rng.random(40), rng.integers(0, 7, 40)
    sums, counts = cluster_sums(values[:, None], people, 7)
    means = cluster_bootstrap(sums, counts, 20, seed=3)[:, 0]
    picked = np.random.default_rng(3).integers(0, 7, size=(20, 7))
    by_hand = [np.concatenate([values[people == p] for p in row]).mean() for row in picked]
    assert means == pytest.approx(by_hand)


def test_same_seed_same_interval_other_seed_another() -> None:
    values, people = np.random.default_rng(1).random(100), np.arange(100) // 2
    assert interval(values, people) == interval(values, people)
    assert interval(values, people) != interval(values, people, seed=1)


def test_chunks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    sums, counts = np.random.default_rng(0).random((10, 2)), np.ones((10, 2))
    whole = cluster_bootstrap(sums, counts, 50, seed=0)
    monkeypatch.setattr("penchant.metrics.bootstrap._CHUNK", 70)
    assert np.allclose(cluster_bootstrap(sums, counts, 50, seed=0), whole)


def test_baskets_of_one_person_are_not_independent() -> None:
    rng = np.random.default_rng(2)
    taste = rng.random(50)
    values = np.repeat(taste, 20)
    _, low, high = interval(values, np.repeat(np.arange(50), 20))
    _, naive_low, naive_high = interval(values, np.arange(1_000))
    assert high - low > 3 * (naive_high - naive_low)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    held = 0
    for trial in range(200):
        people = np.repeat(np.arange(60), rng.integers(1, 6, 60))
        values = (rng.random(60)[people] + rng.random(len(people))) / 2
        _, low, high = interval(values, people, draws=300, seed=trial)
        held += low <= 0.5 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_no_spread_no_width() -> None:
    assert interval(np.full(30, 0.25), np.arange(30) // 3) == (0.25, 0.25, 0.25)


def test_draws_without_anything_are_left_out() -> None:
    sums, counts = cluster_sums(np.array([[1.0], [np.nan]]), np.array([0, 1]), 2)
    found = intervals(sums, counts, cluster_bootstrap(sums, counts, 100, seed=0))[0]
    assert found == (1.0, 1.0, 1.0)


def test_a_column_of_nothing_has_no_interval() -> None:
    assert np.isnan(interval(np.full(3, np.nan), np.arange(3))).all()
    assert np.isnan(bounds(np.full(3, np.nan))).all()


@pytest.mark.parametrize(("people", "draws"), [(0, 10), (3, 0)])
def test_nobody_or_no_draws_is_an_error(people: int, draws: int) -> None:
    with pytest.raises(InvalidInput, match="bootstrap needs"):
        cluster_bootstrap(np.zeros((people, 1)), np.zeros((people, 1)), draws, 0)
