from types import SimpleNamespace

import numpy as np
import pytest

from penchant.model.examples import moments
from penchant.model.histories import histories_of
from penchant.model.newcomers import NEIGHBOURS, Neighbours, _highest, trend_levels
from penchant.model.scoring import Answers, ItemScores
from penchant.model.trend import LIFETIMES, TrendTable
from penchant.model.unseen import LEAST, unseen_levels

DIM = 6


def clusters(rng, items: int = 60):
    """Items of three kinds: what they are told by and where they stand goes by the kind."""
    kind = np.arange(items) % 3
    white = (np.eye(3)[kind] + rng.normal(scale=0.05, size=(items, 3))).astype(np.float32)
    vectors = (2 * np.eye(3, DIM)[kind] + rng.normal(scale=0.2, size=(items, DIM))).astype(np.float32)
    return kind, white, vectors


def test_a_new_item_stands_among_its_kind_as_far_out_as_they(rng) -> None:
    kind, white, vectors = clusters(rng)
    new = np.arange(60) >= 45
    counts = np.where(new, 0, 3).astype(np.float32)
    placed = Neighbours.of(white, vectors, counts).place(white[new], 0.1 * vectors[new])
    assert ((placed @ np.eye(3, DIM).T).argmax(1) == kind[new]).all()
    np.testing.assert_allclose(
        np.linalg.norm(placed, axis=1), np.linalg.norm(vectors[~new], axis=1).mean(), rtol=0.15
    )


def test_without_a_text_or_anybody_alike_an_item_keeps_its_own(rng) -> None:
    _, white, vectors = clusters(rng)
    white[7] = 0
    own = vectors[5:9]
    placed = Neighbours.of(white, vectors, np.ones(60, np.float32)).place(white[5:9], own)
    assert (placed == own).all(1).tolist() == [False, False, True, False]
    nobody = Neighbours.of(white, vectors, np.zeros(60, np.float32))
    assert (nobody.place(white[5:9], own) == own).all()
    opposite = Neighbours.of(np.ones((1, 3), np.float32), own[:1], np.ones(1, np.float32))
    assert (opposite.place(-np.ones((1, 3), np.float32), own[1:2]) == own[1:2]).all()


def test_neighbours_are_the_likest_and_of_equals_the_first(rng) -> None:
    likeness = rng.normal(size=(40, 300)).astype(np.float32).round(1)
    values, places = _highest(likeness.copy(), 7)
    expected = np.argsort(-likeness, axis=1, kind="stable")[:, :7]
    assert (places == expected).all()
    assert (values == np.take_along_axis(likeness, expected, 1)).all()
    assert _highest(likeness[:, :3].copy(), 7)[1].shape == (40, 3)


def test_only_those_that_were_taken_are_neighbours(rng) -> None:
    _, white, vectors = clusters(rng, 9)
    counts = np.array([1, 0, 1, 1, 0, 0, 0, 0, 0], np.float32)
    known = Neighbours.of(white, vectors, counts)
    assert counts.sum() < NEIGHBOURS
    placed = known.place(white[6:7], vectors[6:7])[0]
    among = vectors[[0, 2, 3]]
    assert np.linalg.matrix_rank(np.vstack([among, placed]), tol=1e-4) == 3


def test_levels_go_from_the_first_to_the_second_when_somebody_takes_the_item() -> None:
    table = TrendTable.of(histories_of([[0, 2], [2]]))
    seen = table.features(np.arange(4), np.full(4, 2 * 86_400.0))
    weights, never = np.zeros(len(LIFETIMES), np.float32), np.array([False, False, True, True])
    added = trend_levels(seen, weights, never, np.array([5.0, -1.0], np.float32))
    assert added.tolist() == [0.0, 0.0, -1.0, 5.0]


def asked(rng, vectors, right, count: int):
    """People who want what is near a direction; all ask for the first time."""
    h = (4 * vectors[right] / np.linalg.norm(vectors[right], axis=1, keepdims=True)).astype(np.float32)
    h += rng.normal(scale=0.5, size=h.shape).astype(np.float32)
    times = np.full(count, 9e6)
    none = np.zeros(0, np.int32)
    answers = Answers(h, times, np.ones(count), np.zeros(count + 1, np.int64), none, np.zeros(0, np.float32))
    ask = moments(np.arange(count), np.arange(count), times)
    held = type(ask)(ask.people, ask.ends, ask.times, np.arange(count + 1), right.astype(np.int32))
    return answers, held


@pytest.fixture
def shop(rng):
    _, white, vectors = clusters(rng, 300)
    counts = np.full(300, 3, np.float32)
    right = rng.integers(0, 300, 600)
    answers, held = asked(rng, vectors, right, 600)
    trend = TrendTable.of(histories_of([[0, 1]]))
    items = ItemScores(vectors, np.zeros(300, np.float32), np.zeros(len(LIFETIMES), np.float32))
    return SimpleNamespace(
        white=white, vectors=vectors, counts=counts, answers=answers, held=held, trend=trend, items=items
    )


def test_a_catalogue_of_what_is_taken_needs_no_level_and_dead_things_a_low_one(shop, rng) -> None:
    first = unseen_levels(shop.answers, shop.items, shop.trend, shop.held, shop.white, shop.counts)
    assert abs(first[0]) < 0.8
    # As many dead things again, told by the same words.
    white, vectors = np.tile(shop.white, (2, 1)), np.tile(shop.vectors, (2, 1))
    items = ItemScores(vectors, np.zeros(600, np.float32), shop.items.trend)
    counts = np.append(shop.counts, np.zeros(300, np.float32))
    dead = unseen_levels(shop.answers, items, shop.trend, shop.held, white, counts)
    assert dead[0] < first[0] - 1.5
    assert abs(dead[1] - first[1]) < 0.5


def test_an_items_level_is_lower_where_bias_was_too_high(shop) -> None:
    bias = np.zeros(300, np.float32)
    usual = unseen_levels(shop.answers, shop.items, shop.trend, shop.held, shop.white, shop.counts)
    counts = shop.counts.copy()
    counts[:60], bias[:60] = 1, 2.0  # the rare ones are overrated, and newcomers start as they do
    rated = ItemScores(shop.vectors, bias, shop.items.trend)
    found = unseen_levels(shop.answers, rated, shop.trend, shop.held, shop.white, counts)
    assert found[0] < usual[0] - 1.0


def test_with_few_held_out_the_level_goes_by_how_much_was_never_taken(shop) -> None:
    few = shop.held.take(np.arange(LEAST - 1))
    counts = np.where(np.arange(300) < 100, 3, 0).astype(np.float32)
    found = unseen_levels(shop.answers, shop.items, shop.trend, few, shop.white, counts)
    np.testing.assert_allclose(found, [np.log(10 / 210), 0], rtol=1e-5)
    without = unseen_levels(shop.answers, shop.items, shop.trend, shop.held, 0 * shop.white, counts)
    assert without.tolist() == [0, 0]
