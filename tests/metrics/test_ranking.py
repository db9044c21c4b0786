"""Lists and ranks, against a full sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from penchant.errors import InvalidInput
from penchant.metrics import BEYOND, list_ranks, tie_order, top_lists

coarse = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0, np.inf])


def by_full_sort(scores: np.ndarray, k: int, ties: np.ndarray) -> list[list[int]]:
    lists = []
    for row in scores:
        order = sorted(range(len(row)), key=lambda item: (-row[item], ties[item]))
        shown = [item if row[item] > -np.inf else -1 for item in order[:k]]
        lists.append(shown + [-1] * (k - len(shown)))
    return lists


@given(
    scores=st.integers(1, 12).flatmap(lambda n: arrays(np.float32, (3, n), elements=coarse)),
    k=st.integers(1, 15),
    seed=st.integers(0, 5),
)
def test_top_lists_equal_a_full_sort_whatever_the_ties(scores: np.ndarray, k: int, seed: int) -> None:
    ties = tie_order(scores.shape[1], seed)
    assert top_lists(scores, k, ties).tolist() == by_full_sort(scores, k, ties)


def test_top_lists_of_distinct_scores_equal_a_full_sort() -> None:
    scores = np.random.default_rng(0).normal(size=(50, 400)).astype(np.float32)
    assert top_lists(scores, 20, tie_order(400)).tolist() == by_full_sort(scores, 20, tie_order(400))


@pytest.mark.parametrize("place", [0, 7, 29])
def test_one_nan_is_an_error_that_names_its_place(place: int) -> None:
    scores = np.zeros((2, 30), dtype=np.float32)
    scores[1, place] = np.nan
    with pytest.raises(InvalidInput, match=f"item row {place} in list 1 is NaN"):
        top_lists(scores, 5, tie_order(30))


def test_wrong_shape_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="shape"):
        top_lists(np.zeros((2, 3), np.float32), 2, tie_order(4))


def test_a_constant_score_ranks_no_better_than_chance() -> None:
    ties = tie_order(1_000)
    first = top_lists(np.zeros((1, 1_000), np.float32), 1_000, ties)[0]
    assert abs(np.corrcoef(np.arange(1_000), first)[0, 1]) < 0.1  # not the order of ids


def test_tie_order_is_a_repeatable_permutation() -> None:
    assert np.array_equal(tie_order(50), tie_order(50))
    assert sorted(tie_order(50)) == list(range(50))


def test_ranks_count_from_one_and_end_beyond() -> None:
    lists = np.int32([[4, 2, -1], [2, 3, 0]])
    ranks = list_ranks(lists, np.array([0, 0, 1, 1]), np.int32([2, 3, 2, 0]))
    assert ranks.tolist() == [2, BEYOND, 1, 3]
