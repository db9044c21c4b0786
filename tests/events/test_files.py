import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_doubles import Shop, view

from penchant.errors import Interrupted, InvalidInput
from penchant.events.letters import MAX_KEPT
from penchant.events.sources import open_source, table_of

HEADER = "user_id,type,timestamp,item_id,price\n"
ROW = "anna,view,1600000000,a,1.5\n"


def write(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "name", ["e.csv", "e.csv.gz", "e.jsonl", "e.jsonl.gz", "e.parquet", "e", "e.data.tsv"]
)
def test_every_format_gives_the_same_events(tmp_path, name, shop):
    path = tmp_path / name
    records = [view(price=1.5), view(item_id="b", price=None), view(item_id="c")]
    if "parquet" in name:
        pq.write_table(pa.Table.from_pylist(records, schema=pa.schema(
            {"user_id": pa.string(), "type": pa.dictionary(pa.int8(), pa.string()),
             "timestamp": pa.timestamp("s", tz="UTC"), "item_id": pa.large_string(), "price": pa.float32()}
        )), path)  # fmt: skip
    else:
        mark = "\t" if "tsv" in name else ","
        lines = [msgspec.json.encode(r).decode() for r in records]
        if "jsonl" not in name:
            names = ["user_id", "type", "timestamp", "item_id", "price"]
            lines = [mark.join(names), *(mark.join(str(r.get(n) or "") for n in names) for r in records)]
        data = ("\n".join(lines) + "\n").encode()
        path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    report = shop.intake.import_file(path)
    assert (report.rows, report.accepted, report.rejected) == (3, 3, {})
    assert [(e.item_id, e.price) for e in shop.log.events] == [("a", 1.5), ("b", None), ("c", None)]
    again = shop.intake.import_file(path)
    assert (again.accepted, again.duplicates) == (0, 3)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("e.csv", b"", "empty"),
        ("e.csv", b" \n\n", "empty"),
        ("e.csv.gz", b"", "empty"),
        ("e.csv.gz", b"not gzip", "cannot be read"),
        ("e.parquet", b"PAR1 broken", "not a readable Parquet file"),
        ("e.parquet", b"hello", "not a readable Parquet file"),
        ("e.csv", "user_id,name\nanna,x\n", "needs the columns type, timestamp"),
        ("e.csv", "user_id,user_id\nanna,x\n", "named twice"),
        ("e.csv", "user_id,,type\n", "no name"),
        ("e.csv", (HEADER + ROW + "jörg,view,1,a,1\n").encode("latin-1"), "row 3: not UTF-8"),
        ("e.csv", HEADER.encode("utf-16"), "UTF-16"),
        ("e.csv", b"\0\1\2" * 100, "binary"),
        ("e.json", b"[{}]", "JSON array"),
        ("e.jsonl", b"{broken\n", "no line"),
        ("e.xlsx", b"PK\3\4", "unknown ending"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path, shop, name, content, words):
    with pytest.raises(InvalidInput, match=words) as caught:
        shop.intake.import_file(write(tmp_path / name, content))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert shop.log.count() == 0


def test_no_such_file(shop, tmp_path):
    with pytest.raises(InvalidInput, match="no such file"):
        shop.intake.import_file(tmp_path / "none.csv")


def test_an_unknown_column_type_is_named(tmp_path, shop):
    path = tmp_path / "e.parquet"
    pq.write_table(pa.table({"user_id": ["a"], "type": ["view"], "timestamp": [1], "tags": [["x"]]}), path)
    with pytest.raises(InvalidInput, match="column 'tags' has the unknown type list"):
        shop.intake.import_file(path)


