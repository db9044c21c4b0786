from dataclasses import replace

import numpy as np

from penchant.model.entries import filled
from penchant.model.histories import histories_of
from penchant.model.records import Record, Records, one_more
from penchant.model.repeat import remember_all
from penchant.types import EventType

KINDS = [EventType(kind).code for kind in ("purchase", "view", "remove_from_cart", "search")]


def shop(rng, people: int = 12):
    lengths = [0, 1, *rng.integers(2, 60, people - 2)]
    known = histories_of([rng.integers(0, 20, n).tolist() for n in lengths], gap=8e4)
    types = rng.choice(KINDS, known.events).astype(np.int8)
    items = np.where(types == EventType.SEARCH.code, -1, known.items).astype(np.int32)
    return replace(known, types=types, items=items)


def memory_of(histories, person: int, end: int):
    """As a state would remember it that forgets nothing."""
    rows = np.arange(histories.offsets[person], end)
    rows = rows[np.isin(histories.types[rows], [KINDS[0], KINDS[1]])]
    return remember_all(histories.items[rows], histories.types[rows], histories.times[rows], 1_000)


def test_a_record_is_a_memory_that_forgets_nothing(rng) -> None:
    histories = shop(rng)
    people = rng.integers(0, histories.people, 80)
    ends = np.array([rng.integers(histories.offsets[p], histories.offsets[p + 1] + 1) for p in people])
    records = Records.of_moments(histories, people, ends)
    for moment, (person, end) in enumerate(zip(people.tolist(), ends.tolist(), strict=True)):
        np.testing.assert_array_equal(records.of(moment), memory_of(histories, person, end))
    assert records.offsets[-1] == len(records.entries) > 80


def test_blocks_hold_each_entry_once_at_the_end_of_its_row(rng, monkeypatch) -> None:
    monkeypatch.setattr("penchant.model.records.MOST_PADDED", 50)
    histories = shop(rng)
    records = Records.of_moments(histories, np.arange(12), histories.offsets[1:])
    seen = []
    for moments, memory in records.blocks():
        assert memory.size <= max(50, memory.shape[1])
        for moment, row in zip(moments.tolist(), memory, strict=True):
            np.testing.assert_array_equal(row[filled(row)], records.of(moment))
            assert filled(row)[-len(records.of(moment)) :].all()
            seen.append(moment)
    lengths = np.diff(records.offsets)
    assert sorted(seen) == np.flatnonzero(lengths).tolist()


def test_of_nobody_and_of_nothing_there_is_nothing() -> None:
    histories = histories_of([[1, 2]])
    none = np.zeros(0, np.int64)
    assert len(Records.of_moments(histories, none, none).entries) == 0
    before = Records.of_moments(histories, np.array([0]), np.array([0]))
    assert (len(before.entries), list(before.blocks())) == (0, [])


def test_one_more_event_is_that_of_a_record_that_grows(rng) -> None:
    record = Record()
    held = [record.memory()]
    for n, item in enumerate(rng.integers(0, 9, 60).tolist()):
        record.add(item, KINDS[n % 2], 7e4 * n)
        held.append(one_more(held[-1], item, KINDS[n % 2], 7e4 * n))
        np.testing.assert_array_equal(held[-1], record.memory())
    assert [len(one) for one in held] == sorted(len(one) for one in held)
    assert len(held[-1]) == 9
