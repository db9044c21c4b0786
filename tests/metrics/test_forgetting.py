"""Transfer and forgetting, by matrices made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import InvalidInput
from penchant.metrics import backward_transfer, backward_transfer_interval, forward_transfer
from penchant.metrics.forgetting import forgetting

NAN = np.nan
R = np.array([[0.5, 0.2, 0.1], [0.6, 0.4, 0.3], [0.4, 0.3, 0.8]])


def test_backward_transfer_is_the_end_against_each_blocks_own_time() -> None:
    assert backward_transfer(R) == pytest.approx(((0.4 - 0.5) + (0.3 - 0.4)) / 2)
    assert backward_transfer(R, relative=True) == pytest.approx((-0.1 / 0.5 + -0.1 / 0.4) / 2)


def test_what_is_learned_later_about_an_old_block_is_positive() -> None:
    better = R.copy()
    better[2, :2] = 0.9
    assert backward_transfer(better) == pytest.approx(((0.9 - 0.5) + (0.9 - 0.4)) / 2)
    assert forgetting(better) < 0


def test_forgetting_counts_from_the_best_that_ever_was() -> None:
    assert forgetting(R) == pytest.approx(((0.6 - 0.4) + (0.4 - 0.3)) / 2)


def test_the_last_block_is_no_part_of_either() -> None:
    other = R.copy()
    other[:, 2] = 0.0
    assert backward_transfer(other) == backward_transfer(R)
    assert forgetting(other) == forgetting(R)


def test_forward_transfer_is_what_was_known_just_before() -> None:
    assert forward_transfer(R, [9.0, 0.1, 0.2]) == pytest.approx(((0.2 - 0.1) + (0.3 - 0.2)) / 2)


def test_what_was_not_measured_is_left_out() -> None:
    holes = R.copy()
    holes[2, 0] = NAN
    assert backward_transfer(holes) == pytest.approx(-0.1)
    assert forgetting(holes) == pytest.approx(0.1)
    holes = R.copy()
    holes[1, 0] = holes[0, 1] = NAN
    assert forgetting(holes) == pytest.approx(((0.5 - 0.4) + (0.4 - 0.3)) / 2)
    assert forward_transfer(holes, np.zeros(3)) == pytest.approx(0.3)


def test_a_block_that_was_never_known_has_no_share_to_lose() -> None:
    nothing = np.array([[0.0, NAN, NAN], [NAN, 0.5, NAN], [0.1, 0.4, 0.5]])
    assert backward_transfer(nothing, relative=True) == pytest.approx(-0.2)
    assert backward_transfer(nothing) == pytest.approx(0.0)


@pytest.mark.parametrize("matrix", [[[0.5]], np.full((3, 3), NAN)])
def test_nothing_old_and_measured_is_no_number(matrix: list[list[float]]) -> None:
    assert np.isnan(backward_transfer(matrix))
    assert np.isnan(forgetting(matrix))
    assert np.isnan(forward_transfer(matrix, np.zeros(len(matrix))))


@pytest.mark.parametrize("matrix", [[0.5, 0.4], [[0.5, 0.4]], np.zeros((0, 0))])
def test_a_matrix_that_is_not_square_is_an_error(matrix: list[float]) -> None:
    for metric in (backward_transfer, forgetting, lambda m: forward_transfer(m, [0.0])):
        with pytest.raises(InvalidInput, match="a row and a column for each block"):
            metric(matrix)


def test_a_reference_of_another_length_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="one value a block"):
        forward_transfer(R, [0.1, 0.1])


def asked(seed: int = 0, change: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Questions of 80 people in 3 blocks of unlike size: before, after, people, blocks."""
    rng = np.random.default_rng(seed)
    people, blocks = rng.integers(0, 80, 600), rng.choice(3, 600, p=[0.6, 0.3, 0.1])
    before = rng.random(600)
    return before, before + change + 0.2 * rng.standard_normal(600), people, blocks


@pytest.mark.parametrize("relative", [False, True])
def test_the_value_is_that_of_the_matrix_of_block_means(relative: bool) -> None:
    before, after, people, blocks = asked()
    matrix = np.full((4, 4), NAN)
    for k in range(3):
        matrix[k, k], matrix[3, k] = before[blocks == k].mean(), after[blocks == k].mean()
    found = backward_transfer_interval(before, after, people, blocks, relative=relative, draws=50)
    assert found.value == pytest.approx(backward_transfer(matrix, relative=relative))
    assert found.low < found.value < found.high


def test_the_interval_is_paired() -> None:
    before, after, people, _ = asked()
    found = backward_transfer_interval(before, after, people)
    shuffled = np.random.default_rng(1).permutation(after)
    apart = backward_transfer_interval(before, shuffled, people)
    assert apart.high - apart.low > 1.5 * (found.high - found.low)


def test_questions_of_one_person_are_not_independent() -> None:
    people = np.repeat(np.arange(40), 20)
    lost = np.repeat(np.random.default_rng(0).random(40), 20)
    together = backward_transfer_interval(np.ones(800), 1 - lost, people)
    naive = backward_transfer_interval(np.ones(800), 1 - lost, np.arange(800))
    assert together.high - together.low > 3 * (naive.high - naive.low)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for trial in range(200):
        found = backward_transfer_interval(*asked(trial, change=-0.1), draws=200, seed=trial)
        held += found.low <= -0.1 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_a_question_without_its_pair_is_left_out() -> None:
    before, after = np.array([0.5, NAN, 0.9, 0.5]), np.array([0.4, 0.9, NAN, 0.4])
    found = backward_transfer_interval(before, after, np.array([1, 2, 3, 4]))
    assert found == pytest.approx((-0.1, -0.1, -0.1))


def test_names_of_people_and_blocks_do_not_matter() -> None:
    before, after, people, blocks = asked()
    found = backward_transfer_interval(before, after, people, blocks, draws=50)
    assert backward_transfer_interval(before, after, people * 7 - 9, blocks + 3, draws=50) == found


@given(st.floats(0.01, 10.0))
def test_a_relative_interval_knows_no_scale(factor: float) -> None:
    before, after, people, blocks = asked()
    found = backward_transfer_interval(before, after, people, blocks, relative=True, draws=20)
    scaled = backward_transfer_interval(
        factor * before, factor * after, people, blocks, relative=True, draws=20
    )
    assert scaled == pytest.approx(found)


@pytest.mark.parametrize(("before", "after"), [([], []), ([0.5], [0.5, 0.5])])
def test_no_question_or_unlike_lengths_are_an_error(before: list[float], after: list[float]) -> None:
    with pytest.raises(InvalidInput, match="one entry a question"):
        backward_transfer_interval(np.array(before), np.array(after), np.arange(len(before)))
