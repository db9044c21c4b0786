import pytest

from penchant.adapters import numba_scan
from penchant.adapters.faiss_lists import InvertedLists
from penchant.errors import MissingExtra
from penchant.testing.retriever_contract import RetrieverContract


class TestInt8(RetrieverContract):
    @pytest.fixture
    def make(self):
        return numba_scan.int8_rows


class TestFloat16(RetrieverContract):
    @pytest.fixture
    def make(self):
        return numba_scan.float16_rows


class TestInvertedLists(RetrieverContract):
    exact = False

    @pytest.fixture
    def make(self):
        return InvertedLists


def test_without_numba_one_line_tells_how_to_get_it(monkeypatch):
    numba_scan._compiled.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    with pytest.raises(MissingExtra, match=r"pip install 'penchant\[large\]'"):
        numba_scan._compiled("int8")
    numba_scan._compiled.cache_clear()
