import numpy as np
import pytest
from tests.recommend.stores import Cache, Ids, Items

from penchant.catalog.catalog import Catalog
from penchant.catalog.view import view_of
from penchant.testing.planted import WordEncoder
from penchant.types import Item


@pytest.fixture
def made():
    ids, encoder = Ids(), WordEncoder()
    store, cache = Items(ids), Cache()
    return Catalog(store, ids, encoder, cache), store, ids, encoder, cache


def milk(**more):
    return Item(**({"item_id": "m", "title": "oat milk", "category": "Dairy > Milk", "price": 2.0} | more))


def test_a_change_is_in_the_next_view(made):
    catalog, *_ = made
    assert catalog.upsert([milk(), Item(item_id="b", title="bread")]) == 2
    assert catalog.view().available.tolist() == [True, True]
    catalog.upsert([milk(available=False)])
    assert catalog.view().available.tolist() == [False, True]
    catalog.delete(["b"])
    view = catalog.view()
    assert view.available.tolist() == [False, False]
    assert view.listed.tolist() == [True, False]
    assert catalog.get("b") is None


def test_a_view_in_use_does_not_change(made):
    catalog, *_ = made
    catalog.upsert([milk()])
    held = catalog.view()
    catalog.delete(["m"])
    catalog.upsert([Item(item_id="new")])
    assert held.available.tolist() == [True]
    assert held.row("new") == -1


def test_a_change_of_another_process_is_seen(made):
    catalog, store, ids, *_ = made
    catalog.upsert([milk()])
    catalog.view()
    ids.assign(["x"])
    store.upsert([Item(item_id="x", title="elsewhere")])
    assert catalog.view().row("x") == 1
    assert catalog.view().title_of("x") == "elsewhere"


def test_patched_views_equal_views_read_anew(made):
    catalog, store, ids, *_ = made
    rng = np.random.default_rng(0)
    for _ in range(60):
        item_id = f"i{rng.integers(12)}"
        if rng.random() < 0.3:
            catalog.delete([item_id])
        else:
            catalog.upsert(
                [milk(item_id=item_id, price=float(rng.random()), category=f"c{rng.integers(3)} > x")]
            )
    patched = catalog.view()
    fresh = view_of(0, ids.item_ids(), {ids.known[i.item_id]: i for i in store.all()})
    assert patched.available.tolist() == fresh.available.tolist()
    listed = patched.listed
    assert listed.any()
    np.testing.assert_array_equal(patched.price[listed], fresh.price[listed])
    names = [patched.categories.name(int(c)) for c in patched.category[listed]]
    assert names == [fresh.categories.name(int(c)) for c in fresh.category[listed]]
    np.testing.assert_array_equal(
        catalog.text_vectors(), Catalog(store, ids, WordEncoder(), Cache()).text_vectors()
    )


def test_an_item_known_from_events_only_is_not_for_sale(made):
    catalog, _, ids, *_ = made
    ids.assign(["seen-in-an-event"])
    catalog.upsert([milk()])
    assert catalog.view().available.tolist() == [False, True]
    assert not catalog.text_vectors()[0].any()


def test_equal_texts_are_read_once_and_known_ones_never_again(made):
    catalog, store, ids, encoder, cache = made
    catalog.upsert([milk(item_id=f"m{n}") for n in range(5)], embed=False)
    assert encoder.read == []
    first = catalog.text_vectors()
    assert len(encoder.read) == 1
    again = WordEncoder()
    np.testing.assert_array_equal(first, Catalog(store, ids, again, cache).text_vectors())
    assert again.read == []


def test_an_upsert_through_the_door_has_its_vector_at_once(made):
    catalog, _, _, encoder, _ = made
    catalog.upsert([milk()])
    catalog.text_vectors()
    catalog.upsert([Item(item_id="b", title="rye bread")])
    assert encoder.read[-1].startswith("rye bread")
    before = len(encoder.read)
    assert catalog.text_vectors()[1].any()
    assert len(encoder.read) == before


def test_progress_counts_texts_and_an_interrupted_run_keeps_its_chunks(made, monkeypatch):
    monkeypatch.setattr("penchant.catalog.texts.CHUNK", 2)
    catalog, *_, encoder, _cache = made
    catalog.upsert([milk(item_id=str(n), title=f"t{n}") for n in range(5)], embed=False)
    seen = []

    def stop_after_two(done, whole):
        seen.append((done, whole))
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        catalog.text_vectors(stop_after_two)
    assert seen == [(2, 5), (4, 5)]
    catalog.text_vectors()
    assert len(encoder.read) == 5
