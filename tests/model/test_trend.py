import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.model.tokens import DAY
from penchant.model.trend import LIFETIMES, PRIOR, LiveTrend, TrendTable

logs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 400)), min_size=1, max_size=40)


def columns(log: list[tuple[int, int]]):
    return np.array([item for item, _ in log], np.int32), np.array([at * DAY / 2 for _, at in log])


def counted(items, times, item: int, now: float) -> list[float]:
    """By the definition, one event at a time."""
    ages = (now - times[(items == item) & (times < now)]) / DAY
    return [float(np.log(np.exp(-ages / life).sum() + PRIOR)) for life in LIFETIMES]


@given(logs, st.integers(0, 500))
@settings(max_examples=60, deadline=None)
def test_any_item_at_any_moment_is_what_a_plain_count_says(log, at) -> None:
    items, times = columns(log)
    now, table = at * DAY / 2 + 1.0, TrendTable(items, times)
    found = table.features(np.arange(7), np.full(7, now))
    np.testing.assert_allclose(found, [counted(items, times, item, now) for item in range(7)], atol=1e-4)


@given(logs, st.lists(st.integers(0, 500), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_going_through_moments_equals_asking_for_each(log, at) -> None:
    items, times = columns(log)
    table, moments = TrendTable(items, times), np.array(at) * DAY / 2 + 1.0
    for place, seen in table.moments(moments, 7):
        np.testing.assert_allclose(seen, table.features(np.arange(7), np.full(7, moments[place])), atol=1e-4)


@given(logs, st.integers(0, 23))
@settings(max_examples=60, deadline=None)
def test_a_live_count_equals_one_of_the_whole_log(log, after) -> None:
    items, times = columns(sorted(log, key=lambda one: one[1]))
    half = len(items) // 2
    live = LiveTrend(items[:half], times[:half])
    for item, time in zip(items[half:].tolist(), times[half:].tolist(), strict=True):
        live.on_event(item, time)
    now = float(times.max()) + after * DAY / 24 + 1.0
    asked = TrendTable(items, times).features(np.arange(7), np.full(7, now))
    np.testing.assert_allclose(live.features(now, 7), asked, atol=1e-4)


def test_counts_survive_decades_of_events() -> None:
    live = LiveTrend()
    for year in range(60):
        live.on_event(0, year * 365.0 * DAY)
    assert np.isclose(live.features(59 * 365.0 * DAY, 1)[0, 0], np.log(1 + PRIOR), atol=1e-4)


def test_where_the_log_is_silent_fashion_stands_still() -> None:
    live = LiveTrend(np.array([1], np.int32), np.array([0.0]))
    np.testing.assert_array_equal(live.features(DAY, 2), live.features(9 * 365 * DAY, 2))
    assert np.isfinite(live.features(-9 * 365 * DAY, 2)).all()


def test_what_was_counted_can_be_taken_back() -> None:
    live = LiveTrend(np.array([1, 1], np.int32), np.array([0.0, DAY]))
    live.on_event(1, 0.0, -1.0)
    once = LiveTrend(np.array([1], np.int32), np.array([DAY]))
    np.testing.assert_allclose(live.features(DAY, 2), once.features(DAY, 2), atol=1e-6)
