"""Words and meaning together: what changes in the catalogue is found in the next search."""

import numpy as np
import pytest
from tests.recommend.stores import DAY, House

from penchant.adapters.faiss_lists import InvertedLists
from penchant.catalog.catalog import Catalog
from penchant.errors import EncoderGone, InvalidInput
from penchant.recommend.meaning import NEAREST, Meaning
from penchant.recommend.search import Search
from penchant.types import Item

COLOURS = ["red", "blue", "green", "black", "white"]


def at_once(work):
    work()


def house_of(size):
    house = House(np.eye(4, dtype=np.float32))
    house.catalog.upsert(
        [
            Item(item_id=f"n{n}", title=f"{COLOURS[n % 5]} towel {'soft ' * (n % 3)}size {n % 97}")
            for n in range(size)
        ]
    )
    return house


def ids_of(found):
    return [one.item_id for one in found.items]


def search_of(house, **more):
    return Search(house.catalog, lambda _: house.tracker, **more)


def forms(made):
    def make(vectors, levels):
        made.append(len(vectors))
        return InvertedLists(vectors, levels)

    return Meaning(lambda _: make, at_once)


def test_of_the_nearest_texts_it_finds_what_it_finds_of_all():
    house, made = house_of(2_000), []
    full, quick = search_of(house), search_of(house, meaning=forms(made))
    house.does("p", "n7", at=DAY)
    for query in ("red towel", "soft blue towel size 13", "tovel size 96", "size", "unheard of", "gren"):
        one, other = (found.search(query, 12, 2 * DAY, person="p") for found in (full, quick))
        scores = [[item.score for item in found.items] for found in (one, other)]
        np.testing.assert_allclose(*scores, atol=1e-3)
        assert other.snapshot == one.snapshot == "s1"
    assert made == [len(house.catalog.texts_at_hand().vectors)]


@pytest.mark.parametrize("many", [False, True])
def test_a_change_is_found_by_the_next_search(many):
    house, made = house_of(600), []
    search = search_of(house, meaning=forms(made) if many else None)
    assert "w1" not in ids_of(search.search("walnut desk", 5, 0.0))
    house.catalog.upsert([Item(item_id="w1", title="walnut desk"), Item(item_id="w2", title="oak bench")])
    assert ids_of(search.search("walnut desk", 5, 0.0))[0] == "w1"
    house.catalog.upsert([Item(item_id="w1", title="marble lamp"), Item(item_id="w2", title="walnut desk")])
    assert ids_of(search.search("walnut desk", 5, 0.0))[0] == "w2"
    assert ids_of(search.search("marble lamp", 5, 0.0))[0] == "w1"
    house.catalog.upsert([Item(item_id="w2", title="walnut desk", available=False)])
    assert "w2" not in ids_of(search.search("walnut desk", 5, 0.0))
    house.catalog.delete(["w1"])
    assert "w1" not in ids_of(search.search("marble lamp", 5, 0.0))
    house.catalog.upsert([Item(item_id="w1", title="marble lamp")])
    assert ids_of(search.search("marble lamp", 5, 0.0))[0] == "w1"
    assert len(made) == many, "texts are added to the form"


def test_texts_that_many_items_share_are_all_found():
    house = House(np.eye(4, dtype=np.float32))
    house.catalog.upsert([Item(item_id=f"s{n}", title="plain mug") for n in range(NEAREST + 100)])
    house.catalog.upsert([Item(item_id="s3", title="plain mug", available=False)])
    found = search_of(house, meaning=forms([])).search("plain mug", 450, 0.0)
    assert len(found.items) == 450
    assert all(one.startswith("s") and one != "s3" for one in ids_of(found))


def test_where_no_form_can_be_made_all_are_compared(caplog):
    house, tried = house_of(50), []

    def make(vectors, levels):
        tried.append(1)
        raise MemoryError("too many")

    search = search_of(house, meaning=Meaning(lambda _: make, at_once))
    for _ in range(3):
        assert len(search.search("red towel", 9, 0.0).items) == 9
    assert tried == [1]
    assert "compares all of them" in caplog.text


def test_a_query_without_a_word_finds_nothing_and_an_empty_one_is_refused():
    search = search_of(house_of(20))
    for query in ("!!!", "💅", "\x00"):
        assert search.search(query, 5, 0.0) == search.search("...", 5, 0.0)
        assert search.search(query, 5, 0.0).items == ()
    for query in ("", " \t\n"):
        with pytest.raises(InvalidInput, match="at least one word"):
            search.search(query, 5, 0.0)
    assert len(search.search("towel " * 20_000, 5, 0.0).items) == 5


def test_without_a_language_model_words_alone_find(monkeypatch):
    house = house_of(60)

    def gone(self):
        raise EncoderGone("no model")

    monkeypatch.setattr(Catalog, "texts_at_hand", gone)
    heard = []
    search = search_of(house, popular=lambda view, row: np.arange(len(view), dtype=np.float32),
                       on_fault=lambda reason, error: heard.append(reason))  # fmt: skip
    found = search.search("black tovel", 60, 0.0)
    black = [f"n{n}" for n in range(3, 60, 5)]
    assert set(ids_of(found)[: len(black)]) == set(black)
    assert not any(one.startswith("i") for one in ids_of(found)), "these hold no word"
    assert found.fallback == "encoder"
    assert heard == ["encoder"]
    same = search.search("towel", 3, 0.0)
    assert ids_of(same) == sorted(ids_of(same), key=lambda one: -int(one[1:])), "popular ones first"
    assert ids_of(search.search("unheard of", 1, 0.0)) == ["n59"]
