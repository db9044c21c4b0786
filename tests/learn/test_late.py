"""Who is followed by the learner while events come late: what is asked knows nothing of what came after."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recommend.stores import DAY, Ids, Log

from penchant.learn.people import People
from penchant.model.tokens import NOT_WANTED
from penchant.taste.tokens import Basket, TokenMaker, place_of
from penchant.testing.planted import PlantedModel
from penchant.types import Event, EventType, Logged

EYE = np.eye(6, dtype=np.float32)
KINDS = [EventType.VIEW, EventType.PURCHASE, EventType.REMOVE_FROM_CART]
event = st.tuples(st.integers(0, 5), st.sampled_from(KINDS), st.integers(0, 9), st.sampled_from([None, 0, 1]))


@settings(max_examples=150, deadline=None)
@given(st.lists(event, min_size=1, max_size=25), st.integers(1, 3))
def test_what_is_asked_was_all_there_and_all_before_in_whatever_order_it_comes(arrived, capacity) -> None:
    ids, log, model = Ids(), Log(), PlantedModel(EYE)
    ids.assign([f"i{row}" for row in range(6)])
    tokens = TokenMaker(ids)
    main = EventType.PURCHASE.code
    people = People(model, log, tokens, lambda _: {}, since=0, main=main, capacity=capacity)
    for n, (item, kind, day, sequence) in enumerate(arrived):
        person = f"p{n % 2}"
        one = Event(
            user_id=person, item_id=f"i{item}", type=kind, timestamp=day * DAY, sequence=sequence,
            event_id=f"{n}",
        )  # fmt: skip
        (position,) = log.append([one]).positions
        asked = people.hear(Logged(position, one))
        known = [entry for entry in log.of_user(person) if entry.position < position]
        late = any(place_of(entry)[:2] > (one.timestamp, sequence or 0) for entry in known)
        had = {int(entry.event.item_id[1:]) for entry in known if entry.event.type.code not in NOT_WANTED}
        assert (asked is not None) == (not late and kind.code not in NOT_WANTED and item not in had)
        if asked is not None:
            before = tokens.of_all([entry.event for entry in known], Basket())
            np.testing.assert_allclose(asked.h, model.h(model.encode(before), one.timestamp), atol=1e-5)