def test_bad_rows_are_dead_letters_and_all_others_are_in(tmp_path, shop):
    text = HEADER + ROW + "anna,view,1600000000,a\n" + "anna,view,1600000000,a,-5\n" + '"x"y,view\n' + ROW
    report = shop.intake.import_file(write(tmp_path / "e.csv", text))
    assert report.accepted == 2
    assert report.rejected == {"negative": 1, "ragged": 1, "bad-csv": 1}
    assert {letter.code: letter.row for letter in shop.letters.letters.values()} == {
        "ragged": 3, "negative": 4, "bad-csv": 5,
    }  # fmt: skip
    kept = next(letter for letter in shop.letters.letters.values() if letter.code == "negative")
    assert kept.content["price"] == "-5"
    assert kept.content["user_id"] == kept.user_id != "anna"
    assert "anna" not in repr(shop.letters.letters)


def test_one_bad_json_line(tmp_path, shop):
    good = msgspec.json.encode(view()).decode() + "\n"
    text = good + '{"user_id": "anna", broken\n' + "[1]\n" + "[" * 5000 + "\n\n" + good
    report = shop.intake.import_file(write(tmp_path / "e.jsonl", text))
    assert (report.accepted, report.rejected) == (2, {"bad-json": 3})
    assert [letter.row for letter in shop.letters.letters.values()] == [2, 3, 4]
    assert "anna" not in repr(shop.letters.letters)


def test_bytes_that_are_not_utf8_late_in_a_file(tmp_path, shop):
    rows = [ROW.encode()] * 60_000
    rows[50_000] = b"anna,view,1600000000,caf\xe9,1\n"
    report = shop.intake.import_file(write(tmp_path / "e.csv", HEADER.encode() + b"".join(rows)))
    assert report.rejected == {"encoding": 1}
    assert report.accepted == 59_999
    assert report.examples[0].startswith("row 50002: item_id is not UTF-8")


@pytest.mark.parametrize(("damaged", "refused"), [((5,), False), ((0,), True), ((2, 5), True)])
def test_few_damaged_lines_wait_and_a_file_of_another_encoding_is_refused(tmp_path, shop, damaged, refused):
    lines = [HEADER.encode(), *(f"u,view,160000000{n},caf,\n".encode() for n in range(10))]
    for place in damaged:
        lines[place] = lines[place].replace(b"\n", b"\xe9\n")
    path = write(tmp_path / "e.csv", b"".join(lines))
    if refused:
        with pytest.raises(InvalidInput, match=rf"row {damaged[0] + 1}: not UTF-8 text \(byte 0xe9"):
            shop.intake.import_file(path)
        assert not shop.log.events
    else:
        report = shop.intake.import_file(path)
        assert (report.accepted, len(report.rejected)) == (9, 1)


def test_a_text_of_10_mb_is_refused_quickly_and_kept_short(tmp_path, shop):
    path = write(
        tmp_path / "e.csv",
        "user_id,type,timestamp,item_id,text\n" + ROW.replace("1.5", "x" * 10_000_000) + ROW,
    )
    start = time.monotonic()
    report = shop.intake.import_file(path)
    assert time.monotonic() - start < 5
    assert (report.accepted, report.rejected) == (1, {"too-long": 1})
    assert len(repr(shop.letters.letters)) < MAX_KEPT + 1_000


def test_an_unclosed_quote_stops_with_the_row_and_keeps_what_was_before(tmp_path, shop):
    rows = ROW * 30_000 + 'anna,view,1600000000,"a,1\n' + ROW
    with pytest.raises(InvalidInput, match=r"row 30002: a quote is opened"):
        shop.intake.import_file(write(tmp_path / "e.csv", HEADER + rows))
    assert shop.log.count() >= 20_000


def test_a_broken_parquet_body_is_named(tmp_path, shop):
    path = tmp_path / "e.parquet"
    table = pa.table({k: [v] * 50_000 for k, v in view().items()} | {"price": [n / 7 for n in range(50_000)]})
    pq.write_table(table, path, row_group_size=25_000, use_dictionary=False, compression="zstd")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = b"\xff" * 2000
    path.write_bytes(bytes(data))
    with pytest.raises(InvalidInput, match="broken after row"):
        shop.intake.import_file(path)


