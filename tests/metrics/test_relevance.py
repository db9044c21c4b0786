"""Relevance metrics, by hand and by brute force."""

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import InvalidInput
from penchant.metrics import BEYOND, relevance_metrics

baskets = st.lists(st.sets(st.integers(1, 40), min_size=1, max_size=8), min_size=1, max_size=6)


def flat(sets: list[set[int]]) -> tuple[np.ndarray, np.ndarray]:
    ranks = np.array([rank for one in sets for rank in sorted(one)])
    return ranks, np.repeat(np.arange(len(sets)), [len(one) for one in sets])


def test_by_hand() -> None:
    found = relevance_metrics(np.array([1, 4, BEYOND]), np.array([0, 0, 0]), 1, [1, 3, 5])
    ideal = 1 + 1 / log2(3) + 1 / log2(4)
    assert found["recall@5"][0] == pytest.approx(2 / 3)
    assert found["ndcg@5"][0] == pytest.approx((1 + 1 / log2(5)) / ideal)
    assert found["ndcg@3"][0] == pytest.approx(1 / ideal)
    assert found["ndcg@1"][0] == pytest.approx(1.0)  # the best possible list of one
    assert found["mrr@5"][0] == 1.0
    assert found["hit@1"][0] == 1.0


def test_reciprocal_rank_is_zero_beyond_the_cut() -> None:
    found = relevance_metrics(np.array([6]), np.array([0]), 1, [5, 10])
    assert (found["mrr@5"][0], found["mrr@10"][0]) == (0.0, pytest.approx(1 / 6))


def test_nothing_relevant_is_nan_not_zero() -> None:
    found = relevance_metrics(np.array([1]), np.array([1]), 2, [10])
    assert all(np.isnan(column[0]) and column[1] == 1 for column in found.values())


def test_rank_zero_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="count from 1"):
        relevance_metrics(np.array([0]), np.array([0]), 1, [10])


@given(sets=baskets, k=st.integers(1, 45))
def test_against_brute_force(sets: list[set[int]], k: int) -> None:
    found = relevance_metrics(*flat(sets), len(sets), [k])
    for row, ranks in enumerate(sets):
        inside = [rank for rank in ranks if rank <= k]
        ideal = sum(1 / log2(i + 1) for i in range(1, min(k, len(ranks)) + 1))
        assert found[f"recall@{k}"][row] == pytest.approx(len(inside) / len(ranks))
        assert found[f"ndcg@{k}"][row] == pytest.approx(sum(1 / log2(r + 1) for r in inside) / ideal)
        assert found[f"mrr@{k}"][row] == pytest.approx(1 / min(inside) if inside else 0)
        assert found[f"hit@{k}"][row] == bool(inside)


@given(sets=baskets)
def test_within_bounds_and_growing_with_the_list(sets: list[set[int]]) -> None:
    found = relevance_metrics(*flat(sets), len(sets), [1, 5, 10, 20])
    for column in found.values():
        assert ((column >= 0) & (column <= 1 + 1e-12)).all()
    for name in ("recall", "mrr", "hit"):
        assert (np.diff(np.stack([found[f"{name}@{k}"] for k in (1, 5, 10, 20)]), axis=0) >= 0).all()


@given(sets=baskets)
def test_moving_an_item_up_never_lowers_ndcg(sets: list[set[int]]) -> None:
    ranks, owner = flat(sets)
    better = ranks.copy()
    better[0] = max(1, better[0] - 1)
    if better[0] in set(ranks[1:][owner[1:] == 0]):
        return
    before = relevance_metrics(ranks, owner, len(sets), [10])["ndcg@10"]
    after = relevance_metrics(better, owner, len(sets), [10])["ndcg@10"]
    assert after[0] >= before[0]
