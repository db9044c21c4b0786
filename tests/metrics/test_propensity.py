"""Metrics that count rare items for more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import InvalidInput
from penchant.metrics import debiased_metrics, propensities, relevance_metrics


def mean(values, weights, name):
    return np.nansum(values[name] * weights[name]) / weights[name].sum()


def test_by_hand() -> None:
    ranks, owner = np.array([1, 3, 99, 2]), np.array([0, 0, 1, 2])
    chances = np.array([4.0, 1.0, 2.0, 1.0])  # weights 1/4, 1, 1/2, 1
    values, weights = debiased_metrics(ranks, owner, 3, [1, 10], chances)
    assert values["ips-recall@1"].tolist() == [0.2, 0, 0]
    assert weights["ips-recall@1"].tolist() == [1.25, 0.5, 1]
    best = 1 + 0.25 / np.log2(3)  # the rare one first
    assert weights["ips-ndcg@10"] == pytest.approx([best, 0.5, 1])
    assert weights["ips-ndcg@1"] == pytest.approx([1, 0.5, 1])
    assert values["ips-ndcg@10"] == pytest.approx([(0.25 + 1 / 2) / best, 0, 1 / np.log2(3)])
    assert mean(values, weights, "ips-recall@10") == pytest.approx(2.25 / 2.75)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_equal_chances_and_single_answers_are_the_plain_metrics(ranks: list[int]) -> None:
    found, owner = np.array(ranks), np.arange(len(ranks))
    values, weights = debiased_metrics(found, owner, len(ranks), [5, 10], np.full(len(ranks), 3.0))
    plain = relevance_metrics(found, owner, len(ranks), [5, 10])
    for name in ("recall@5", "ndcg@5", "recall@10", "ndcg@10"):
        assert values[f"ips-{name}"] == pytest.approx(plain[name])
        assert mean(values, weights, f"ips-{name}") == pytest.approx(plain[name].mean())


def test_the_best_order_of_a_basket_is_one() -> None:
    values, _ = debiased_metrics(np.array([3, 1, 2]), np.zeros(3, int), 1, [10], np.array([9.0, 1.0, 4.0]))
    assert values["ips-ndcg@10"].tolist() == pytest.approx([1.0])


def test_hits_on_popular_items_count_less_than_hits_on_rare_ones() -> None:
    chances = propensities(np.array([99, 0]))
    popular, weights = debiased_metrics(np.array([1, 99]), np.arange(2), 2, [10], chances)
    rare, _ = debiased_metrics(np.array([99, 1]), np.arange(2), 2, [10], chances)
    assert mean(popular, weights, "ips-recall@10") == pytest.approx(1 / 11)
    assert mean(rare, weights, "ips-recall@10") == pytest.approx(10 / 11)


def test_a_list_without_answers_has_no_value_and_no_weight() -> None:
    values, weights = debiased_metrics(np.array([1]), np.array([1]), 2, [10], np.ones(1))
    assert np.isnan(values["ips-ndcg@10"][0])
    assert weights["ips-ndcg@10"].tolist() == [0, 1]


def test_an_item_without_a_chance_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="above 0"):
        debiased_metrics(np.array([1]), np.array([0]), 1, [10], np.zeros(1))
