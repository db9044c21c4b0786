"""Known and new things keep their shares of a list's head."""

import numpy as np
import pytest

from penchant.model.balance import Head, heads_of, known_share, level_for
from penchant.model.histories import histories_of
from penchant.model.scoring import Answers, ItemScores, score_blocks
from penchant.model.trend import LIFETIMES, TrendTable

RNG = np.random.default_rng(0)


def heads(shift: float = 0.0, count: int = 300) -> list[Head]:
    """The same moments each time; ``shift`` is on the known things."""
    rng = np.random.default_rng(1)
    return [
        Head(
            -np.sort(-rng.normal(1.0, 1.0, rng.integers(1, 11))).astype(np.float32) + np.float32(shift),
            -np.sort(-rng.normal(0.5, 1.0, 10)).astype(np.float32),
        )
        for _ in range(count)
    ]


def listed(head: Head, level: float) -> float:
    """Count by sorting everything: what the share must be."""
    scores = np.concatenate([head.known, head.new + level])
    places = min(10, len(scores))
    return float((np.argsort(-scores, kind="stable")[:places] < len(head.known)).mean())


@pytest.mark.parametrize("level", [-3.0, -0.4, 0.0, 0.7, 3.0])
def test_the_share_is_that_of_the_sorted_list(level: float) -> None:
    assert known_share(heads(), level) == pytest.approx(np.mean([listed(one, level) for one in heads()]))


@pytest.mark.parametrize("shift", [-2.0, -0.3, 0.0, 1.5])
def test_a_shift_of_one_side_is_found_and_undone(shift: float) -> None:
    moved = heads(shift)
    level = level_for(moved, known_share(heads()))
    assert level == pytest.approx(shift, abs=0.02)
    assert known_share(moved, level) == pytest.approx(known_share(heads()), abs=0.002)


def test_heads_are_the_best_of_all_that_is_known_and_all_that_is_new() -> None:
    rng = np.random.default_rng(2)
    data = histories_of([rng.integers(0, 40, rng.integers(1, 30)).tolist() for _ in range(20)])
    trend = TrendTable.of(data)
    counts = np.append(rng.integers(0, 12, 18), [34, 39])  # of 40: fewer than ten are new
    items = [np.sort(rng.choice(40, count, replace=False)).astype(np.int32) for count in counts]
    answers = Answers(
        rng.normal(size=(20, 4)).astype(np.float32),
        np.full(20, data.times.max() + 1),
        np.ones(20),
        np.append(0, np.cumsum(counts)),
        np.concatenate(items),
        rng.normal(size=counts.sum()).astype(np.float32),
    )
    scored = ItemScores(
        rng.normal(size=(40, 4)).astype(np.float32),
        rng.normal(size=40).astype(np.float32),
        np.full(len(LIFETIMES), 0.1, np.float32),
    )
    expected = []
    for part, scores in score_blocks(answers, scored, trend, 7):
        for row in range(part.start, part.stop):
            new = np.setdiff1d(np.arange(40), items[row])
            best = np.sort(scores[row - part.start, new])[::-1][:10]
            known = np.sort(answers.again[answers.of(row)])[::-1][:10]
            expected += [(known, best)] if len(known) else []
    found = heads_of(answers, scored, trend)
    assert len(found) == len(expected) > 10
    assert [len(head.new) for head in found[-2:]] == [6, 1]
    for head, (known, new) in zip(found, expected, strict=True):
        np.testing.assert_allclose(head.known, known, rtol=1e-5)
        np.testing.assert_allclose(head.new, new, rtol=1e-4, atol=1e-5)


def test_where_nobody_has_both_nothing_is_moved() -> None:
    assert level_for([], 0.3) == 0.0
    assert known_share([]) == 0.0


@pytest.mark.parametrize("known", [50.0, -50.0])
def test_where_all_known_things_are_listed_or_none_nothing_is_moved(known: float) -> None:
    some = [Head(np.full(3, known, np.float32), one.new) for one in heads()]
    assert level_for(some, known_share(some)) == pytest.approx(0.0, abs=1e-6)
