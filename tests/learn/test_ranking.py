import numpy as np
import pytest

from penchant.adapters.lightgbm_trees import grow, read
from penchant.errors import NotEnoughData, SnapshotRefused
from penchant.learn.ranking import Lists, judged

C = 12


def made(count, signal, seed=0, people=40):
    """Lists in which what is taken has the largest value of the first column, as far as there is a signal;
    the start scores are of no use."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((count * C, 4)).astype(np.float32)
    right = rng.integers(0, C, count)
    if signal:
        right = matrix[:, 0].reshape(count, C).argmax(1)
    taken = np.zeros((count, C), bool)
    taken[np.arange(count), right] = True
    return Lists(
        matrix,
        rng.standard_normal(count * C).astype(np.float32),
        taken.ravel(),
        np.arange(count + 1) * C,
        np.ones(count, np.int64),
        np.arange(count) % people,
        np.ones(count, np.float32),
        np.ones((count * C, 1), bool),
    )


def test_a_planted_signal_is_found_and_its_absence_too():
    verdict = judged(made(600, signal=True), grow, 60)
    assert verdict.trees > 0
    assert verdict.ranked > verdict.taste + 0.1
    nothing = judged(made(600, signal=False), grow, 60)
    assert nothing.trees == 0


def test_with_no_tree_the_order_is_that_of_taste():
    lists = made(200, signal=True)
    verdict = judged(lists, grow, 20)
    assert verdict.curve[0] == (0, pytest.approx(float(lists.ndcg(lists.start).mean())))


def test_too_few_lists_teach_nothing():
    with pytest.raises(NotEnoughData, match="100 lists"):
        judged(made(50, signal=True), grow, 20)


def test_ndcg_counts_what_is_no_candidate():
    lists = Lists(
        np.zeros((2, 1), np.float32),
        np.array([2.0, 1.0], np.float32),
        np.array([False, True]),
        np.array([0, 2]),
        np.array([2]),
        np.array([0]),
        np.ones(1, np.float32),
        np.ones((2, 1), bool),
    )
    ideal = 1 + 1 / np.log2(3)
    assert lists.ndcg(lists.start).tolist() == pytest.approx([(1 / np.log2(3)) / ideal])


def test_trees_come_back_from_their_text_and_broken_ones_do_not():
    lists = made(200, signal=True)
    trees = grow(lists, 20)
    again = read(trees.text())
    assert again.columns == 4
    np.testing.assert_array_equal(again.predict(lists.matrix), trees.predict(lists.matrix))
    assert again.gains().argmax() == 0
    for broken in ("", trees.text()[:500], "tree\nend of trees\n", "import os"):
        with pytest.raises(SnapshotRefused):
            read(broken)
