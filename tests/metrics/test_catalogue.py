"""Coverage, novelty, popular items."""

import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.metrics import coverage, list_means, popular_items, self_information


def test_coverage_counts_each_item_once_and_no_empty_place() -> None:
    lists = np.int32([[0, 1, 2], [1, -1, -1]])
    assert coverage(lists, 3, 10) == pytest.approx(0.3)
    assert coverage(lists, 1, 10) == pytest.approx(0.2)


def test_coverage_of_no_catalogue_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="at least one item"):
        coverage(np.int32([[0]]), 1, 0)


def test_rare_items_surprise_more_and_unseen_ones_most() -> None:
    bits = self_information(np.array([0, 1, 100]))
    assert bits[0] > bits[1] > bits[2] > 0
    assert np.sum(2.0**-bits) == pytest.approx(1.0)  # probabilities


def test_popular_items_by_hand_with_ties_by_order() -> None:
    counts = np.array([3, 3, 3, 0])
    assert popular_items(counts, 0.5, np.int32([2, 0, 1, 3])).tolist() == [False, True, True, False]
    assert popular_items(counts, 0.001, np.int32([2, 0, 1, 3])).sum() == 1


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_impossible_share_is_an_error(share: float) -> None:
    with pytest.raises(InvalidInput, match="share"):
        popular_items(np.array([1]), share, np.int32([0]))


def test_list_means_skip_empty_places() -> None:
    means = list_means(np.int32([[0, 2], [2, -1], [-1, -1]]), 2, np.array([1.0, 5.0, 2.0]))
    assert means[:2].tolist() == [1.5, 2.0]
    assert np.isnan(means[2])