def test_of_a_parquet_row_group_larger_than_a_chunk_only_a_part_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("penchant.events.parquet.CHUNK_CHARACTERS", 1_000_000)
    path, rows, text = tmp_path / "e.parquet", 300, "x" * 100_000
    table = pa.table({"user_id": ["anna"] * rows, "text": [f"{n} {text}" for n in range(rows)]})
    pq.write_table(table, path, use_dictionary=False, compression="none", write_batch_size=10)
    size, before = table.nbytes, pa.total_allocated_bytes() - table.nbytes
    del table
    seen, most = 0, 0
    for chunk in open_source(path).chunks():
        assert chunk.columns is not None
        assert sum(map(len, chunk.columns["text"])) <= 1_100_000
        seen, most = seen + len(chunk.rows), max(most, pa.total_allocated_bytes() - before)
    assert seen == rows
    assert most < size / 2


def test_quoted_newlines_and_a_byte_order_mark(tmp_path, shop):
    text = '\ufeffuser_id;type;timestamp;item_id;text\nanna;review;1600000000;a;"two\nlines; ""good"""\n'
    shop.intake.import_file(write(tmp_path / "e.csv", text))
    assert shop.log.events[0].text == 'two\nlines; "good"'


def test_tables_are_told_apart_by_their_columns():
    assert table_of(["user_id", "type", "timestamp", "item_id"], "f") == "events"
    assert table_of(["item_id", "title", "price"], "f") == "items"
    assert table_of(["item_id", "type"], "f") == "items"
    with pytest.raises(InvalidInput, match="needs the column item_id"):
        table_of(["name"], "f.csv")
    with pytest.raises(InvalidInput, match="needs the column type"):
        table_of(["user_id", "timestamp", "item_id"], "f.csv")


def test_progress_reaches_the_size_of_the_file(tmp_path, shop):
    path = write(tmp_path / "e.csv", HEADER + ROW * 45_000)
    seen = []
    shop.intake.import_file(path, lambda done, total, rows: seen.append((done, total, rows)))
    assert [rows for *_, rows in seen] == [20_000, 40_000, 45_000]
    assert seen[-1][0] == seen[-1][1] == open_source(path).total


def test_ctrl_c_stops_after_the_chunk_and_the_next_import_finishes(tmp_path, shop):
    rows = "".join(f"anna,view,{1_600_000_000 + n // 2},a,1\n" for n in range(50_000))
    path = write(tmp_path / "e.csv", HEADER + rows)
    with pytest.raises(Interrupted, match="run the same command again"):
        shop.intake.import_file(path, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    assert shop.log.count() == 20_000
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    shop.intake.import_file(path)
    assert shop.log.count() == 50_000
    whole = Shop()
    whole.intake.import_file(path)
    assert [e.event_id for e in whole.log.events] == [e.event_id for e in shop.log.events]


_IMPORT = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from event_doubles import Shop
from penchant.events.log import Appended
class Counting:
    n = 0
    def append(self, events):
        self.n += len(events)
        return Appended(list(range(len(events))), [], [])
shop = Shop(log=Counting())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = shop.intake.import_file(Path({path!r}))
print(report.accepted, report.rejected, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
def test_a_million_rows_with_one_bad_row_in_little_memory(tmp_path):
    path = tmp_path / "e.csv"
    with path.open("w") as file:
        file.write(HEADER)
        for n in range(1_000_000):
            price = -1 if n == 500_000 else n % 100
            file.write(f"u{n % 5000},purchase,{1_500_000_000 + n},i{n % 9973},{price}\n")
    script = _IMPORT.format(here=str(Path(__file__).parent), path=str(path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    accepted, rejected = done.stdout.split(" ", 1)
    assert int(accepted) == 999_999
    assert rejected.startswith("{'negative': 1}")
    assert int(done.stdout.split()[-1]) < 500
