"""Two rankers in one list."""

from random import Random

import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.metrics.interleaving import preference
from penchant.recommend.interleave import team_draft

FIRST, SECOND = list("abcdefgh"), list("hgfaxyzb")


def test_both_bring_as_many_and_nothing_is_shown_twice() -> None:
    for seed in range(50):
        shown, teams = team_draft(FIRST, SECOND, 8, Random(seed))
        assert len(set(shown)) == 8
        assert teams.count(0) == teams.count(1) == 4
        for team, ranking in enumerate((FIRST, SECOND)):
            mine = [ranking.index(item) for item, owner in zip(shown, teams, strict=True) if owner == team]
            assert mine == sorted(mine)


def test_the_best_place_goes_to_either_as_often() -> None:
    first = [team_draft(FIRST, SECOND, 2, Random(seed))[1][0] for seed in range(400)]
    assert 0.42 < np.mean(first) < 0.58


def test_who_has_run_out_leaves_the_rest_to_the_other() -> None:
    shown, teams = team_draft(["a"], ["b", "c", "d"], 9, Random(0))
    assert sorted(shown) == list("abcd")
    assert teams.count(1) == 3
    assert team_draft([], [], 3, Random(0)) == ([], [])


def taken(seed: int, liking: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(300), rng.integers(1, 9, 300))
    return (rng.random(len(people)) < liking).astype(int), people


def test_a_preference_is_found_and_none_is_not() -> None:
    assert preference(*taken(0, 0.65)).interval.low > 0
    called = [preference(*taken(seed, 0.5)).interval for seed in range(200)]
    assert np.mean([one.low > 0 or one.high < 0 for one in called]) <= 0.03


def test_a_person_counts_once() -> None:
    teams = np.array([1] * 100 + [0, 0, 0])
    found = preference(teams, np.array([0] * 100 + [1, 2, 3]))
    assert found.interval.value == pytest.approx(-0.5)
    assert (found.first, found.second, found.people) == (3, 100, 4)


def test_few_people_say_nothing() -> None:
    assert preference(np.array([1, 1]), np.array([4, 4])).interval[1:] == (-1.0, 1.0)
    assert preference(np.array([1, 1, 1]), np.array([1, 2, 3])).interval.low == -1.0
    with pytest.raises(InvalidInput):
        preference(np.array([2]), np.array([0]))
