import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.errors import InvalidInput
from penchant.model.entries import (
    BACK,
    BOUGHT,
    CHOSEN,
    COUNT,
    LOOKED,
    MOST_ITEMS,
    UNIT,
    ago,
    bought_of,
    check_items,
    count_of,
    fast_of,
    items_of,
    kind_of,
    slow_of,
    units,
)
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
from penchant.model.tokens import DAY
from penchant.model.trend import LIFETIMES
from penchant.types import EventType

BUY, VIEW, CART = (EventType(kind).code for kind in ("purchase", "view", "cart"))

events = st.lists(
    st.tuples(st.integers(0, 9), st.floats(0, 50), st.sampled_from([BUY, VIEW])), min_size=1, max_size=60
)


def alone(now, events):
    nothing, none = np.zeros((1, len(LIFETIMES)), np.float32), np.zeros(1, np.int64)
    return Setting(np.array([now]), np.array([float(events)]), np.ones((1, 3)), none, nothing)


def columns(history):
    items = np.array([item for item, _, _ in history], np.int32)
    times = np.cumsum([gap * DAY for _, gap, _ in history])
    return items, np.array([kind for _, _, kind in history], np.int8), times


@given(events, st.integers(1, 12), st.sampled_from([0, 3, MOST_ITEMS - 10]), st.sampled_from([0.0, 1.7e9]))
@settings(max_examples=100, deadline=None)
def test_all_three_forms_of_the_memory_are_equal_to_the_bit(history, places, lowest, start) -> None:
    items, types, times = columns(history)
    items, times = items + np.int32(lowest), times + start  # other bytes
    memory, kept = empty_memory(1, places), b""
    for t in range(len(items)):
        remember(memory, items[t : t + 1], types[t : t + 1], times[t : t + 1])
        kept = remembered(kept, int(items[t]), int(types[t]), float(times[t]), places)
    once = remember_all(items, types, times, places)
    free = places - len(once)
    assert once.tobytes() == kept == memory[0, free:].tobytes()
    assert (items_of(memory[0, :free]) == -1).all()
    assert (items_of(once)[-1:] == items[-1:]).all()


def test_counts_stop_at_the_greatest_that_an_entry_holds() -> None:
    often = 300
    items, types = np.zeros(often, np.int32), np.full(often, BUY, np.int8)
    once = remember_all(items, types, np.zeros(often), 2)
    memory = empty_memory(1, 2)
    memory[0, 1] = once[0]
    remember(memory, items[:1], types[:1], np.array([3.0]))
    kept = remembered(once.tobytes(), 0, BUY, 3.0, 2)
    assert kept == memory[0, 1:].tobytes() == once.tobytes()
    assert (count_of(once)[0], bought_of(once)[0]) == (COUNT, BOUGHT)
    assert (slow_of(once)[0], fast_of(once)[0]) == (32.0, 15.0)


def test_a_decayed_count_is_kept_to_a_thirtysecond() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        times = np.sort(rng.uniform(0, 400, 12)) * DAY
        entry = remember_all(np.full(12, 5, np.int32), np.full(12, BUY, np.int8), times, 4)
        exact = np.exp((times - times[-1]) / (SLOW * UNIT)).sum()
        assert slow_of(entry)[0] == pytest.approx(exact, rel=0.07)


def test_times_go_round_and_may_run_back() -> None:
    late = 40 * 365 * DAY
    entry = remember_all(np.array([3], np.int32), np.array([BUY], np.int8), np.array([late]), 4)
    for passed in (0.0, 10.0, 365.0, 16 * 365.0):
        since = ago(entry, units(np.array([late + passed * DAY])))[0] * UNIT / DAY
        assert since == pytest.approx(passed, abs=0.01)
    assert ago(entry, units(np.array([late - (BACK - 2) * UNIT])))[0] == 0


def test_a_history_longer_than_ages_go_is_read_as_it_is_stepped() -> None:
    items, types = np.array([1, 2, 3], np.int32), np.full(3, BUY, np.int8)
    times = np.array([0.0, 16.0, 18.0]) * 365 * DAY
    kept = b""
    for item, time in zip(items.tolist(), times.tolist(), strict=True):
        kept = remembered(kept, item, BUY, time, 2)
    assert remember_all(items, types, times, 2).tobytes() == kept


def test_features_of_an_entry_are_those_of_exact_numbers() -> None:
    times = np.array([0.2, 3.1, 3.6, 9.9]) * DAY
    memory = remember_all(np.full(4, 5, np.int32), np.full(4, BUY, np.int8), times, 4)
    seen = features(memory, alone(20 * DAY, 4))[0]
    slow = np.exp((times - 20 * DAY) / (SLOW * UNIT)).sum()
    np.testing.assert_allclose(seen[[0, 11]], [np.log(4), np.log(5)], rtol=1e-6)
    np.testing.assert_allclose(seen[1], np.log(slow + 0.01) / 2, atol=0.03)
    np.testing.assert_allclose(
        seen[[3, 4, 5]], [np.log1p(10.1) / 2, np.log(10.1) / 4, np.log1p(19.1) / 3], atol=1e-3
    )
    assert seen[6] == pytest.approx(np.log(10.6 / (9 / 3 + 0.5)), abs=1e-3)


def test_a_full_memory_forgets_the_least_wanted() -> None:
    items = np.array([1, 1, 2, 3], np.int32)
    memory = remember_all(items, np.full(4, BUY, np.int8), np.arange(4.0), 2)
    assert items_of(memory).tolist() == [1, 3]


def test_counts_decay() -> None:
    memory = remember_all(np.array([1, 1], np.int32), np.full(2, BUY, np.int8), np.array([0.0, 60 * DAY]), 4)
    assert slow_of(memory)[0] == pytest.approx(1 + np.exp(-0.5), abs=0.04)


def test_an_entry_tells_its_last_kind_and_how_many_are_newer() -> None:
    items = np.array([1, 2, 1, 3], np.int32)
    types = np.array([BUY, VIEW, CART, VIEW], np.int8)
    memory = remember_all(items, types, UNIT * np.array([0.0, 1.0, 2.0, 2.0]), 4)
    assert items_of(memory).tolist() == [2, 1, 3]
    assert newer(memory[None])[0].tolist() == [2, 1, 0]
    assert kind_of(memory).tolist() == [LOOKED, CHOSEN, LOOKED]
    fashion = np.zeros((3, len(LIFETIMES)), np.float32)
    at = Setting(np.full(3, 5.0), np.full(3, 4.0), np.ones((3, 3)), newer(memory[None])[0], fashion)
    seen = features(memory, at)
    assert seen[:, 15:18].tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 1]]
    assert seen[:, 19].tolist() == [0, 0, 1]


def test_what_is_in_one_basket_is_equally_new() -> None:
    times = UNIT * np.array([0.0, 5.0, 5.0, 5.0])
    memory = remember_all(np.arange(4, dtype=np.int32), np.full(4, BUY, np.int8), times, 4)
    assert newer(memory[None])[0].tolist() == [3, 0, 0, 0]


def test_more_items_than_an_entry_can_name_are_refused() -> None:
    check_items(MOST_ITEMS)
    with pytest.raises(InvalidInput, match="16,777,217 rows"):
        check_items(MOST_ITEMS + 1)
