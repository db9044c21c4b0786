import math
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penchant.catalog.feeds import import_items, items_of_records
from penchant.errors import InvalidInput
from penchant.settings import Settings
from penchant.types import Item


@dataclass
class Letters:
    kept: list = field(default_factory=list)

    def add(self, letters):
        self.kept += letters


def run(path):
    items, letters = {}, Letters()

    def upsert(found):
        changed = sum(items.get(item.item_id) != item for item in found)
        items.update({item.item_id: item for item in found})
        return changed

    report = import_items(path, upsert, letters, settings=Settings(), clock=lambda: 1.7e9)
    return report, items, letters.kept


@pytest.mark.parametrize(
    ("record", "column", "code"),
    [
        ({"title": "x"}, "item_id", "missing-item_id"),
        ({"item_id": ""}, "item_id", "empty"),
        ({"item_id": "x" * 300}, "item_id", "too-long"),
        ({"item_id": "a", "price": -1}, "price", "negative"),
        ({"item_id": "a", "price": math.nan}, "price", "not-finite"),
        ({"item_id": "a", "price": "1,50"}, "price", "not-a-number"),
        ({"item_id": "a", "price": 1e9}, "price", "too-large"),
        ({"item_id": "a", "available": "maybe"}, "available", "not-a-bool"),
        ({"item_id": "a", "available": 2}, "available", "not-a-bool"),
        ({"item_id": "a", "category": "Beauty >  > Nails"}, "category", "empty-level"),
        ({"item_id": "a", "title": 1.5}, "title", "not-text"),
        ({"item_id": "a", "title": "x" * 10_000_000}, "title", "too-long"),
        ({"item_id": "a", "description": "a\x00"}, "description", "control-character"),
        ({"item_id": "a", "sizes": ["S"]}, "sizes", "not-scalar"),
        ("not an object", "item_id", "missing-item_id"),
    ],
)
def test_each_rule_names_column_and_code(record, column, code):
    checked = items_of_records([record], Settings())
    assert not checked.items
    violation = checked.violations[0]
    assert (violation.column, violation.code) == (column, code)
    assert violation.message.startswith(column)


def test_a_whole_item():
    record = {
        "item_id": 7, "title": "Red polish", "category": "Beauty >  Nails", "brand": "O",
        "description": "d" * 20_000,
        "price": "2.50", "image": "http://x/y.png", "available": "no", "colour": "red", "size": 3,
        "gone": None,
    }  # fmt: skip
    assert items_of_records([record], Settings()).items == [
        Item(item_id="7", title="Red polish", category="Beauty > Nails", brand="O", description="d" * 20_000,
             price=2.5, image="http://x/y.png", available=False, attributes={"colour": "red", "size": 3})
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["i.csv", "i.jsonl", "i.parquet"])
def test_every_format_gives_the_same_items(tmp_path, name):
    path = tmp_path / name
    records = [
        {"item_id": "a", "title": "T", "price": "1.5", "colour": "red"},
        {"item_id": "b", "title": "U"},
    ]
    if name.endswith("csv"):
        path.write_text("item_id,title,price,colour\na,T,1.5,red\nb,U,,\n")
    elif name.endswith("jsonl"):
        path.write_bytes(b"\n".join(msgspec.json.encode(r) for r in records))
    else:
        pq.write_table(pa.Table.from_pylist(records), path)
    report, items, letters = run(path)
    assert (report.rows, report.items, report.changed, letters) == (2, 2, 2, [])
    assert items["a"] == Item(item_id="a", title="T", price=1.5, attributes={"colour": "red"})
    assert items["b"] == Item(item_id="b", title="U")


def test_bad_rows_are_kept_with_their_reason(tmp_path):
    path = tmp_path / "i.csv"
    path.write_text("item_id,title,price\na,T,-1\nb,U\nc,V,2\n")
    report, items, letters = run(path)
    assert list(items) == ["c"]
    assert report.rejected == {"negative": 1, "ragged": 1}
    assert [(letter.row, letter.code) for letter in letters] == [(2, "negative"), (3, "ragged")]
    assert report.examples[0] == "row 2: price is negative: '-1'; it must be 0 or more"


def test_a_file_of_other_things_is_refused(tmp_path):
    path = tmp_path / "i.csv"
    path.write_text("name,price\na,1\n")
    with pytest.raises(InvalidInput, match="needs the column item_id; the file has: name, price"):
        run(path)
