from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recommend.stores import DAY, House

from penchant.errors import InvalidInput
from penchant.privacy.consent import Consent
from penchant.privacy.erasure import Erasable
from penchant.taste.memory import COMPANY
from penchant.taste.state import WINDOW
from penchant.taste.tokens import TokenMaker
from penchant.testing.planted import PlantedModel
from penchant.types import Event as Shown
from penchant.types import EventType, Logged

EYE = np.eye(6, dtype=np.float32)


@pytest.fixture
def house():
    return House(EYE)


def state(house, person="p"):
    return house.tracker.read(person).state


def anew(house, person="p"):
    """The state that a fresh process would read from the log."""
    house.tracker.forget(person)
    return state(house, person)


def same(one, other):
    np.testing.assert_allclose(one.total, other.total, atol=1e-5)
    assert one.time == other.time


event = st.tuples(
    st.integers(0, 5),
    st.sampled_from(
        [EventType.VIEW, EventType.CLICK, EventType.PURCHASE, EventType.MESSAGE, EventType.SEARCH]
    ),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.sampled_from([None, 0, 1, 2]),
    st.sampled_from([None, "s1", "s2"]),
)


@st.composite
def arrivals(draw):
    """Events of one person as they come in, some or all of them late, and after which of them one asks."""
    events, moment, size = [], 0.0, draw(st.integers(1, 3 * WINDOW))
    for item, kind, hours, sequence, session in draw(st.lists(event, min_size=size, max_size=size)):
        moment += hours * DAY / 24
        known = (
            {"query": "tea"} if kind is EventType.SEARCH else {"session_id": session, "sequence": sequence}
        )
        events.append((None if kind is EventType.SEARCH else f"i{item}", kind, moment, known))
    for place in draw(st.lists(st.integers(0, len(events) - 1), max_size=6)):
        events.insert(min(len(events), place + draw(st.integers(1, 15))), events.pop(place))
    if draw(st.booleans()):
        events = draw(st.permutations(events))
    return events, draw(st.sets(st.integers(0, len(events)), max_size=6))


def facts(reading):
    """All of a reading but its states."""
    return (
        [(t.item, t.type, t.time, t.basket) for t in reading.window],
        reading.bought,
        reading.viewed.tolist(),
        reading.record.tolist(),
    )


def kept(house, person):
    """What else is kept on the person."""
    taste = house.tracker._people.taste(person)
    return None if taste is None else (taste.events, taste.last, taste.newest, taste.greatest, taste.basket)


def is_as_read_anew(house, person):
    """The reading of what was followed is that of a fresh process, and so is what else is kept."""
    followed, before = house.tracker.read(person), kept(house, person)
    house.tracker.forget(person)
    fresh = house.tracker.read(person)
    assert (followed is None) == (fresh is None)
    if followed is not None:
        same(followed.state, fresh.state)
        for one, other in zip(followed.pasts, fresh.pasts, strict=True):
            same(one, other)
        assert facts(followed) == facts(fresh)
        assert before == kept(house, person)


@settings(max_examples=150, deadline=None)
@given(arrivals())
def test_followed_state_equals_a_fresh_reading_in_any_order_of_arrival(arrived):
    house = House(EYE)
    events, asked_after = arrived
    for number, (item, kind, moment, known) in enumerate(events):
        house.does("p", item, kind, at=moment, **known)
        if number in asked_after:
            house.tracker.read("p")
    is_as_read_anew(house, "p")


@settings(max_examples=60, deadline=None)
@given(st.lists(arrivals(), min_size=2, max_size=4))
def test_people_moved_beside_each_other_are_as_if_each_were_read_alone(arrived):
    house = House(EYE)
    people = {f"p{number}": one for number, one in enumerate(arrived)}
    for number in range(max(len(events) for events, _ in arrived)):
        for person, (events, asked_after) in people.items():
            if number < len(events):
                item, kind, moment, known = events[number]
                house.does(person, item, kind, at=moment, **known)
            if number in asked_after:
                house.tracker.read(person)
    for person in people:
        is_as_read_anew(house, person)


