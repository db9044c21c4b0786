"""Bad input at the command line: one clear line, a code other than 0, and nothing lost."""

import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.app.commands import GOOD, HEAD, content, run

from penchant.app.shop import Shop, init_shop

COLUMNS = {"user_id": ["ben"], "item_id": ["tea"], "type": ["purchase"], "timestamp": [1.7e9]}
LONG = "x" * 10_000_000


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    init_shop(tmp_path / "shop")
    return tmp_path / "shop"


def text(words: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    return lambda path: path.write_bytes(words.encode(encoding)) and None


def parquet(**columns: object) -> Callable[[Path], None]:
    return lambda path: pq.write_table(pa.table(COLUMNS | columns), path)


def late_latin(path: Path) -> None:
    """A byte that is not UTF-8 far behind what is looked at before anything is taken."""
    row = f"ben,{'x' * 200},view,2026-01-05,\n"
    path.write_bytes(
        (GOOD + row * 6_000 + HEAD[:0]).encode() + "ben,thé,view,2026-01-05,\n".encode("latin-1")
    )


def long_line(path: Path) -> None:
    """A quote that is opened and never closed takes in all that follows."""
    path.write_text(GOOD + 'ben,"tea,view,2026-01-05,\n' + "ben,tea,view,2026-01-05,\n" * 10, "utf-8")


REFUSED_FILES = {
    "column-type.parquet": (parquet(price=pa.array([[1.0, 2.0]])), ["column 'price'", "list<"]),
    "empty.csv": (text(""), ["the file is empty"]),
    "empty.parquet": (text(""), ["the file is empty"]),
    "empty.csv.gz": (lambda path: path.write_bytes(gzip.compress(b"")), ["the file is empty"]),
    "torn.csv.gz": (lambda path: path.write_bytes(gzip.compress(GOOD.encode())[:-9]), ["cannot be read"]),
    "utf16.csv": (text(GOOD, "utf-16"), ["UTF-16", "iconv -f UTF-16"]),
    "utf16-be.csv": (text("\ufeff" + GOOD, "utf-16-be"), ["UTF-16"]),
    "utf16-bare.csv": (text(GOOD, "utf-16-le"), ["binary file"]),
    "latin.csv": (
        text(GOOD + "ben,thé,view,2026-01-05,\n", "latin-1"),
        ["row 3", "0xe9", "iconv -f ISO-8859-1"],
    ),
    "columns.csv": (text("customer,product\n1,2\n"), ["needs the column", "customer"]),
    "twice.csv": (text("user_id,user_id\n1,2\n"), ["named twice"]),
    "picture.png": (lambda path: path.write_bytes(bytes(range(256)) * 9), ["unknown ending"]),
    "open-quote.csv": (long_line, ["row 3", "never closed"]),
    "array.json": (text('[{"user_id": "ben"}]'), ["one JSON array", "jq"]),
}


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_a_file_that_cannot_be_read(shop: Path, tmp_path: Path, name: str) -> None:
    make, words = REFUSED_FILES[name]
    make(tmp_path / name)
    (tmp_path / "good.csv").write_text(GOOD, "utf-8")
    ended = run("import", "--shop", shop, tmp_path / "good.csv", tmp_path / name)
    assert ended.code == 1
    for word in (name, *words):
        assert word in ended.line
    assert len(content(shop)["events"]) == 1, "the good file before it is in, once"


REFUSED_ROWS = {
    "type.csv": (text(GOOD + "ben,tea,frobnicate,2026-01-05,\n"), "type", "unknown-type", "frobnicate"),
    "long.csv": (text(GOOD + f"ben,{LONG},view,2026-01-05,\n"), "item_id", "too-long", "10000000"),
    "future.csv": (text(GOOD + "ben,tea,view,2999-01-05,\n"), "timestamp", "future", "2999-01-05"),
    "never.csv": (text(GOOD + "ben,tea,view,yesterday,\n"), "timestamp", "not-a-time", "yesterday"),
    "negative.csv": (text(GOOD + "ben,tea,purchase,2026-01-05,-1\n"), "price", "negative", "-1"),
    "nan.csv": (text(GOOD + "ben,tea,purchase,2026-01-05,NaN\n"), "price", "not-finite", "NaN"),
    "late.csv": (late_latin, "item_id", "encoding", "UTF-8"),
    "ragged.csv": (text(GOOD + "ben,tea,purchase,2026-01-05,1,2,3\n"), "", "ragged", "7 cells"),
    "long.jsonl": (
        text(json.dumps({name: cells[0] for name, cells in COLUMNS.items()} | {"query": LONG})),
        "query", "too-long", "10000000",
    ),
    "nan.parquet": (parquet(price=[float("nan")]), "price", "not-finite", "nan"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_ROWS)
def test_a_row_that_breaks_a_rule(shop: Path, tmp_path: Path, name: str) -> None:
    make, column, code, value = REFUSED_ROWS[name]
    make(tmp_path / name)
    for _ in range(2 if name == "negative.csv" else 1):
        ended = run("import", "--shop", shop, tmp_path / name)
        assert ended.code == 3
        assert f"was refused and waits in the dead letters: {name}: row " in ended.line
        assert value in ended.line
        assert len(ended.line) < 500
    with Shop(shop, writer=False) as opened:
        ((_, letter),) = opened.dead_letters.all()
        assert (letter.source, letter.column, letter.code) == (name, column, code)
        assert value in letter.message
        rows = pq.read_metadata(tmp_path / name).num_rows if name.endswith("parquet") else None
        good = rows - 1 if rows else max(0, len((tmp_path / name).read_bytes().splitlines()) - 2)
        assert opened.log.count() == good


def test_a_bad_row_is_repaired_and_the_whole_is_as_if_it_had_been_good(shop: Path, tmp_path: Path) -> None:
    bad = GOOD + "ben,tea,purchase,2026-01-05,-1\n"
    (tmp_path / "a.csv").write_text(bad, "utf-8")
    run("import", "--shop", shop, tmp_path / "a.csv")
    letters = run("export-dead-letters", "--shop", shop).out
    (tmp_path / "still.jsonl").write_text(letters.replace('"-1"', '"-2"'), "utf-8")
    still = run("import", "--shop", shop, "--repaired", tmp_path / "still.jsonl")
    assert (still.code, "still negative" in still.line) == (3, True)
    letters = run("export-dead-letters", "--shop", shop).out
    (tmp_path / "mended.jsonl").write_text(letters.replace('"-2"', '"1"'), "utf-8")
    for _ in range(2):
        mended = run("import", "--shop", shop, "--repaired", tmp_path / "mended.jsonl")
        assert (mended.code, mended.line) == (0, "")
    assert [row[9] for row in content(shop)["events"]] == [3.5, 1.0]
    assert content(shop)["dead_letters"] == []


def test_a_repair_file_that_is_none(shop: Path, tmp_path: Path) -> None:
    for name, words in (("none.jsonl", "none.jsonl"), ("bad.jsonl", "line 1")):
        if name == "bad.jsonl":
            (tmp_path / name).write_text("not a letter\n", "utf-8")
        ended = run("import", "--shop", shop, "--repaired", tmp_path / name)
        assert ended.code == 1
        assert words in ended.line


@pytest.mark.slow
def test_many_rows_with_one_bad_one(shop: Path, tmp_path: Path) -> None:
    """All the way into the shop; that a million are read in little memory is a test of the reader."""
    path, bad = tmp_path / "many.csv", 154_321
    with path.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        for n in range(2, 200_002):
            price = "-7.25" if n == bad else f"{n % 9}.50"
            file.write(f"u{n % 5_003},i{n % 997},purchase,{1_700_000_000 + n},{price}\n")
    ended = run("import", "--shop", shop, path)
    assert ended.code == 3
    assert ended.line.startswith(
        "penchant: 1 of 200,000 records was refused and waits in the dead letters: many.csv: row 154321:"
    )
    letter = json.loads(run("export-dead-letters", "--shop", shop).out)
    assert (letter["source"], letter["row"], letter["column"]) == ("many.csv", bad, "price")
    assert (letter["code"], letter["record"]["price"]) == ("negative", "-7.25")
    with Shop(shop, writer=False) as opened:
        assert opened.log.count() == 199_999


@pytest.mark.parametrize(
    ("place", "verb"),
    [
        ("settings", ["import", "good.csv"]),
        ("settings", ["train"]),
        ("tables", ["import", "good.csv"]),
        ("tables", ["export-events"]),
    ],
)
def test_a_shop_of_a_newer_version_is_left_alone(
    shop: Path, tmp_path: Path, verb: list[str], place: str
) -> None:
    (tmp_path / "good.csv").write_text(GOOD, "utf-8")
    if place == "settings":
        (shop / "shop.toml").write_text("version = 99\n", "utf-8")
    else:
        with sqlite3.connect(shop / "shop.db") as raw:
            raw.execute("PRAGMA user_version = 999")
        raw.close()
    before = (shop / "shop.db").read_bytes(), (shop / "shop.toml").read_bytes()
    ended = run(*verb, "--shop", shop, cwd=tmp_path)
    assert ended.code == 1
    assert "newer Penchant" in ended.line
    assert ((shop / "shop.db").read_bytes(), (shop / "shop.toml").read_bytes()) == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [(b"version = 1\nnmae = 'x'\n", "nmae"), (b"version =\n", "TOML"), (b"name = '\xe9'\n", "UTF-8")],
)
def test_settings_that_cannot_be_used(shop: Path, settings: bytes, words: str) -> None:
    (shop / "shop.toml").write_bytes(settings)
    ended = run("export-events", "--shop", shop)
    assert ended.code == 1
    assert words in ended.line


@pytest.mark.parametrize("name", ["secret.key", "shop.db"])
def test_a_shop_folder_with_a_part_missing(shop: Path, tmp_path: Path, name: str) -> None:
    (shop / name).unlink()
    ended = run("export-events", "--shop", shop)
    assert ended.code == 1
    assert name in ended.line
