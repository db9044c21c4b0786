"""What the benches share."""

import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PATH = Path(__file__).parents[2] / "bench" / "data.py"


class Counting:
    """An encoder that says how many texts it read."""

    def __init__(self, name):
        self.name, self.read = name, 0

    def encode(self, texts):
        self.read += len(texts)
        return np.array([[len(text), len(self.name)] for text in texts], dtype=np.float32)


@pytest.fixture
def data():
    spec = importlib.util.spec_from_file_location("bench_data", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_kept_vectors_are_of_the_same_texts_and_encoder(data, monkeypatch, tmp_path):
    def vectors(name, *texts):
        encoder = Counting(name)
        monkeypatch.setattr(data, "load_sentence_encoder", lambda _: encoder)
        return data.text_vectors(list(texts), tmp_path / "cache" / "beauty").tolist(), encoder.read

    assert vectors("a", "tea", "milk", "tea") == ([[3, 1], [4, 1], [3, 1]], 2)
    assert vectors("a", "tea", "milk", "tea") == ([[3, 1], [4, 1], [3, 1]], 0)
    assert vectors("a", "milk", "tea", "tea") == ([[4, 1], [3, 1], [3, 1]], 2)
    assert vectors("bb", "tea") == ([[3, 2]], 1)


def test_a_folder_is_read_in_its_order_and_its_split_is_not_looked_at(data, tmp_path):
    kinds = ["view", "purchase", "purchase", "refund", "purchase", "purchase"]
    events = {
        "user_id": ["b", "b", "b", "b", "a", "b"],
        "item_id": ["x", "y", "x", "x", "new", "z"],
        "type": kinds,
        "timestamp": [5, 5, 5, 6, 9, 7],
        "session_id": ["s", "s", "s", None, None, "t"],
        "split": ["test", "train", "train", "train", "train", "train"],
    }
    pq.write_table(pa.table(events), tmp_path / "events.parquet")
    items = [{"item_id": "x", "title": "Tea", "price": 2.5}, {"item_id": "y", "title": None}]
    pq.write_table(pa.Table.from_pylist(items), tmp_path / "items.parquet")
    users = [{"user_id": "a", "city": "Bonn", "age": 30}, {"user_id": "who", "city": "Ulm", "age": None}]
    pq.write_table(pa.Table.from_pylist(users), tmp_path / "users.parquet")
    loaded = data.load(str(tmp_path))
    histories, texts = loaded.histories, loaded.texts
    assert loaded.attributes == [{}, {"city": "Bonn", "age": "30"}]
    np.testing.assert_array_equal(loaded.prices, np.array([2.5, np.nan, np.nan, np.nan], np.float32))
    assert texts == ["Tea", "", "", ""]
    assert histories.lengths().tolist() == [4, 1]
    assert histories.items.tolist() == [0, 1, 0, 3, 2]  # x y x z, then the one that has no line
    assert (np.diff(histories.baskets) == 0).tolist() == [False, True, False, False]


def test_times_are_seconds_however_they_are_written(data, tmp_path):
    for times in ([0, 60], ["1970-01-01T00:00:00Z", "1970-01-01T01:01:00+01:00"]):
        rows = {"user_id": ["u", "u"], "item_id": ["x", "y"], "type": ["view", "view"], "timestamp": times}
        pq.write_table(pa.table(rows), tmp_path / "events.parquet")
        assert data.load(str(tmp_path)).histories.times.tolist() == [0.0, 60.0]


def test_online_retail_keeps_what_customers_bought(data, monkeypatch, tmp_path):
    monkeypatch.setattr(data, "SHARED", tmp_path)
    lines = [
        ("1", "u", "11111A", "RED CUP", 2, 1.0),
        ("1", "u", "22222", "BLUE CUP", 1, 1.0),
        ("C2", "u", "11111A", "RED CUP", -2, 1.0),
        ("3", None, "11111A", "RED CUP", 1, 1.0),
        ("4", "u", "POST", "POSTAGE", 1, 18.0),
        ("4", "u", "11111A", "RED CUP", 1, 0.0),
        ("4", "u", "11111A", "red cup?", 1, 2.0),
    ]
    names = ("invoice", "user_id", "item_id", "title", "quantity", "price")
    rows = [
        dict(zip(names, line, strict=True), timestamp=60 * n, country="France")
        for n, line in enumerate(lines)
    ]
    (tmp_path / "online-retail").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "online-retail" / "lines.parquet")
    loaded = data.load("online-retail")
    histories, texts = loaded.histories, loaded.texts
    assert loaded.prices.tolist() == [1.5, 1.0]
    assert loaded.attributes == [{"country": "France"}]
    assert histories.items.tolist() == [0, 1, 0]
    assert (np.diff(histories.baskets) == 0).tolist() == [True, False]
    assert texts == ["RED CUP", "BLUE CUP"]