def waiting(house, person):
    return len(house.tracker._people.taste(person).waiting)


def everybody_waits(house, people):
    for person in people:
        house.does(person, "i1", at=1.0)
        house.tracker.read(person)
    for person in people:
        house.does(person, "i2", at=2.0)
    assert [waiting(house, person) for person in people] == [1] * len(people)


def test_whose_events_wait_are_moved_beside_who_is_asked_for(house):
    people = [f"p{number}" for number in range(COMPANY + 3)]
    everybody_waits(house, people)
    house.tracker.read("p0")
    assert [waiting(house, person) for person in people] == [0, 1, 1, *[0] * COMPANY], "the newest ones"
    house.tracker.read("p0")
    assert waiting(house, "p1") == 1, "nobody had to be moved"
    house.tracker.read("p1")
    assert waiting(house, "p2") == 0


def test_of_whom_something_came_late_waits_until_asked_for(house):
    everybody_waits(house, ["late", "p"])
    house.does("late", "i3", at=0.5)
    house.tracker.read("p")
    assert waiting(house, "late") == 2
    same(state(house, "late"), anew(house, "late"))


def dropped(house):
    house.tracker.forget("gone")


def swapped(house):
    house.tracker.swap(PlantedModel(EYE[::-1].copy(), encoder_id="other"), "s2")


def crowded_out(house):
    house.tracker._people._recents.capacity = 1
    house.does("new", "i1", at=1.0)
    house.tracker.read("new")


@pytest.mark.parametrize("gone", [dropped, swapped, crowded_out])
def test_who_is_not_held_any_longer_is_not_moved(house, gone):
    everybody_waits(house, ["gone", "p"])
    gone(house)
    house.tracker.read("p")
    assert not house.tracker.holds("gone")
    assert house.tracker._people._behind == {}


def test_who_is_moved_beside_others_is_not_thereby_used(house):
    everybody_waits(house, ["p", "beside"])
    house.tracker.read("p")
    assert waiting(house, "beside") == 0
    assert list(house.tracker._people._recents._kept) == ["beside", "p"]


def test_several_events_of_one_who_is_asked_for_move_the_others_once(house):
    everybody_waits(house, ["beside", "p"])
    for person in ("p", "beside"):
        house.does(person, "i3", at=3.0)
    house.tracker.read("p")
    assert (waiting(house, "p"), waiting(house, "beside")) == (0, 1)
    same(state(house, "beside"), anew(house, "beside"))


def test_where_a_step_fails_nobody_who_took_part_is_held_and_who_asked_is_read_anew(
    house, monkeypatch, caplog
):
    everybody_waits(house, ["beside", "p"])
    monkeypatch.setattr(PlantedModel, "step_each", lambda *_: 1 / 0)
    assert state(house).total[2] > 0
    assert not house.tracker.holds("beside")
    assert "states could not be moved, people are read anew: ZeroDivisionError" in caplog.text
    house.does("p", "i3", at=3.0)
    with pytest.raises(ZeroDivisionError):
        house.tracker.read("p")
    assert not house.tracker.holds("p")
    assert state(house, "beside").total[2] > 0


def test_a_step_that_is_broken_off_is_not_passed_over(house, monkeypatch):
    def broken_off(*_):
        raise KeyboardInterrupt

    everybody_waits(house, ["beside", "p"])
    monkeypatch.setattr(PlantedModel, "step_each", broken_off)
    with pytest.raises(KeyboardInterrupt):
        house.tracker.read("p")
    assert not house.tracker.holds("beside")


def test_an_event_in_order_costs_no_reading(house):
    house.does("p", "i1", at=1.0)
    house.tracker.read("p")
    reads = house.log.reads
    house.does("p", "i2", at=2.0)
    assert state(house).total[2] > 0
    assert house.log.reads == reads


