import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.model.repeat import SLOW, empty_memory, features, remember, remember_all

events = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50)), min_size=1, max_size=60)


def columns(history: list[tuple[int, int]]):
    items = np.array([item for item, _ in history], np.int32)
    times = np.cumsum([gap * 86_400.0 + 1 for _, gap in history])
    return items, np.full(len(items), 6, np.int8), times


@given(events, st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_reading_a_history_equals_stepping_through_it(history, places) -> None:
    items, types, times = columns(history)
    memory = empty_memory(1, places)
    for t in range(len(items)):
        remember(memory, items[t : t + 1], types[t : t + 1], times[t : t + 1])
    once = remember_all(items, types, times, places)
    stepped = memory[0][: len(once)]
    for name in once.dtype.names:
        np.testing.assert_allclose(once[name], stepped[name], rtol=1e-5)


def test_a_full_memory_forgets_the_least_wanted() -> None:
    items = np.array([1, 1, 2, 3], np.int32)
    memory = remember_all(items, np.full(4, 6, np.int8), np.arange(4.0), 2)
    assert memory["item"].tolist() == [1, 3]


def test_counts_decay_and_a_late_item_is_due() -> None:
    day = 86_400.0
    memory = remember_all(np.array([1, 1], np.int32), np.full(2, 6, np.int8), np.array([0.0, 7 * day]), 4)
    assert np.isclose(memory["slow"][0], 1 + np.exp(-7 * day / SLOW))
    soon, late = (features(memory, np.array([t * day]), np.array([2.0]), np.ones((1, 3)))[0] for t in (8, 40))
    assert soon[5] < 0 < late[5]
