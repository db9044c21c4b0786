"""Item rows that learn between two snapshots."""

import numpy as np
import pytest

from penchant.errors import InvalidInput
from penchant.learn import online
from penchant.learn.online import FirstTimes, OnlineSettings, OnlineTable, pairs

DIM, ITEMS, NEW = 8, 60, 59
RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(ITEMS, DIM)).astype(np.float32)
COUNTS = np.where(np.arange(ITEMS) == NEW, 0, 200).astype(np.float32)
PEOPLE = RNG.normal(size=(400, DIM)).astype(np.float32)


def table(**settings: float) -> OnlineTable:
    return OnlineTable.beside(VECTORS, COUNTS, PEOPLE, OnlineSettings(**settings))


def taken(h: np.ndarray, items: np.ndarray) -> FirstTimes:
    none = np.zeros((2, 0), np.int64)
    return FirstTimes(h, items, np.ones(len(items), np.float32), np.zeros(ITEMS, np.float32), none)


def rank(of: OnlineTable, h: np.ndarray, item: int) -> np.ndarray:
    scores = h @ of.scored().T + of.lifts()
    return (scores > scores[:, [item]]).sum(1)


def group(side: int) -> np.ndarray:
    """People whose first number is far on one side."""
    return PEOPLE[side * PEOPLE[:, 0] > 0.8]


def test_ten_takings_of_a_new_item_put_it_before_the_right_people_and_no_others() -> None:
    found = table()
    teachers, others, strangers = group(1)[:10], group(1)[10:], group(-1)
    before, before_strangers = rank(found, others, NEW).mean(), rank(found, strangers, NEW).mean()
    for h in teachers:
        found.learn(taken(h[None], np.array([NEW])), RNG)
    assert rank(found, others, NEW).mean() < 0.5 * before
    assert rank(found, strangers, NEW).mean() > before_strangers


def test_where_anybody_takes_it_nobody_is_told_apart() -> None:
    found = table()
    found.learn(taken(PEOPLE[:200], np.full(200, NEW)), RNG)
    apart = rank(found, group(-1), NEW).mean() - rank(found, group(1), NEW).mean()
    told = table()
    told.learn(taken(group(1)[:40], np.full(40, NEW)), RNG)
    assert abs(apart) < 0.3 * (rank(told, group(-1), NEW).mean() - rank(told, group(1), NEW).mean())


def test_what_is_well_known_hardly_moves() -> None:
    found = table()
    found.learn(taken(np.repeat(group(1)[:10], 2, axis=0), np.tile([NEW, 5], 10)), RNG)
    new, old = np.linalg.norm(found.moves[[NEW, 5]], axis=1)
    assert new > 20 * old > 0
    assert not found.moves[np.setdiff1d(np.arange(ITEMS), [NEW, 5])].any(), "nobody took these"


def test_a_move_is_bounded_whatever_is_hammered() -> None:
    found = table(most=1.0)
    for _ in range(200):
        found.learn(taken(np.repeat(group(1)[:1], 64, axis=0), np.full(64, NEW)), RNG)
    unit = np.median(np.linalg.norm(VECTORS[COUNTS > 0], axis=1))
    assert np.linalg.norm(found.moves[NEW]) <= unit * 1.001
    assert np.isfinite(found.moves).all()


def test_what_somebody_had_is_no_rival() -> None:
    with_it, without = table(spread=0.1), table(spread=0.1)
    h, none = group(1)[:1], np.zeros((2, 0), np.int64)
    levels = np.zeros(ITEMS, np.float32)
    levels[7] = 50.0  # would be taken by everybody
    one = np.ones(1, np.float32)
    without.learn(FirstTimes(h, np.array([NEW]), one, levels, none), RNG)
    with_it.learn(FirstTimes(h, np.array([NEW]), one, levels, pairs([np.array([7])])), RNG)
    assert np.linalg.norm(with_it.moves[NEW]) < np.linalg.norm(without.moves[NEW]), "less surprising"


def test_a_sample_of_a_large_catalogue_teaches_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = taken(group(1)[:30], np.tile([NEW, 3, 5], 10))
    whole = table()
    whole.learn(batch, RNG)
    monkeypatch.setattr(online, "ALL", 10)
    sampled = table()
    sampled.learn(batch, np.random.default_rng(1))
    np.testing.assert_allclose(sampled.moves[NEW], whole.moves[NEW], rtol=0.05, atol=1e-3)


def test_where_all_was_had_already_nothing_is_learned_of_it() -> None:
    of, h = table(), group(1)[:1]
    every = np.stack([np.zeros(ITEMS, np.int64), np.arange(ITEMS)])
    of.learn(FirstTimes(h, np.array([2]), np.ones(1, np.float32), np.zeros(ITEMS, np.float32), every), RNG)
    assert np.isfinite(of.moves).all()
    assert np.isfinite(of.precision).all()


def test_new_rows_take_part() -> None:
    found = table()
    found.longer(VECTORS[:2])
    assert found.scored().shape == (ITEMS + 2, DIM)
    none = np.zeros((2, 0), np.int64)
    levels = np.zeros(ITEMS + 2, np.float32)
    found.learn(FirstTimes(group(1)[:1], np.array([ITEMS + 1]), np.ones(1), levels, none), RNG)
    assert found.moves[ITEMS + 1].any()


@pytest.mark.parametrize("name", ["spread", "most", "faith"])
def test_settings_that_nothing_can_learn_with_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        OnlineSettings(**{name: 0.0})
