"""Tables in files, as a stream of chunks: CSV, Parquet and JSON lines.

A row that cannot be read is reported and the others go on; a file that cannot be read at all is one
clear ``InvalidInput``. Memory holds one chunk, never the file.
"""

import gzip
from collections.abc import Sequence
from pathlib import Path

from penchant.errors import InvalidInput
from penchant.events.chunks import CHUNK_ROWS, Source
from penchant.events.parquet import ParquetSource
from penchant.events.schema import REQUIRED
from penchant.events.textfiles import CsvSource, JsonLinesSource

_SNIFF = 1024 * 1024
_DAMAGED = 0.1
"""Share of the first lines up to which bytes that are not UTF-8 are a damage, and not another encoding."""
TABLES = ("events", "items", "users", "offers", "exposures", "stock", "follows")
"""Tables that a file may hold."""
_NEEDED = {
    "events": REQUIRED, "items": ("item_id",), "users": ("user_id",),
    "offers": ("offer_id", "campaign_id", "item_id", "starts", "ends"),
    "exposures": ("user_id", "campaign_id", "timestamp"), "stock": ("item_id", "timestamp", "on_hand"),
    "follows": ("user_id", "follows"),
}  # fmt: skip


def open_source(path: Path, chunk_rows: int = CHUNK_ROWS) -> Source:
    """Open a file by its name's ending, or by its content where the ending says nothing.

    Raises:
        InvalidInput: no such file, empty, binary, not UTF-8, or not one of the formats.
    """
    head = _head(path)
    kind = _format(path, head)
    if kind == "parquet":
        return ParquetSource(path, chunk_rows)
    _check_text(path, head)
    return CsvSource(path, chunk_rows) if kind == "csv" else JsonLinesSource(path, chunk_rows)


def table_of(columns: Sequence[str], name: str, table: str | None = None) -> str:
    """``events`` or ``items``, by the columns of a file; another one only where ``table`` says so.

    Raises:
        InvalidInput: the columns fit neither, or a column that ``table`` needs is absent.

    >>> table_of(["item_id", "title"], "feed.csv")
    'items'
    """
    found = set(columns)
    named = table is not None
    if table is None:
        table = "events" if {"user_id", "timestamp"} & found else "items"
    if table not in TABLES:
        raise InvalidInput(f"{name}: no table {table!r}; choose one of {', '.join(TABLES)}")
    missing = [column for column in _NEEDED[table] if column not in found]
    if missing:
        listed = ", ".join(sorted(found)[:20]) or "none"
        people = " If it tells of people, say --table users." if not named and "user_id" in found else ""
        fits = [name for name in TABLES[3:] if found.issuperset(_NEEDED[name])] if not named else []
        people = f" If it is one of {fits[0]}, say --table {fits[0]}." if fits else people
        raise InvalidInput(
            f"{name}: a table of {table} needs the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"the file has: {listed}. Rename its columns.{people}"
        )
    return table


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFF)
        if path.suffix.lower() == ".gz" and head:
            with gzip.open(path, "rb") as file:
                head = file.read(_SNIFF)
    except FileNotFoundError as error:
        raise InvalidInput(f"{path}: no such file") from error
    except (OSError, EOFError) as error:
        raise InvalidInput(f"{path.name}: cannot be read: {error}") from error
    if not head.strip():
        raise InvalidInput(f"{path.name}: the file is empty")
    return head


def _format(path: Path, head: bytes) -> str:
    endings = [ending.lower() for ending in path.suffixes]
    ending = endings[-2] if endings[-1:] == [".gz"] and len(endings) > 1 else (endings or [""])[-1]
    if head[:4] == b"PAR1" or ending in {".parquet", ".pq"}:
        return "parquet"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"[":
        raise InvalidInput(
            f"{path.name}: one JSON array. Give one object a line: `jq -c '.[]' FILE > FILE.jsonl`"
        )
    if ending in {".jsonl", ".ndjson", ".json"} or start == b"{":
        return "jsonl"
    if ending in {".csv", ".tsv", ".txt", ""}:
        return "csv"
    raise InvalidInput(
        f"{path.name}: unknown ending {ending!r}; give .csv, .parquet or .jsonl (or .gz of a text)"
    )


def _check_text(path: Path, head: bytes) -> None:
    """Refuse what is plainly not UTF-8 at its beginning, before anything of it is taken.

    A file in another encoding has to be written anew; one where few lines are damaged is taken in, and
    each of those waits in the dead letters.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidInput(f"{path.name}: UTF-16 text. Save it as UTF-8: `iconv -f UTF-16 -t UTF-8`")
    lines = head.split(b"\n")[: -1 if len(head) == _SNIFF else None] or [head]
    bad = [number for number, line in enumerate(lines) if _broken(line) is not None]
    if bad and (bad[0] == 0 or len(bad) > _DAMAGED * len(lines)):
        line = lines[bad[0]]
        byte = line[_broken(line) or 0]
        place = sum(len(before) + 1 for before in lines[: bad[0]]) + (_broken(line) or 0)
        raise InvalidInput(
            f"{path.name}: row {bad[0] + 1}: not UTF-8 text (byte {byte:#04x} at {place}). "
            "Save it as UTF-8, such as with `iconv -f ISO-8859-1 -t UTF-8`"
        )
    if head.count(b"\0") > len(head) // 100:
        raise InvalidInput(f"{path.name}: a binary file; give CSV, Parquet or JSON lines")


def _broken(line: bytes) -> int | None:
    """Where it stops being UTF-8; None where it is."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None
