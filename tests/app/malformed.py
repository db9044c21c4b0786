"""Good events and ways to spoil them, drawn by a seed: as records, as lines of JSON and as rows of CSV."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Record = dict[str, Any]
Rng = np.random.Generator
COLUMNS = ("user_id", "type", "timestamp", "item_id", "price", "quantity", "value", "query", "sequence", "n")
KINDS = ("view", "purchase", "search", "rating")
NOT_ONE_VALUE: Sequence[Any] = ([1], {"a": 1}, [], {}, [[[]]], {"a": {"b": [None]}})
NO_ID: Sequence[Any] = (*NOT_ONE_VALUE, "", "   ", "x" * 300, "a\0b", "a\nb", "\x7f", 1.5, True, 2**60, 1e300)
NO_NUMBER: Sequence[Any] = (
    *NOT_ONE_VALUE, True, False, "", "cheap", "1,50", "NaN", "inf", "-Infinity", "0x1f", "１", "1e999", "--1",
    "1 000",
)  # fmt: skip
NO_AMOUNT = (*NO_NUMBER, -1, -0.001, "-3", 1e300, 10**30)
NO_WHOLE = (*NO_NUMBER, -1, 1.5, "2.5", 2**60, -(2**70), 1e300)
NO_TIME: Sequence[Any] = (
    *NOT_ONE_VALUE, True, "", "   ", "yesterday", -5, 0, 1.7e12, 1.7e15, 1e300, "2999-01-01", "2026-13-45",
    "2025-02-30", "0000-00-00", "12:30", "NaN", "inf", "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59", "2025-01-01T25:00", "1/2/2025", "2025-01-01T00:00:00+99:99", "x" * 5_000,
)  # fmt: skip
NO_TYPE: Sequence[Any] = (*NOT_ONE_VALUE, "", "VIEW", "buy", 3, True, "view ", "view\0", "ｖiew")
SPOILT: dict[str, Sequence[Any]] = {
    "user_id": NO_ID, "item_id": NO_ID, "event_id": NO_ID, "session_id": NO_ID, "recommendation_id": NO_ID,
    "type": NO_TYPE, "timestamp": NO_TIME, "price": NO_AMOUNT, "quantity": NO_AMOUNT,
    "sequence": NO_WHOLE, "position": NO_WHOLE,
    "query": (*NOT_ONE_VALUE, 1.5, True, 2**60, "a\0b", "\x1b[2J"),
    "extra": (*NOT_ONE_VALUE, "a\0b", 2**60, -(2**60)),
}  # fmt: skip


def good(n: int, rng: Rng) -> Record:
    """The ``n``-th event; no two are the same."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    record: Record = {
        "user_id": f"user {rng.integers(200)}", "type": kind,
        "timestamp": 1_740_000_000 + int(rng.integers(10**7)), "sequence": n, "n": n,
    }  # fmt: skip
    if kind == "search":
        return record | {"query": f"größe {rng.integers(50)}"}
    record["item_id"] = f"item-{rng.integers(300)}"
    if kind == "rating":
        record["value"] = int(rng.integers(1, 6))
    if kind == "purchase":
        record |= {"price": float(rng.integers(1, 9_000)) / 100, "quantity": int(rng.integers(1, 9))}
    return record


def _one_column(record: Record, rng: Rng) -> Record:
    names = [name for name in SPOILT if name != "item_id" or record["type"] != "search"]
    name = names[int(rng.integers(len(names)))]
    bad = SPOILT[name]
    return record | {name: bad[int(rng.integers(len(bad)))]}


def _nothing_there(record: Record, rng: Rng) -> Record:
    needed = {"search": "query", "rating": "value"}.get(record["type"], "item_id")
    name = ("user_id", "type", "timestamp", needed)[int(rng.integers(4))]
    left = {other: cell for other, cell in record.items() if other != name}
    return left if rng.random() < 0.5 else record | {name: None}


def _at_odds(record: Record, rng: Rng) -> Record:
    """Each column is good, and they contradict each other."""
    if rng.random() < 0.5:
        return record | {"type": "search", "query": "tea", "item_id": "item-1"}
    return record | {
        "type": "rating",
        "item_id": "item-1",
        "value": (0, 6, 5.01, "0.99")[int(rng.integers(4))],
    }


def _too_many(record: Record, rng: Rng) -> Record:
    return record | {f"more-{n}": n for n in range(int(rng.integers(65, 200)))}


def _odd_name(record: Record, rng: Rng) -> Record:
    return record | {("a\0b", "\x1f", "a\x7f")[int(rng.integers(3))]: 1}


WAYS: Sequence[Callable[[Record, Rng], Record]] = (
    *(_one_column,) * 8, *(_nothing_there,) * 2, _at_odds, _too_many, _odd_name,
)  # fmt: skip


def spoilt(record: Record, rng: Rng) -> Record:
    """The same, but it breaks a rule."""
    return WAYS[int(rng.integers(len(WAYS)))](record, rng)


def json_line(record: Record, rng: Rng) -> bytes:
    """A line that is not the JSON object it should be, or one whose text is broken."""
    line = json.dumps(record, ensure_ascii=False).encode()
    place = int(rng.integers(1, len(line) - 1))
    ways = (
        line[:place], line[place:], line[:-1] + b",", line[:-1] + b"}}", b"[" + line + b"]", line + line,
        b"null", b"7", b'"text"', b"[" * 100_000, line[:-1] + b', "price": NaN}', b"\0" * 9,
        line[:-1] + b', "value": 1' + b"0" * 500 + b"}", b"'" + line + b"'",
        line[:-1] + b', "query": "\\ud800"}', line.replace(b'"', b"'"),
        line[:2] + b"\xff\xfe" + line[2:], line[:-1] + b', "query": "\xed\xa0\x80"}',
        line.replace(b": ", b"=>"), b"{" + line, line.decode().encode("utf-16-le"),
    )  # fmt: skip
    return ways[int(rng.integers(len(ways)))].replace(b"\n", b" ")


def csv_row(record: Record, names: Sequence[str] = COLUMNS) -> bytes:
    """A good row, as a table writer makes it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([record.get(name, "") for name in names])
    return text.getvalue().encode()


def broken_row(record: Record, rng: Rng) -> bytes:
    """One with a cell too many or too few, a quote or a byte in the wrong place, or a bad value."""
    cells = csv_row(record).rstrip(b"\n").split(b",")
    ways = (
        [*cells, b"more"], cells[:-2], cells[:1], [b'"' + cells[0] + b'"x', *cells[1:]],
        [b'"a"b"', *cells[1:]], [b"a\xffb", *cells[1:]], [cells[0], b"\xe9", *cells[2:]],
        [cells[0], b"\0", *cells[2:]],
        [b"", *cells[1:]], [*cells[:2], b"", *cells[3:]], [*cells[:2], b"31.12.2025", *cells[3:]],
        [*cells[:4], b"9,5", *cells[5:]], [*cells[:4], b"-1", *cells[5:]], [*cells[:4], b"1e400", *cells[5:]],
        [*cells[:8], b"first", *cells[9:]], [b"x" * 500, *cells[1:]],
    )  # fmt: skip
    return b",".join(ways[int(rng.integers(len(ways)))]) + b"\n"