def test_a_late_event_is_put_in_its_place_without_a_reading(house):
    house.does("p", "i1", at=100 * DAY)
    house.tracker.read("p")
    reads = house.log.reads
    house.does("p", "i2", at=1 * DAY)
    late = state(house)
    assert house.log.reads == reads
    assert 0 < late.total[2] < late.total[1]
    same(late, anew(house))


def test_what_is_older_than_all_in_memory_is_read_again(house):
    for n in range(WINDOW + 2):
        house.does("p", "i1", at=(100 + n) * DAY)
    house.tracker.read("p")
    reads = house.log.reads
    house.does("p", "i2", at=100.5 * DAY)
    same(state(house), anew(house))
    assert house.log.reads == reads + 2, "one of them by the tracker itself"
    house.does("p", "i2", at=102.5 * DAY)
    same(state(house), anew(house))
    assert house.log.reads == reads + 3, "none of them by the tracker itself"


def test_of_who_left_the_most_active_a_late_event_is_not_lost():
    house = House(EYE)
    house.tracker._people._recents.capacity = 1
    house.does("p", "i1", at=2 * DAY)
    house.tracker.read("p")
    house.does("p", "i2", at=1 * DAY)
    house.does("other", "i1", at=1 * DAY)
    house.tracker.read("other")
    house.does("p", "i3", at=3 * DAY)
    late = state(house)
    assert late.total[2] > 0
    same(late, anew(house))


def test_an_event_heard_twice_counts_once(house):
    position = house.does("p", "i1", at=1.0)
    before = state(house)
    house.tracker.on_event(house.log.events[position - 1])
    same(before, state(house))


def test_memory_is_bounded_and_the_forgotten_come_back():
    house = House(EYE, capacity=3)
    for n in range(10):
        house.does(f"p{n}", "i1", at=1.0)
        house.tracker.read(f"p{n}")
    assert len(house.tracker) == 3
    assert state(house, "p0").total[1] > 0


def test_a_state_never_meets_another_encoder(house):
    house.does("p", "i1", at=1.0)
    before = state(house)
    other = PlantedModel(EYE[::-1].copy(), encoder_id="other")
    house.tracker.swap(other, "s2")
    reading = house.tracker.read("p")
    assert (reading.model, reading.snapshot) == (other, "s2")
    assert reading.state.total[4] > 0
    assert before.total[4] == 0


def test_new_weights_behind_the_same_encoder_keep_states(house):
    house.does("p", "i1", at=1.0)
    house.tracker.read("p")
    reads = house.log.reads
    house.tracker.swap(PlantedModel(EYE), "s2")
    assert house.tracker.read("p").snapshot == "s2"
    assert house.log.reads == reads


def test_nothing_is_held_on_the_erased(house):
    assert isinstance(house.tracker, Erasable)
    house.does("p", "i1", at=1.0)
    house.tracker.read("p")
    assert house.tracker.export_person("p")[0]["events"] == 1
    house.log.events.clear()
    assert house.tracker.erase_person("p") == 1
    assert house.tracker.erase_person("p") == 0
    assert house.tracker.export_person("p") == []
    assert house.tracker.read("p") is None
    assert len(house.tracker) == 0


def test_a_person_who_opted_out_is_not_followed(house):
    house.does("p", "i1", at=1.0)
    house.tracker.read("p")
    house.consent.set("p", Consent(profiling=False))
    assert house.tracker.read("p") is None
    assert len(house.tracker) == 0
    house.does("p", "i2", at=2.0)
    assert len(house.tracker) == 0


def test_a_stranger_has_no_state_and_fills_no_memory(house):
    assert house.tracker.read("nobody") is None
    assert len(house.tracker) == 0


