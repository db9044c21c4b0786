import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.model.repeat import (
    SLOW,
    Setting,
    empty_memory,
    features,
    newer,
    remember,
    remember_all,
    remembered,
)
from penchant.model.trend import LIFETIMES
from penchant.types import EventType

events = st.lists(
    st.tuples(st.integers(0, 9), st.floats(0, 50), st.sampled_from([2, 6])), min_size=1, max_size=60
)


def alone(now, events):
    nothing = np.zeros((1, len(LIFETIMES)), np.float32)
    return Setting(
        np.array([now]), np.array([float(events)]), np.ones((1, 3)), np.zeros(1, np.int64), nothing
    )


def columns(history):
    items = np.array([item for item, _, _ in history], np.int32)
    times = np.cumsum([gap * 86_400.0 for _, gap, _ in history])
    return items, np.array([kind for _, _, kind in history], np.int8), times


@given(events, st.integers(1, 12), st.sampled_from([0, 3, 2**24]))
@settings(max_examples=100, deadline=None)
def test_all_three_forms_of_the_memory_are_equal_to_the_bit(history, places, lowest) -> None:
    items, types, times = columns(history)
    items += lowest  # other bytes
    memory, kept = empty_memory(1, places), b""
    for t in range(len(items)):
        remember(memory, items[t : t + 1], types[t : t + 1], times[t : t + 1])
        kept = remembered(kept, int(items[t]), int(types[t]), float(times[t]), places)
    once = remember_all(items, types, times, places)
    assert once.tobytes() == kept == memory[0][: len(once)].tobytes()
    assert (memory["item"][0][len(once) :] == -1).all()


def test_a_memory_that_is_full_of_counts_stays_equal() -> None:
    often = 70_000
    items, types = np.zeros(often, np.int32), np.full(often, 6, np.int8)
    once = remember_all(items, types, np.zeros(often), 2)
    memory = empty_memory(1, 2)
    memory[0, 0] = once[0]
    remember(memory, items[:1], types[:1], np.array([3.0]))
    kept = remembered(once.tobytes(), 0, 6, 3.0, 2)
    assert kept == memory[0, :1].tobytes()
    assert memory[0, 0].tolist() == (0, 3, 0, 2048.0, 2048.0, 65_535, 15 * 16 + 6)


def test_features_of_a_short_entry_are_those_of_exact_numbers() -> None:
    times = np.array([0.2, 3.1, 3.6, 9.9]) * 86_400.0
    memory = remember_all(np.full(4, 5, np.int32), np.full(4, 6, np.int8), times, 4)
    seen = features(memory, alone(20 * 86_400.0, 4))[0]
    slow = np.exp((times - 20 * 86_400.0) / SLOW).sum()
    since = 10.1
    np.testing.assert_allclose(seen[[0, 4, 11]], [np.log(4), np.log(21) / 3, np.log(5)], rtol=1e-6)
    np.testing.assert_allclose(seen[2], np.log(slow + 0.01) / 2, rtol=2e-3)
    np.testing.assert_allclose(
        seen[[3, 5]], [np.log1p(since) / 2, np.log((since + 0.5) / (9 / 3 + 0.5))], rtol=1e-6
    )
    now = features(memory, alone(float(times[-1]) + 0.9, 4))[0]
    assert [seen[10], now[10]] == [0, 1]


def test_a_full_memory_forgets_the_least_wanted() -> None:
    items = np.array([1, 1, 2, 3], np.int32)
    memory = remember_all(items, np.full(4, 6, np.int8), np.arange(4.0), 2)
    assert memory["item"].tolist() == [1, 3]


def test_counts_decay_and_a_late_item_is_due() -> None:
    day = 86_400.0
    memory = remember_all(np.array([1, 1], np.int32), np.full(2, 6, np.int8), np.array([0.0, 7 * day]), 4)
    assert np.isclose(memory["slow"][0], 1 + np.exp(-7 * day / SLOW), rtol=1e-3)
    soon, late = (features(memory, alone(t * day, 2))[0] for t in (8, 40))
    assert soon[5] < 0 < late[5]


def test_an_entry_tells_its_last_kind_and_how_many_are_newer() -> None:
    items = np.array([1, 2, 1, 3], np.int32)
    codes = {kind: EventType(kind).code for kind in ("purchase", "view", "cart")}
    types = np.array([codes["purchase"], codes["view"], codes["cart"], codes["view"]], np.int8)
    memory = remember_all(items, types, np.array([0.0, 1.0, 2.0, 2.0]), 4)
    assert memory["item"].tolist() == [1, 2, 3]
    assert newer(memory[None])[0].tolist() == [0, 2, 0]
    fashion = np.zeros((3, len(LIFETIMES)), np.float32)
    at = Setting(np.full(3, 5.0), np.full(3, 4.0), np.ones((3, 3)), newer(memory[None])[0], fashion)
    seen = features(memory, at)
    assert seen[:, 15:18].tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 1]]
    assert seen[:, 19].tolist() == [1, 0, 1]
