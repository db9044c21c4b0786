from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penchant.decide.tables import read_table, typed
from penchant.errors import InvalidInput


@pytest.mark.parametrize(
    ("values", "kind", "numbers"),
    [
        (["1", " 2.5 ", "NA"], "number", [1, 2.5, np.nan]),
        (["true", "FALSE", None], "number", [1, 0, np.nan]),
        ([True, 2, Decimal("0.5")], "number", [1, 2, 0.5]),
        (["inf", "1"], "number", [np.nan, 1]),
        (["b", "a", "", "b"], "text", [1, 0, np.nan, 1]),
        (["2026-01-01", None, "2026-01-02T00:00:00Z"], "time", [1767225600, np.nan, 1767312000]),
        ([date(2026, 1, 1), None], "time", [1767225600, np.nan]),
        (["1", "two"], "text", [0, 1]),
        ([None, "  ", "NaN"], "empty", [np.nan] * 3),
    ],
)
def test_a_column_is_what_its_values_are(values, kind, numbers):
    found = typed("x", values)
    assert found.kind == kind
    np.testing.assert_allclose(found.numbers, numbers)


def test_files_of_three_forms_give_the_same(tmp_path):
    rows = {"a": [1.5, None, 2.0], "b": ["x", "y", None]}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("a,b\n1.5,x\n,y\n2.0,\n")
    (tmp_path / "t.jsonl").write_text('{"a": 1.5, "b": "x"}\n{"b": "y"}\n{"a": 2.0}\n')
    for name in ("t.parquet", "t.csv", "t.jsonl"):
        found = read_table(tmp_path / name)
        assert found.rows == 3
        np.testing.assert_allclose(found.columns["a"].numbers, [1.5, np.nan, 2.0])
        assert found.columns["b"].labels() == ["x", "y", None]


def test_rows_that_cannot_be_read_are_counted(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n1,2,3\n4,5\n")
    found = read_table(tmp_path / "t.csv")
    assert (found.rows, found.unreadable) == (2, 1)


def test_only_the_columns_that_are_asked_for_are_kept(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert list(read_table(tmp_path / "t.csv", ["b"]).columns) == ["b"]


def test_what_is_wrong_is_told(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,c\nx,1,\n")
    table = read_table(tmp_path / "t.csv")
    for name, message in (("d", "no column 'd' for the outcome"), ("c", "is empty")):
        with pytest.raises(InvalidInput, match=message):
            table.column(name, "the outcome")
    with pytest.raises(InvalidInput, match="must hold numbers, not 'x'"):
        table.number("a", "the price")
    (tmp_path / "n.jsonl").write_text('{"a": [1]}\n')
    with pytest.raises(InvalidInput, match="holds a list"):
        read_table(tmp_path / "n.jsonl")
    (tmp_path / "empty.csv").write_text("a,b\n")
    with pytest.raises(InvalidInput, match="no row"):
        read_table(tmp_path / "empty.csv")


def test_names_are_as_they_are_written(tmp_path):
    ids = [4006381333900, 4006381333901, 7]
    pq.write_table(pa.table({"item": ids}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").names("item", "the items") == [str(each) for each in ids]
    (tmp_path / "t.csv").write_text("item,t\n007,none\n7,False\n0007,null\n4006381333901,\n")
    table = read_table(tmp_path / "t.csv")
    assert table.names("item", "the items") == ["007", "7", "0007", "4006381333901"]
    assert table.names("t", "the treatment") == ["none", "False", "null", None]
    assert table.columns["item"].numbers[0] == 7


def test_a_column_of_no_names_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,c\n1,,none\n2, ,none\n")
    table = read_table(tmp_path / "t.csv")
    assert table.names("c", "the treatment") == ["none", "none"]
    for name, message in (("b", "is empty"), ("d", "no column 'd' for the items")):
        with pytest.raises(InvalidInput, match=message):
            table.names(name, "the items")


def test_places_count_rows_that_cannot_be_read(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n1,2,3\n4,5\n1\n6,7\n")
    table = read_table(tmp_path / "t.csv")
    assert (table.rows, table.unreadable) == (3, 2)
    assert table.places().tolist() == [0, 2, 4]
    (tmp_path / "t.jsonl").write_text('{"a": 1}\nno\n{"a": 2}\n')
    assert read_table(tmp_path / "t.jsonl").places().tolist() == [0, 2]
