"""What the benches share."""

import importlib.util
from pathlib import Path

import numpy as np
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
