import pytest

from penchant.errors import InvalidInput
from penchant.taste.disregarded import (
    LONGEST,
    CountedHistories,
    Disregarded,
    Present,
    left_out_positions,
    positions_of,
)
from penchant.types import Event, EventType, Logged


def entry(position, at, session=None):
    event = Event(
        user_id="p",
        type=EventType.VIEW,
        timestamp=at,
        item_id="a",
        event_id=f"e{position}",
        session_id=session,
    )
    return Logged(position, event)


class Log:
    def __init__(self, entries):
        self.entries = entries

    def of_user(self, person, last=None):
        return self.entries if person == "p" else []


HISTORY = [entry(1, 10.0), entry(2, 99.0), entry(3, 25.0, "s"), entry(4, 26.0, "t"), entry(5, 41.0, "s")]


def left(disregarded, entries=HISTORY):
    return [one.position for one in disregarded.counted(entries)]


def test_a_present_holds_what_came_and_happened_in_it():
    """What was in the log before it, was done before it, or after it, counts, however late it came."""
    present = Present(start=20.0, after=2, end=40.0)
    out = Disregarded(presents=(present,))
    assert left(out) == [1, 2, 5]
    late = [entry(6, 39.0), entry(7, 19.0)]
    assert left(out, late) == [7]


def test_a_present_of_a_session_is_that_session_alone():
    out = Disregarded(presents=(Present(start=20.0, after=3, end=40.0, session_id="s"),))
    assert left(out) == [1, 2, 3, 4]


def test_it_ends_by_itself():
    begun = Disregarded().begin(Present(start=20.0, after=0))
    assert begun.under_way(20.0 + LONGEST - 1) is not None
    assert begun.under_way(20.0 + LONGEST) is None
    assert begun.under_way(19.0) is None
    assert left(begun, [entry(9, 20.0 + LONGEST)]) == [9]


def test_another_one_begins_where_the_first_ends():
    twice = Disregarded().begin(Present(start=20.0, after=0)).begin(Present(start=30.0, after=4))
    assert [one.until for one in twice.presents] == [30.0, 30.0 + LONGEST]
    assert twice.end(35.0).under_way(36.0) is None
    assert twice.end(35.0).end(50.0) == twice.end(35.0)


def test_what_is_forgotten_can_be_remembered_and_so_can_what_was_no_present():
    out = Disregarded(presents=(Present(start=20.0, after=2, end=40.0),)).forget([1, 3])
    assert left(out) == [2, 5]
    assert left(out.remember([HISTORY[0]])) == [1, 2, 5]
    assert left(out.remember([HISTORY[2], HISTORY[3]])) == [2, 3, 4, 5]
    assert left(out.remember([HISTORY[2]]).forget([3])) == [2, 5]
    with pytest.raises(InvalidInput, match="2000"):
        out.forget(range(3_000))


def test_within_a_present_its_own_count_and_forgotten_ones_do_not():
    present = Present(start=20.0, after=2)
    out = Disregarded(forgotten=(1, 4), presents=(present,))
    assert [one.position for one in out.within(present, HISTORY)] == [2, 3, 5]


def test_histories_are_without_what_does_not_count():
    out = Disregarded(forgotten=(2,), presents=(Present(start=20.0, after=2, end=30.0),))
    now = 29.0
    log = CountedHistories(Log(HISTORY), {"p": out}.get, lambda: now)
    assert [one.position for one in log.of_user("p")] == [1, 5]
    assert [one.position for one in log.of_user("p", 1)] == [5]
    assert [one.position for one in log.during_present("p")] == [1, 3, 4, 5]
    now = 30.0
    assert log.during_present("p") is None
    assert left_out_positions(Log(HISTORY), {"p": out}).tolist() == [2, 3, 4]


def test_only_events_of_the_persons_own_can_be_named():
    assert positions_of(["e3"], HISTORY) == [HISTORY[2]]
    with pytest.raises(InvalidInput, match="somebody"):
        positions_of(["e3", "somebody-elses"], HISTORY)
