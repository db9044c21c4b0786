import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penchant.events.identity import OccurrenceCounter, give_ids
from penchant.types import Event, EventType


def event(item="a", **changes):
    return Event(user_id="p", type=EventType.VIEW, timestamp=5.0, item_id=item, **changes)


@given(st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=20), st.sampled_from([1, 3, 100]))
def test_occurrences_count_across_chunks_and_spills(chunks, spill):
    counter, seen = OccurrenceCounter(spill=spill), dict.fromkeys(range(10), 0)
    for chunk in chunks:
        expected = []
        for key in chunk:
            expected.append(seen[key])
            seen[key] += 1
        assert counter.number(np.array(chunk, dtype=np.uint64)).tolist() == expected


def test_a_repeat_stays_two_and_a_repeated_import_stays_one():
    first, second = [event(), event("b"), event()], [event(), event("b"), event()]
    give_ids(first, OccurrenceCounter())
    give_ids(second, OccurrenceCounter())
    ids = [e.event_id for e in first]
    assert len(set(ids)) == 3
    assert ids == [e.event_id for e in second]


def test_with_a_sequence_what_is_the_same_is_one_event_wherever_it_comes():
    events = [event(sequence=0), event(), event(sequence=0), event(sequence=1), event(), event(sequence=1)]
    give_ids(events, OccurrenceCounter())
    ids = [e.event_id for e in events]
    assert ids[0] == ids[2]
    assert ids[3] == ids[5]
    assert len(set(ids)) == 4, "without one a repeat stays two"


def test_given_ids_are_kept_and_not_counted():
    events = [event(event_id="mine"), event()]
    give_ids(events, OccurrenceCounter())
    assert events[0].event_id == "mine"
    assert events[1].event_id
    assert "-" not in events[1].event_id


def test_content_makes_the_id():
    changed = [
        event(),
        event(price=1.0),
        event(context={"x": 1}),
        event(context={"x": "1"}),
        event(sequence=1),
    ]
    give_ids(changed, OccurrenceCounter())
    assert len({e.event_id for e in changed}) == len(changed)
    one, other = event(context={"a": 1, "b": 2}), event(context={"b": 2, "a": 1})
    give_ids([one], OccurrenceCounter())
    give_ids([other], OccurrenceCounter())
    assert one.event_id == other.event_id
    assert msgspec.structs.asdict(one)["event_id"]
