import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recommend.stores import DAY, House

from penchant.taste import memory
from penchant.taste.rest import Resting, mark
from penchant.taste.state import WINDOW
from penchant.testing.planted import PlantedModel
from penchant.types import EventType

EYE = np.eye(6, dtype=np.float32)


@pytest.fixture(autouse=True)
def hardly_anybody_stays(monkeypatch):
    monkeypatch.setattr(memory, "HOT", 1)


class Counting(PlantedModel):
    """Counts histories that it read whole."""

    encoded = 0

    def encode(self, tokens):
        type(self).encoded += bool(tokens)
        return super().encode(tokens)


@pytest.fixture
def house():
    house = House(EYE)
    house.model = Counting(EYE)
    Counting.encoded = 0
    house.tracker.swap(house.model, "s1")
    return house


def live(house, person, events, start=0):
    for n in range(start, start + events):
        house.does(person, f"i{n % 6}", at=n * DAY)


def asked(house, person):
    before = Counting.encoded
    reading = house.tracker.read(person)
    return reading, Counting.encoded - before


def rested(house, person="p"):
    """Somebody who was asked for, and then somebody else was."""
    live(house, person, WINDOW + 5)
    house.does("other", "i1", at=DAY)
    first, read = asked(house, person)
    assert read == 1
    asked(house, "other")
    return first


def same(one, other):
    np.testing.assert_allclose(one.state.total, other.state.total, atol=1e-5)
    np.testing.assert_allclose(one.base.total, other.base.total, atol=1e-5)
    assert (one.state.time, one.base.time, one.window) == (other.state.time, other.base.time, other.window)
    assert (one.bought, one.viewed.tolist()) == (other.bought, other.viewed.tolist())
    np.testing.assert_array_equal(one.record, other.record)


def anew(house, person="p"):
    house.tracker.forget(person)
    return house.tracker.read(person)


@pytest.mark.parametrize("more", [0, 1, WINDOW, 3 * WINDOW])
def test_who_comes_back_goes_on_without_being_read_whole(house, more):
    rested(house)
    live(house, "p", more, start=WINDOW + 5)
    reading, read = asked(house, "p")
    assert read == 0
    for token, fresh in zip(reading.window, anew(house).window, strict=True):
        assert (token.item, token.time) == (fresh.item, fresh.time)
    house.tracker.forget("p")
    tokens = [reading.window[-1].time, reading.state.time]
    assert tokens[0] == tokens[1] == (WINDOW + 4 + more) * DAY


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("pqr"),
            st.integers(0, 5),
            st.sampled_from([EventType.VIEW, EventType.PURCHASE, EventType.MESSAGE]),
            st.floats(0, 50),
            st.booleans(),
        ),
        min_size=1,
        max_size=6 * WINDOW,
    )
)
def test_rested_states_equal_fresh_ones_in_any_order_of_arrival(events):
    house = House(EYE)
    for person, item, kind, days, ask in events:
        house.does(person, f"i{item}", kind, at=days * DAY)
        if ask:
            house.tracker.read(person)
    for person in "pqr":
        followed = house.tracker.read(person)
        fresh = anew(house, person)
        assert (followed is None) == (fresh is None)
        if followed is not None:
            np.testing.assert_allclose(followed.state.total, fresh.state.total, atol=1e-5)
            for one, other in zip(followed.pasts, fresh.pasts, strict=True):
                np.testing.assert_allclose(one.total, other.total, atol=1e-5)
            assert [t.time for t in followed.window] == [t.time for t in fresh.window]


def test_a_late_event_is_noticed(house):
    rested(house)
    house.does("p", "i5", at=0.5 * DAY)
    reading, read = asked(house, "p")
    assert read == 1
    np.testing.assert_allclose(reading.state.total, anew(house).state.total, atol=1e-6)


def test_nothing_rests_of_another_encoder_or_of_who_is_forgotten(house):
    rested(house)
    assert len(house.tracker) == 2
    house.tracker.swap(Counting(2 * EYE, encoder_id="other"), "s2")
    assert len(house.tracker) == 0
    assert asked(house, "p")[1] == 1
    rested(house, "q")
    assert house.tracker.forget("q") == 1
    assert asked(house, "q")[1] == 1


def test_what_rests_is_told_to_who_asks_for_their_data(house):
    rested(house)
    assert house.tracker.export_person("p") == [{"encoder_id": "planted", "events": 5}]
    assert house.tracker.erase_person("p") == 1
    assert house.tracker.export_person("p") == []


def test_an_item_that_the_model_learned_since_is_read_anew(house):
    house.does("p", "i6", at=-DAY)
    house.catalog.upsert([])
    rested(house)
    house.tracker.grow(np.eye(7, dtype=np.float32))
    reading, read = asked(house, "p")
    assert read == 1
    assert reading.state.total.any()


def test_half_as_many_bytes_move_the_state_by_little():
    model, tokens = PlantedModel(EYE), []
    house = House(EYE)
    live(house, "p", 40)
    tokens = list(house.tracker.read("p").window)
    seen = 0
    for token in tokens:
        seen = mark(token, seen)
    state, found = model.encode(tokens), {}
    for precision in ("float32", "float16"):
        rest = Resting(5, precision)
        rest.lay("p", model, state, len(tokens), seen)
        kept = rest._kept.get("p")
        found[precision] = len(kept), rest.wake("p", model, tokens)[2].total
        assert (len(rest), rest.wake("p", model, tokens)) == (0, None)
    assert (found["float32"][1] == state.total).all()
    assert found["float32"][0] - found["float16"][0] == 2 * EYE.shape[1]
    np.testing.assert_allclose(found["float16"][1], state.total, rtol=1e-3)


def test_no_more_people_are_held_than_the_settings_say(house):
    house = House(EYE, capacity=3)
    for n in range(8):
        house.does(f"p{n}", "i1", at=DAY)
        live(house, f"p{n}", WINDOW + 2)
        house.tracker.read(f"p{n}")
        assert len(house.tracker) == min(n + 1, 3)
