from dataclasses import replace

import numpy as np

from penchant.model.entries import filled, items_of
from penchant.model.histories import histories_of
from penchant.model.records import MOST_PADDED, Record, Records
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
    assert MOST_PADDED > 50


def test_of_nobody_and_of_nothing_there_is_nothing() -> None:
    histories = histories_of([[1, 2]])
    none = np.zeros(0, np.int64)
    assert len(Records.of_moments(histories, none, none).entries) == 0
    before = Records.of_moments(histories, np.array([0]), np.array([0]))
    assert (len(before.entries), list(before.blocks())) == (0, [])


def test_what_was_read_does_not_change() -> None:
    record = Record()
    record.add(7, KINDS[0], 0.0)
    held = record.memory()
    record.add(8, KINDS[0], 1.0)
    record.add(7, KINDS[1], 2.0)
    assert items_of(held).tolist() == [7]
    assert items_of(record.memory()).tolist() == [8, 7]
