"""Known and new things keep their shares of a list's head."""

import numpy as np
import pytest

from penchant.model.balance import Head, known_share, level_for

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


def test_where_nobody_has_both_nothing_is_moved() -> None:
    assert level_for([], 0.3) == 0.0
    assert known_share([]) == 0.0


@pytest.mark.parametrize("known", [50.0, -50.0])
def test_where_all_known_things_are_listed_or_none_nothing_is_moved(known: float) -> None:
    some = [Head(np.full(3, known, np.float32), one.new) for one in heads()]
    assert level_for(some, known_share(some)) == pytest.approx(0.0, abs=1e-6)
