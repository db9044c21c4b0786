"""The loss of one model against another, and its error."""

import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.metrics import bounds, cluster_bootstrap, cluster_sums, paired_loss


def answers(seed: int, people: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The second is 10% worse; whole people like one model more."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), rng.integers(1, 8, people))
    first = rng.random(len(who)) * (rng.random(len(who)) < 0.25)
    liking = 0.9 + 0.4 * rng.standard_normal(people)
    return first, np.maximum(first * liking[who], 0), who


def test_by_hand() -> None:
    found = paired_loss(np.array([0.5, 0.5, 1.0]), np.array([0.5, 0.0, 1.0]), np.array([5, 5, 2]))
    assert found.value == pytest.approx(0.25)
    assert (found.first, found.second) == pytest.approx((2 / 3, 0.5))
    assert (found.people, found.questions) == (2, 3)
    assert found.effective == pytest.approx(9 / 5)
    # Without the first person the loss is 0, without the other a half: both .25 away.
    assert found.error == pytest.approx(np.sqrt(1 / 2 * 2 * 0.25**2))


def test_the_error_is_that_of_resampling_people() -> None:
    first, second, people = answers(0)
    sums, counts = cluster_sums(np.stack([first, second], axis=1), people, 200)
    means = cluster_bootstrap(sums, counts, 2_000, seed=0)
    assert paired_loss(first, second, people).error == pytest.approx(
        np.std(1 - means[:, 1] / means[:, 0]), rel=0.15
    )


def test_the_error_says_how_far_from_the_truth_the_loss_is() -> None:
    found = [paired_loss(*answers(seed)) for seed in range(300)]
    away = [(one.value - 0.1) / one.error for one in found]
    assert 0.85 < np.std(away) < 1.15
    assert abs(np.mean(away)) < 0.2


def test_questions_of_one_person_are_not_independent() -> None:
    first, second, people = answers(0)
    naive = paired_loss(first, second, np.arange(len(people)))
    assert paired_loss(first, second, people).error > 1.3 * naive.error


def test_one_who_holds_most_of_it_makes_it_unsure() -> None:
    """The linearised error is small here: the ratio follows the one person, whose residual is then small."""
    first, second = np.ones(1_000), np.r_[np.full(900, 1.3), np.full(100, 0.9)]
    people = np.r_[np.zeros(900, dtype=int), np.arange(1, 101)]
    found = paired_loss(first, second, people)
    assert found.value == pytest.approx(-0.26)
    assert found.error > 0.3
    assert found.effective < 1.3


def test_one_who_holds_all_of_it_makes_it_worthless() -> None:
    found = paired_loss(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.array([0, 1]))
    assert found.error == np.inf


def test_the_same_answers_lose_nothing_for_sure() -> None:
    first, _, people = answers(0)
    found = paired_loss(first, first, people)
    assert (found.value, found.error) == (0.0, 0.0)


def test_who_answered_nothing_cannot_be_worse_off() -> None:
    found = paired_loss(np.zeros(3), np.array([0.0, 0.5, 0.0]), np.arange(3))
    assert (found.value, found.error) == (0.0, 0.0)


def test_scale_and_names_of_people_do_not_matter() -> None:
    first, second, people = answers(3)
    found, other = paired_loss(first, second, people), paired_loss(first / 7, second / 7, 90 - people)
    assert (other.value, other.error) == pytest.approx((found.value, found.error))


def test_an_interval_from_the_error_is_that_of_the_bootstrap() -> None:
    first, second, people = answers(1)
    found = paired_loss(first, second, people)
    sums, counts = cluster_sums(np.stack([first, second], axis=1), people, 200)
    means = cluster_bootstrap(sums, counts, 2_000, seed=1)
    low, high = bounds(1 - means[:, 1] / means[:, 0])
    assert found.value - 1.96 * found.error == pytest.approx(low, abs=0.02)
    assert found.value + 1.96 * found.error == pytest.approx(high, abs=0.02)


@pytest.mark.parametrize(
    ("first", "second", "people", "message"),
    [
        ([], [], [], "needs both values"),
        ([1.0], [1.0, 2.0], [0], "needs both values"),
        ([1.0], [1.0], [0, 1], "needs both values"),
        ([1.0], [np.nan], [0], "NaN or infinite"),
        ([np.inf], [1.0], [0], "NaN or infinite"),
    ],
)
def test_what_cannot_be_compared_is_an_error(
    first: list[float], second: list[float], people: list[int], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        paired_loss(np.array(first), np.array(second), np.array(people, dtype=int))
