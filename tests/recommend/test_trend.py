"""The live trend of a shop is that of its log, however it came to be."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.model.histories import histories_of
from penchant.model.tokens import DAY
from penchant.model.trend import ONLY_FIRST
from penchant.recommend.popularity import Popularity
from penchant.recommend.trend import ShopTrend
from penchant.types import Event, EventType, Pseudonym

from .stores import Ids

ITEMS = 6
KINDS = (EventType.PURCHASE, EventType.CART, EventType.VIEW)
PEOPLE = [Pseudonym(f"p{n}") for n in range(4)]

logs = st.lists(
    st.lists(st.tuples(st.integers(0, ITEMS - 1), st.integers(0, 90)), max_size=10), min_size=4, max_size=4
)


def named() -> Ids:
    ids = Ids()
    ids.assign([f"i{row}" for row in range(ITEMS)])
    return ids


def kind_of(item: int, day: int) -> EventType:
    """Of any, as it falls out; the same whenever it is asked."""
    return KINDS[(item + int(day)) % len(KINDS)]


def bought(person: int, item: int, day: int) -> Event:
    kind = kind_of(item, day)
    return Event(user_id=PEOPLE[person], item_id=f"i{item}", type=kind, timestamp=day * DAY, event_id="e")


def begun(log) -> ShopTrend:
    people = [sorted(one, key=lambda event: event[1]) for one in log]
    times = np.array([day * DAY for one in people for _, day in one])
    types = np.array([kind_of(*event).code for one in people for event in one], np.int8)
    histories = replace(histories_of([[item for item, _ in one] for one in people]), times=times, types=types)
    return ShopTrend(histories, PEOPLE, named())


def as_it_came(log) -> list[Event]:
    flat = [(day, person, item) for person, one in enumerate(log) for item, day in one]
    return [bought(person, item, day) for day, person, item in sorted(flat, key=lambda event: event[0])]


def same(one: ShopTrend, other: ShopTrend) -> None:
    for now in (90.5 * DAY, 90.9 * DAY):
        np.testing.assert_allclose(one.live.features(now, ITEMS), other.live.features(now, ITEMS), atol=1e-4)


@given(logs, st.integers(0, 90))
@settings(max_examples=50, deadline=None)
def test_events_one_by_one_give_what_the_whole_log_gives(log, day) -> None:
    early = [[event for event in one if event[1] < day] for one in log]
    grown = begun(early)
    grown.add(event for event in as_it_came(log) if event.timestamp >= day * DAY)
    same(grown, begun(log))


@given(logs, st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_a_person_who_is_let_go_was_never_there_and_may_come_again(log, gone) -> None:
    log = [[*log[0], (0, 90)], *log[1:]]  # where the log is silent fashion stands still: here it is not
    trend, newcomers = begun(log), [one for n, one in enumerate(log) if n != gone]
    theirs = [event for event in as_it_came(log) if event.user_id == PEOPLE[gone]]
    trend.take_back(theirs)
    same(trend, begun([*newcomers, []]))
    trend.add(theirs)
    same(trend, begun(log))


def done(person: int, item: int, day: int, kind: EventType) -> Event:
    return Event(user_id=PEOPLE[person], item_id=f"i{item}", type=kind, timestamp=day * DAY, event_id="e")


def test_who_looked_before_the_start_and_bought_after_it_can_be_taken_back_whole() -> None:
    theirs = [done(0, 1, 3, EventType.VIEW), done(0, 1, 5, EventType.PURCHASE)]
    log = histories_of([[1], [1, 2]])  # another one takes the same item
    looked = replace(log, times=np.array([3.0, 90.0, 90.0]) * DAY, types=np.array([0, 6, 6], np.int8))
    trend = ShopTrend(looked, PEOPLE[:2], named())
    never = ShopTrend(looked.keep(np.array([False, True, True])), PEOPLE[:2], named())
    trend.add(theirs[1:])
    trend.take_back(theirs)
    same(trend, never)
    trend.take_back(theirs)  # of whom nothing counts any more
    same(trend, never)
    trend.add(theirs)  # as if for the first time
    never.add(theirs)
    same(trend, never)


@given(logs, st.integers(0, 90))
@settings(max_examples=30, deadline=None)
def test_people_are_counted_alike_live_and_at_once(log, day) -> None:
    early = [[event for event in one if event[1] < day] for one in log]
    grown, whole = begun(early), begun(log)
    grown.add(event for event in as_it_came(log) if event.timestamp >= day * DAY)
    rows = np.arange(ITEMS)
    np.testing.assert_allclose(
        grown.live.takers(rows, 91 * DAY), whole.live.takers(rows, 91 * DAY), atol=1e-6
    )


def test_lookers_are_people_too_where_nobody_does_more_and_fade() -> None:
    for kind in (EventType.VIEW, EventType.RATING, EventType.PURCHASE):
        types = np.full(6, kind.code, np.int8)
        log = replace(histories_of([[1, 1, 1], [1], [1], [2]]), times=np.zeros(6), types=types)
        live = ShopTrend(log, PEOPLE, named()).live
        np.testing.assert_allclose(live.takers(np.array([1, 2, 5]), 0.0), [3, 1, 0])
        np.testing.assert_allclose(live.takers(np.array([1]), DAY), 3 * np.exp(-1 / 60))


def test_after_years_people_are_counted_as_at_once() -> None:
    """Counts are scaled back now and then."""
    trend = begun([[]] * 4)
    for year in range(4):
        trend.add([done(0, year, 365 * year, EventType.PURCHASE), done(1, year, 365 * year, EventType.VIEW)])
    now = 3 * 365 * DAY
    usual = 1.05 / 2
    np.testing.assert_allclose(trend.live.takers(np.array([3]), now), 1.05 / usual, rtol=1e-3)


@pytest.mark.parametrize(("few", "many"), [(3, 100), (2, 5), (1, 1)])
def test_many_new_pairs_move_into_the_arrays(monkeypatch, few, many) -> None:
    monkeypatch.setattr("penchant.recommend.pairs.FEW", few)
    monkeypatch.setattr("penchant.recommend.pairs.MANY", many)
    log = [[(item, 2 * item + n) for item in range(ITEMS)] * 2 for n in range(4)]
    trend = begun([[]] * 4)
    for event in as_it_came(log):
        trend.add([event])
    same(trend, begun(log))


@given(logs, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_in_whatever_order_they_come_the_counts_are_the_same_but_for_which_time_is_a_pair_s_first(
    log, random
) -> None:
    shuffled = as_it_came(log)
    random.shuffle(shuffled)
    grown = begun([[], [], [], []])
    grown.add(shuffled)
    whole = begun(log)
    now = 90.5 * DAY
    every = [column for column, only in enumerate(ONLY_FIRST) if not only]
    found, expected = (one.live.features(now, ITEMS) for one in (grown, whole))
    np.testing.assert_allclose(found[:, every], expected[:, every], atol=1e-4)
    if all(len({item for item, _ in one}) == len(one) for one in log):
        same(grown, whole)


@given(st.lists(st.tuples(st.integers(0, ITEMS - 1), st.floats(0, 3_000)), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_popularity_is_the_same_in_whatever_order_events_come(events) -> None:
    """Years late too: counts are scaled back now and then."""
    found = []
    for order in (events, sorted(events, key=lambda event: event[1])):
        popularity = Popularity(7.0)
        for item, day in order:
            popularity.on_event(item, bought(0, item, day))
        found.append(popularity.scores(ITEMS))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-6)
