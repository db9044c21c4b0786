from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.model.histories import histories_of
from penchant.model.worth import told, told_of
from penchant.types import EVENT_TYPES, EventType

WORTH = {"purchase": 1.0, "cart": 0.3, "wishlist": 0.3, "rating": 0.3, "review": 0.3, "click": 0.1}
LEAST = 0.05

events = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(EVENT_TYPES)), max_size=30)


def said(heard, known=None):
    pairs = np.array([pair for pair, _ in heard], np.uint64)
    return told(pairs, np.array([kind.code for _, kind in heard], np.int8), known)


@given(events)
@settings(max_examples=100, deadline=None)
def test_each_pair_says_the_most_that_was_done_once(heard) -> None:
    found, _ = said(heard)
    known: dict[int, float] = {}
    for (pair, kind), (worth, anew) in zip(heard, found.tolist(), strict=True):
        assert worth == WORTH.get(kind, LEAST)
        assert np.isclose(anew, max(0.0, worth - known.get(pair, 0.0)))
        known[pair] = max(known.get(pair, 0.0), worth)


@given(events, events)
@settings(max_examples=100, deadline=None)
def test_in_two_parts_it_is_the_same(early, late) -> None:
    whole, _ = said(early + late)
    first, places = said(early)
    held = {pair: place for (pair, _), place in zip(early, places.tolist(), strict=True)}
    second, _ = said(late, np.array([held.get(pair, 0) for pair, _ in late], np.int8))
    np.testing.assert_allclose(np.concatenate([first, second]), whole)


def test_a_hundred_clicks_are_told_once_and_say_less_than_a_purchase() -> None:
    types = np.append(np.full(100, EventType.CLICK.code), EventType.PURCHASE.code).astype(np.int8)
    _, found = told_of(replace(histories_of([[3] * 100, [4]]), types=types))
    assert np.isclose(found[:100, 1].sum(), WORTH["click"])
    assert found[100].tolist() == [1.0, 1.0]