def test_a_late_hearing_of_a_read_event_is_passed_over(house):
    house.does("p", "i1", at=1.0)
    house.log.append(
        [
            house.log.events[0].event.__class__(
                user_id="p", type=EventType.PURCHASE, timestamp=2.0, item_id="i2"
            )
        ]
    )
    before = state(house)
    house.tracker.on_event(Logged(2, house.log.events[1].event))
    same(before, state(house))


def test_an_item_that_the_model_did_not_know_counts_from_when_it_does(house):
    house.does("p", "i1", at=1.0)
    house.does("other", "i1", at=1.0)
    assert state(house).total[3] == 0
    house.does("p", "novelty", at=2.0)
    row = int(house.ids.rows(["novelty"])[0])
    assert row == house.tracker.model.n_items
    before, others = state(house), state(house, "other")
    assert house.tracker.grow(np.concatenate([EYE, EYE[3:4]])) == 1
    assert before.total[3] == 0
    assert state(house).total[3] > 0
    assert state(house, "other") is others


def test_what_was_read_before_its_item_had_a_row_counts_once_it_has(house):
    """A request may come between the commit of an event and the hearing of it."""
    house.does("p", "i1", at=1.0)
    event = Shown(user_id="p", type=EventType.PURCHASE, timestamp=2.0, item_id="novelty")
    (position,) = house.log.append([event]).positions
    house.tracker.forget("p")
    early = state(house)
    house.ids.assign(["novelty"])
    house.tracker.on_event(Logged(position, event))
    late = house.tracker.read("p")
    assert [token.item for token in late.window] == [1, 6]
    assert (early.time, late.state.time) == (1.0, 2.0)


def test_nobody_waits_while_the_searches_of_another_are_read(house):
    house.does("slow", None, EventType.SEARCH, at=1.0, query="tea")
    house.does("quick", "i1", at=1.0)
    begun, go = Event(), Event()

    def read(texts):
        begun.set()
        assert go.wait(10)
        return np.ones((len(texts), 6), np.float32)

    house.tracker._tokens = TokenMaker(house.ids, read)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(house.tracker.read, "slow")
        assert begun.wait(10)
        assert state(house, "quick").total[1] > 0
        house.does("slow", "i2", at=2.0)
        go.set()
        assert [token.item for token in waiting.result(10).window] == [-1, 2]


def test_who_is_forgotten_while_read_is_read_again(house):
    house.does("p", None, EventType.SEARCH, at=1.0, query="tea")

    def read(texts):
        house.log.events.clear()
        house.tracker.forget("p")
        return np.ones((len(texts), 6), np.float32)

    house.tracker._tokens = TokenMaker(house.ids, read)
    assert house.tracker.read("p") is None
    assert len(house.tracker) == 0


def searching(house, read):
    house.tracker._tokens = TokenMaker(house.ids, read)


def test_searches_of_who_is_not_in_memory_or_opted_out_are_not_read(house):
    house.does("out", "i1", at=1.0)
    house.tracker.read("out")
    house.consent.set("out", Consent(profiling=False))
    searching(house, lambda texts: pytest.fail("read"))
    house.does("out", None, EventType.SEARCH, at=2.0, query="tea")
    house.does("cold", None, EventType.SEARCH, at=2.0, query="tea")


def test_a_language_model_that_fails_costs_the_state_and_nothing_else(house):
    house.does("p", "i1", at=1.0)
    house.tracker.read("p")

    def read(texts):
        raise InvalidInput("no model")

    searching(house, read)
    house.does("p", None, EventType.SEARCH, at=2.0, query="tea")
    assert len(house.tracker) == 0
    house.tracker._tokens = TokenMaker(house.ids)
    assert len(house.tracker.read("p").window) == 2


def test_searches_of_many_are_read_together(house):
    for person in "pq":
        house.does(person, "i1", at=1.0)
        house.tracker.read(person)
    asked = []
    searching(house, lambda texts: asked.append(list(texts)) or np.ones((len(texts), 6), np.float32))
    kind = EventType.SEARCH
    events = [Shown(user_id=n, item_id=None, type=kind, timestamp=2.0, query=f"{n} tea") for n in "pq"]
    house.tracker.read_ahead([Logged(n, event) for n, event in enumerate(events, 10)])
    assert asked == [["p tea", "q tea"]]


