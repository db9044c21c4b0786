"""Levels of pairs are those of a dict, wherever each of them lies."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.recommend import pairs as module
from penchant.recommend.pairs import PairLevels

few = st.integers(0, 12).map(lambda n: n * (2**64 // 13))
steps = st.lists(
    st.tuples(st.booleans(), st.lists(st.tuples(few, st.integers(1, 5)), max_size=6)), max_size=12
)


def of(given) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in given], np.uint64), np.array([n for _, n in given], np.int8)


@given(st.lists(st.tuples(few, st.integers(1, 5)), max_size=8), steps, st.integers(1, 4), st.integers(1, 6))
@settings(max_examples=200, deadline=None)
def test_it_is_a_dict(begun, steps, new, young) -> None:
    with patch.object(module, "FEW", new), patch.object(module, "MANY", young):
        held, expected = PairLevels(*of(begun)), dict[int, int]()
        for pair, level in begun:
            expected[pair] = max(level, expected.get(pair, 0))
        for goes, some in steps:
            if goes:
                held.drop(of(some)[0])
                for pair, _ in some:
                    expected.pop(pair, None)
            else:
                risen = []
                for pair, level in some:
                    expected[pair] = max(level, expected.get(pair, 0))
                    risen.append((pair, expected[pair]))
                held.rise(*of(risen))
            every = np.array([n * (2**64 // 13) for n in range(13)], np.uint64)
            assert held.of(every).tolist() == [expected.get(int(pair), 0) for pair in every]


@pytest.mark.parametrize("count", [0, 1, 5_000, 150_000])
def test_each_takes_nine_bytes(count) -> None:
    held = PairLevels(*of([]))
    drawn = np.random.default_rng(0).integers(0, 2**63, count, dtype=np.uint64)
    for begin in range(0, count, 500):
        part = drawn[begin : begin + 500]
        held.rise(part, np.ones(len(part), np.int8))
    assert (held.of(drawn) == 1).all()
    assert len(held._new) < module.FEW
    assert sum(one.nbytes for part in (held._old, held._young) for one in part) <= 9 * count
