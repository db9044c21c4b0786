"""Similar items and search where not all items are scored: they find what they found before."""

from types import SimpleNamespace

import numpy as np
import pytest
from tests.recommend.stores import House

from penchant.adapters.numba_scan import int8_rows
from penchant.model.repeat import empty_memory
from penchant.recommend import search
from penchant.recommend.retrieval import follow
from penchant.recommend.retrieval.follow import Retrieval
from penchant.recommend.similar import SimilarItems
from penchant.testing.planted import Faded, PlantedModel
from penchant.types import Item

N, DIM = 400, 8


def vectors_of(seed):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((N, DIM)).astype(np.float32)
    return vectors * rng.uniform(0.1, 9, (N, 1)).astype(np.float32)  # long ones are no nearer


def test_similar_items_found_by_a_form_are_those_of_all(monkeypatch):
    monkeypatch.setattr(follow, "FEW", 0)
    house, made = House(vectors_of(0)), []

    def make(vectors, levels):
        made.append(np.linalg.norm(vectors, axis=1))
        return int8_rows(vectors, levels)

    full = SimilarItems(house.catalog, lambda: house.tracker)
    retrieval = Retrieval(lambda _: make, run=lambda work: work())
    quick = SimilarItems(house.catalog, lambda: house.tracker, retrieval=retrieval)
    for step in range(40):
        if step == 20:
            house.catalog.upsert([Item(item_id="i7", available=False), Item(item_id="new", title="new")])
            moved = vectors_of(0)
            moved[::50] *= -1
            house.tracker.swap(PlantedModel(moved), "s1+1")
        one, other = (found.similar(f"i{9 * step}", 6) for found in (full, quick))
        assert [item.item_id for item in one.items] == [item.item_id for item in other.items]
        scores = [[item.score for item in found.items] for found in (one, other)]
        np.testing.assert_allclose(*scores, rtol=1e-5)
        assert one.snapshot == other.snapshot
    assert len(made) == 1, "a delta moves rows of the form"
    np.testing.assert_allclose(made[0], 1, rtol=1e-5)


def test_what_a_form_may_not_know_is_found_by_its_text(monkeypatch):
    monkeypatch.setattr(follow, "FEW", 0)
    house = House(vectors_of(0))
    house.catalog.upsert([Item(item_id="a", title="red nail polish"), Item(item_id="b", title="nail polish")])
    retrieval = Retrieval(lambda _: int8_rows, run=lambda work: work())
    similar = SimilarItems(house.catalog, lambda: house.tracker, retrieval=retrieval)
    for _ in range(2):
        assert similar.similar("a", 1).items[0].item_id == "b"


class Wanting(PlantedModel):
    """Has wanted rows 9, 4 and 2 before, which score by themselves."""

    def again(self, state, now, record=None, about=None):
        return np.array([9, 4, 2]), np.array([5, 6, 7], np.float32), np.float32(0.25)

    def biases(self, now):
        return np.linspace(0, 1, self.n_items, dtype=np.float32)

    def scores(self, state, now, record=None, about=None):
        scores = self._vectors @ self.h(state, now, about) + self.biases(now) + np.float32(0.25)
        scores[[9, 4, 2]] = [5, 6, 7]
        return scores


@pytest.mark.parametrize("model", [Wanting(vectors_of(0)), PlantedModel(vectors_of(0))])
def test_of_many_items_search_scores_some(monkeypatch, model):
    state, record = Faded(vectors_of(1)[0], 0.0), empty_memory(1, 3)[0]
    reading = SimpleNamespace(model=model, state=state, record=record, about=None)
    rows = np.array([3, 399, 9, 2, 17])
    own, everything = search._scores_of(reading, rows, 0.0)
    assert len(everything) == N
    monkeypatch.setattr(search, "SPREAD", 50)
    monkeypatch.setattr(model, "scores", None)
    quick, some = search._scores_of(reading, rows, 0.0)
    np.testing.assert_allclose(quick, own, rtol=1e-5)
    np.testing.assert_allclose(some, everything[::8], rtol=1e-5, atol=1e-5)