def test_an_event_in_time_for_nobody_who_is_read_makes_no_second_reading(house):
    house.does("p", None, EventType.SEARCH, at=1.0, query="tea")

    def read(texts):
        house.does("other", "i1", at=2.0)
        return np.ones((len(texts), 6), np.float32)

    searching(house, read)
    reads = house.log.reads
    house.tracker.read("p")
    assert house.log.reads == reads + 1
    assert len(house.tracker._undisturbed) == 0


def test_under_events_without_end_a_person_is_read_all_the_same(house):
    house.does("p", None, EventType.SEARCH, at=1.0, query="tea")
    times = iter(range(2, 100))

    def read(texts):
        house.does("p", "i1", at=float(next(times)))
        return np.ones((len(texts), 6), np.float32)

    searching(house, read)
    assert len(house.tracker.read("p").window) > 3


def test_a_new_model_that_knows_more_items_reads_again_who_took_them(house):
    house.does("p", "i1", at=1.0)
    house.does("p", "novelty", at=2.0)
    house.does("other", "i1", at=1.0)
    state(house)
    others = state(house, "other")
    house.tracker.swap(PlantedModel(np.concatenate([EYE, EYE[3:4]])), "s2")
    assert state(house).total[3] > 0
    assert state(house, "other") is others


def knowing():
    """A house where it is known what Norway (item 0) and Peru (item 1) like; p did something, s nothing."""
    house = House(EYE, words={"country=Norway": EYE[0], "country=Peru": EYE[1]})
    house.does("p", "i3", at=1.0)
    return house


@pytest.mark.parametrize("person", ["p", "s"])
def test_what_is_known_of_a_person_is_read_at_each_reading(person):
    house = knowing()

    def about():
        reading = house.tracker.read(person)
        return None if reading is None or reading.about is None else reading.about.tolist()

    for known, row in (("Norway", 0), ("Peru", 1)):
        house.attributes.replace({person: {"country": known}})
        assert about() == EYE[row].tolist()
    house.consent.set(person, Consent(profiling=False))
    assert about() is None
    house.consent.set(person, Consent())
    assert about() == EYE[1].tolist()
    house.attributes.erase_person(person)
    assert about() is None


def test_a_stranger_of_whom_the_model_knows_no_word_has_no_reading():
    house = knowing()
    house.attributes.replace({"s": {"country": "Chad"}, "p": {"country": "Chad"}})
    assert house.tracker.read("s") is None
    assert house.tracker.read("p").about is None


def test_a_stranger_s_reading_is_before_any_event_and_is_not_kept():
    house = knowing()
    house.attributes.replace({"s": {"country": "Norway"}})
    reading = house.tracker.read("s")
    same(reading.state, house.model.initial())
    assert (reading.window, reading.bought, len(reading.record)) == ((), {}, 0)
    assert (len(house.tracker), house.tracker.export_person("s")) == (0, [])


@pytest.mark.parametrize("encoder_id", ["planted", "other"])
def test_after_a_swap_people_are_known_as_the_new_model_knows_them(encoder_id):
    house = knowing()
    house.attributes.replace({"p": {"country": "Norway"}, "s": {"country": "Norway"}})
    assert house.tracker.read("p").about.tolist() == EYE[0].tolist()
    house.tracker.swap(PlantedModel(EYE, encoder_id=encoder_id, words={"country=Norway": EYE[4]}), "s2")
    for person in ("p", "s"):
        assert house.tracker.read(person).about.tolist() == EYE[4].tolist()
    house.tracker.grow(np.eye(7, dtype=np.float32))
    assert house.tracker.read("p").about.tolist() == EYE[4].tolist()
