from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.model.histories import Histories, histories_of
from penchant.model.tokens import DAY
from penchant.model.trend import LIFETIMES, MILLE, ONLY_FIRST, PRIOR, LiveTrend, TrendTable
from penchant.model.worth import WORTH
from penchant.types import EVENT_TYPES, EventType

KINDS = (EventType.PURCHASE, EventType.CART, EventType.VIEW)

logs = st.lists(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 400), st.sampled_from(KINDS)), min_size=1, max_size=15
    ),
    min_size=1,
    max_size=4,
)


def taken(log: list[list[tuple[int, int, EventType]]]) -> Histories:
    """Each person's (item, half day, type) in order of time."""
    people = [sorted(one, key=lambda event: event[1]) for one in log]
    times = np.array([at * DAY / 2 for one in people for _, at, _ in one])
    types = np.array([kind.code for one in people for _, _, kind in one], np.int8)
    return replace(histories_of([[item for item, _, _ in one] for one in people]), times=times, types=types)


def worth(data: Histories) -> list[float]:
    """Of each event."""
    return [WORTH[EVENT_TYPES[code]] for code in data.types.tolist()]


def counted(data: Histories, now: float, items: int) -> np.ndarray:
    """By the definition, one event at a time: (items, lifetimes)."""
    totals, said = np.zeros((items, len(LIFETIMES))), worth(data)
    for person in range(data.people):
        known: dict[int, float] = {}
        for event in range(data.offsets[person], data.offsets[person + 1]):
            item = int(data.items[event])
            if data.times[event] < now:
                age = (now - data.times[event]) / DAY
                more = max(0.0, said[event] - known.get(item, 0.0))
                totals[item] += [
                    np.exp(-age / life) * (more if only else said[event])
                    for life, only in zip(LIFETIMES, ONLY_FIRST, strict=True)
                ]
                known[item] = known.get(item, 0.0) + more
    return np.log((totals + PRIOR) / (totals.sum(0) / MILLE + PRIOR))


def as_they_came(data: Histories) -> list[tuple[int, float, tuple[float, float]]]:
    """Item, time and what is told of all events in order of time."""
    order, said = np.argsort(data.times, kind="stable"), worth(data)
    owner, known, found = data.person_of_event(), {}, []
    for event in order.tolist():
        pair = owner[event], int(data.items[event])
        before = known.get(pair, 0.0)
        known[pair] = max(before, said[event])
        found.append((pair[1], float(data.times[event]), (said[event], known[pair] - before)))
    return found


@given(logs, st.integers(0, 500))
@settings(max_examples=60, deadline=None)
def test_any_item_at_any_moment_is_what_a_plain_count_says(log, at) -> None:
    data = taken(log)
    now, table = at * DAY / 2 + 1.0, TrendTable.of(data)
    found = table.features(np.arange(7), np.full(7, now))
    np.testing.assert_allclose(found, counted(data, now, 7), atol=1e-4)


@given(logs, st.lists(st.integers(0, 500), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_going_through_moments_equals_asking_for_each(log, at) -> None:
    table, moments = TrendTable.of(taken(log)), np.array(at) * DAY / 2 + 1.0
    asked = []
    for places, seen in table.moments(moments, 7):
        asked += places.tolist()
        (moment,) = set(moments[places].tolist())
        np.testing.assert_allclose(seen, table.features(np.arange(7), np.full(7, moment)), atol=1e-4)
    assert sorted(asked) == list(range(len(at)))


@given(logs, st.integers(0, 23))
@settings(max_examples=60, deadline=None)
def test_a_live_count_equals_one_of_the_whole_log(log, after) -> None:
    data = taken(log)
    half = float(np.median(data.times))
    live = LiveTrend.of(data.before(half))
    for item, time, told in as_they_came(data):
        if time >= half:
            live.on_event(item, time, told)
    now = float(data.times.max()) + after * DAY / 24 + 1.0
    asked = TrendTable.of(data).features(np.arange(7), np.full(7, now))
    np.testing.assert_allclose(live.features(now, 7), asked, atol=1e-4)


def test_counts_survive_decades_of_events() -> None:
    live = LiveTrend()
    for year in range(60):
        live.on_event(0, year * 365.0 * DAY, (1.0, float(year == 0)))
    once = np.log((1 + PRIOR) / (1 / MILLE + PRIOR))
    assert np.isclose(live.features(59 * 365.0 * DAY, 1)[0, 0], once, atol=1e-4)


def test_a_season_in_which_all_is_sold_twice_as_often_lifts_nothing() -> None:
    quiet = [[item for item in range(8) for _ in range(500)]]
    calm, busy = (TrendTable.of(histories_of(quiet * often, gap=1.0)) for often in (1, 2))
    now = np.full(8, 1e4)
    found = [table.features(np.arange(8), now)[:, :2] for table in (busy, calm)]
    np.testing.assert_allclose(*found, atol=0.05)


def test_where_the_log_is_silent_fashion_stands_still() -> None:
    live = LiveTrend.of(histories_of([[1]]))
    np.testing.assert_array_equal(live.features(DAY, 2), live.features(9 * 365 * DAY, 2))
    assert np.isfinite(live.features(-9 * 365 * DAY, 2)).all()


def test_what_was_counted_can_be_taken_back() -> None:
    live, once = LiveTrend.of(histories_of([[1, 1], [2, 1]])), LiveTrend.of(histories_of([[2, 1]]))
    live.on_event(1, 0.0, times=-1.0)
    live.on_event(1, DAY, (1.0, 0.0), times=-1.0)
    np.testing.assert_allclose(live.features(DAY, 3), once.features(DAY, 3), atol=1e-6)


def test_a_grid_of_items_and_moments_says_what_each_pair_says(rng) -> None:
    items = rng.integers(0, 6, 60).astype(np.int32)
    times = np.sort(rng.uniform(0, 90 * DAY, 60))
    table = TrendTable(items, times, np.stack([np.ones(60), rng.random(60) < 0.5], axis=1))
    rows, moments = np.arange(8), np.concatenate([[0.0, 200 * DAY], times[::7]])
    grid = table.features(rows[:, None], moments)
    assert grid.shape == (8, len(moments), len(LIFETIMES))
    for row in rows:
        for column, moment in enumerate(moments):
            pair = table.features(np.array([row]), np.array([moment]))[0]
            np.testing.assert_allclose(grid[row, column], pair, rtol=1e-6)
    nothing = np.log(PRIOR / (table.totals(moments) / MILLE + PRIOR))
    np.testing.assert_allclose(grid[7], nothing, rtol=1e-4, atol=1e-5)


def test_the_only_event_is_not_known_when_it_comes() -> None:
    table = TrendTable(np.array([4], np.int32), np.array([5.0]), np.ones((1, 2)))
    assert table.features(np.array([4]), np.array([5.0]))[0] == pytest.approx(0.0, abs=1e-5)
