import numpy as np

from penchant.catalog.queries import QueryVectors
from penchant.testing.fakes import FakeTextEncoder


def test_a_text_is_read_once_and_all_new_ones_together() -> None:
    encoder = FakeTextEncoder()
    queries = QueryVectors(encoder)
    found = queries.of(["tea", "milk", "tea"])
    np.testing.assert_array_equal(found, encoder.encode(["tea", "milk", "tea"]))
    encoder.read.clear()
    np.testing.assert_array_equal(queries.of(["milk", "tea"]), found[1:])
    assert encoder.read == []
    assert queries.of([]).shape[0] == 0


def test_only_the_newest_are_kept_and_no_words() -> None:
    encoder = FakeTextEncoder()
    queries = QueryVectors(encoder, capacity=2)
    queries.of(["tea", "milk"])
    queries.of(["tea"])
    queries.of(["honey"])
    encoder.read.clear()
    queries.of(["tea"])
    assert encoder.read == []
    queries.of(["milk"])
    assert encoder.read == ["milk"]
    assert not any(b"milk" in key for key in queries._known)
