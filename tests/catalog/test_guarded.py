"""A language model that may be gone: one kind of error, at once, and back by itself."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.recommend.stores import Cache, Ids, Items

from penchant.catalog.catalog import Catalog
from penchant.catalog.guarded import GuardedEncoder, Identity
from penchant.errors import EncoderGone, MissingExtra, StorageError
from penchant.testing.fakes import FakeTextEncoder
from penchant.types import Item


def at_once(work: Callable[[], None]) -> None:
    work()


class Source:
    """Gives an encoder unless it is gone, and counts who asks."""

    def __init__(self) -> None:
        self.encoder, self.gone, self.asked = FakeTextEncoder(8), False, 0

    def __call__(self) -> FakeTextEncoder:
        self.asked += 1
        if self.gone:
            raise MissingExtra("not installed")
        return self.encoder


def test_whatever_it_raises_is_one_error_and_it_is_not_tried_again_at_once() -> None:
    now, source = [0.0], Source()
    guarded = GuardedEncoder(source, again=5.0, clock=lambda: now[0], beside=at_once)
    tried: list[Any] = []

    def broken(texts: Any) -> Any:
        tried.append(texts)
        raise RuntimeError("out of memory\nand more")

    real, source.encoder.encode = source.encoder.encode, broken  # type: ignore[method-assign]
    for _ in range(3):
        with pytest.raises(EncoderGone, match="out of memory"):
            guarded.encode(["tea"])
    assert (len(tried), guarded.failure) == (1, "out of memory")
    source.encoder.encode = real  # type: ignore[method-assign]
    now[0] = 5.0
    np.testing.assert_array_equal(guarded.encode(["tea"]), real(["tea"]))
    assert guarded.failure == ""


def test_one_that_is_remembered_may_be_gone_at_the_start() -> None:
    source = Source()
    source.gone = True
    with pytest.raises(MissingExtra):
        GuardedEncoder(source)
    guarded = GuardedEncoder(source, Identity("fake-words@1", 8), again=0.0, beside=at_once)
    assert (guarded.name, guarded.dim) == ("fake-words@1", 8)
    with pytest.raises(EncoderGone, match="not installed"):
        guarded.encode(["tea"])
    source.gone = False
    assert guarded.encode(["tea"]).shape == (1, 8)
    asked = source.asked
    guarded.encode(["milk"])
    assert source.asked == asked, "loaded once"


def test_who_asks_does_not_wait_while_it_is_loaded_again() -> None:
    source, free = Source(), threading.Event()
    source.gone = True
    guarded = GuardedEncoder(source, Identity("fake-words@1", 8), again=0.0)
    source.gone, real = False, source.encoder.encode

    def slow(texts: Any) -> Any:
        assert free.wait(10)
        return real(texts)

    source.encoder.encode = slow  # type: ignore[method-assign]
    for _ in range(3):
        with pytest.raises(EncoderGone):
            guarded.encode(["tea"])
    assert source.asked <= 2, "one at a time"
    free.set()
    latest = time.monotonic() + 10
    while guarded.failure:
        assert time.monotonic() < latest
        time.sleep(0.01)
    assert guarded.encode(["tea"]).shape == (1, 8)


def test_vectors_of_another_model_or_of_no_numbers_are_never_mixed_in() -> None:
    source = Source()
    source.gone = True
    guarded = GuardedEncoder(source, Identity("another@2", 8), again=0.0, beside=at_once)
    source.gone = False
    with pytest.raises(EncoderGone, match="restart"):
        guarded.encode(["tea"])
    guarded = GuardedEncoder(source, again=0.0, beside=at_once)
    source.encoder.encode = lambda texts: np.full((len(texts), 8), np.nan, np.float32)  # type: ignore[method-assign]
    with pytest.raises(EncoderGone, match="finite"):
        guarded.encode(["tea"])


class House:
    def __init__(self) -> None:
        self.now, self.source, self.cache = 0.0, Source(), Cache()
        self.encoder = GuardedEncoder(self.source, again=0.0, beside=at_once)
        ids = Ids()
        self.store = Items(ids)
        self.catalog = Catalog(self.store, ids, self.encoder, self.cache, lambda: self.now)  # type: ignore[arg-type]

    def gone(self, gone: bool) -> None:
        def broken(_: Any) -> Any:
            raise RuntimeError

        self.source.encoder.encode = broken if gone else FakeTextEncoder(8).encode  # type: ignore[method-assign]


def test_a_text_that_cannot_be_read_counts_as_none_until_it_can_and_only_if_it_may() -> None:
    house = House()
    house.catalog.upsert([Item(item_id="tea", title="Tea")])
    before = house.catalog.text_table()
    house.gone(True)
    assert house.catalog.upsert([Item(item_id="rum", title="Rum")]) == 1
    assert house.catalog.view().row("rum") == 1
    table = house.catalog.texts_at_hand()
    assert (table.slot.tolist(), house.catalog.unread) == ([1, 0], True)
    np.testing.assert_array_equal(table.vectors, before.vectors)
    with pytest.raises(EncoderGone):
        house.catalog.text_table()  # Who trains must not take it for an item without a text.
    house.gone(False)
    assert house.catalog.texts_at_hand().slot.tolist() == [1, 0], "not tried again at once"
    house.now = 6.0
    assert house.catalog.texts_at_hand().slot.tolist() == [1, 2]
    assert not house.catalog.unread


def test_a_cache_that_takes_nothing_and_a_store_that_cannot_be_read_keep_no_list_back() -> None:
    house = House()

    def refuse(*_: Any) -> Any:
        raise StorageError("disk full")

    house.cache.put = refuse  # type: ignore[method-assign]
    house.catalog.upsert([Item(item_id="tea", title="Tea")])
    assert house.catalog.text_table().slot.tolist() == [1]
    view = house.catalog.view()
    house.store.version = refuse  # type: ignore[method-assign]
    assert house.catalog.view() is view
    assert len(house.catalog.texts_at_hand().slot) == 1
