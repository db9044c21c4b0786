from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.model.breaks import ODDS, WITHOUT, outlived
from penchant.model.entries import UNIT, count_of, items_of, last_of, span_of
from penchant.model.repeat import empty_memory, remember_all
from penchant.model.tokens import DAY, SESSION
from penchant.types import EventType

BUY = EventType.PURCHASE.code
histories = st.lists(st.tuples(st.integers(0, 7), st.sampled_from([0.0, 0.01, 1.0, 5.0, -2.0])), max_size=40)


def memory(items, days):
    times = np.array(days, float) * DAY
    return remember_all(np.array(items, np.int32), np.full(len(items), BUY, np.int8), times, 500)


def by_definition(entries, now: float) -> dict[int, float]:
    """What is taken off each item, one moment and one visit after the other."""
    counts, spans = count_of(entries).tolist(), span_of(entries).tolist()
    lasts = ((int(now // UNIT) - last_of(entries)) % 2**22).tolist()
    odds = [ODDS] * len(entries)
    for k in range(1, len(entries)):
        old, new = range(k), range(k, len(entries))
        begun = [lasts[j] * UNIT / DAY + (spans[j] + 1 if spans[j] else 0) for j in new]
        if lasts[k - 1] - lasts[k] <= SESSION / UNIT or max(begun) >= min(lasts[:k]) * UNIT / DAY:
            continue
        visits = 1 + sum(lasts[j - 1] - lasts[j] > SESSION / UNIT for j in new if j > k)
        share = sum(min(counts[j] - 1, spans[j]) for j in old) / (sum(counts[j] for j in old) + WITHOUT)
        odds[k] = ODDS / (1 - share) ** visits
    rows = items_of(entries).tolist()
    return {row: log((1 + max([ODDS, *odds[k + 1 :]])) / (1 + ODDS)) for k, row in enumerate(rows)}


@given(histories)
@settings(max_examples=200, deadline=None)
def test_it_is_what_the_definition_says(history) -> None:
    """Some of it came late."""
    items, now = [item for item, _ in history], 200 + np.cumsum([gap for _, gap in history])
    entries, asked = memory(items, now), float(max(now, default=200) * DAY + 100)
    found = outlived(entries[None], np.array([asked]))[0]
    expected = by_definition(entries, asked)
    for row, less in zip(items_of(entries).tolist(), found.tolist(), strict=True):
        assert less == pytest.approx(expected[row], abs=1e-5)


def test_free_places_and_other_people_change_nothing() -> None:
    one = memory([1, 2, 1, 2, 3, 4, 5], range(7))
    padded = empty_memory(2, 9)
    padded[0, -len(one) :] = one
    padded[1, -2:] = memory([8, 9], [0, 1])
    found = outlived(padded, np.full(2, 7 * DAY))
    np.testing.assert_array_equal(found[0, -len(one) :], outlived(one[None], np.array([7 * DAY]))[0])
    assert not found[0, : -len(one)].any()
    assert not found[1].any()


def less_of(items) -> dict[int, float]:
    entries = memory(items, range(len(items)))
    found = outlived(entries[None], np.array([len(items) * DAY]))[0]
    return dict(zip(items_of(entries).tolist(), found.tolist(), strict=True))


def test_the_longer_nothing_comes_back_the_less_the_old_counts_and_one_that_does_ends_it() -> None:
    old = [1, 2, 1, 2, 1, 2]
    few, many = less_of([*old, 3, 4]), less_of([*old, 3, 4, 5, 6])
    assert 0 < few[1] < many[1]
    assert many[6] == 0
    back = less_of([*old, 3, 4, 5, 6, 1])
    assert back[2] < few[2]


def test_who_never_comes_back_to_anything_breaks_off_nowhere() -> None:
    assert not any(less_of([1, 2, 3, 4, 5, 6]).values())


def test_hundreds_of_visits_are_no_trouble() -> None:
    old = [item for item in range(5) for _ in range(31)]
    new = list(range(5, 405))
    found = less_of(old + new)
    assert np.isfinite(list(found.values())).all()
    assert found[0] > 100
    assert not less_of([*old, *new, 0])[0]
