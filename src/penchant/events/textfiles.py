"""CSV and JSON lines as chunks, plain or gzip."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from penchant.errors import InvalidInput
from penchant.events.chunks import CHUNK_CHARACTERS, CHUNK_ROWS, MAX_LINE, Chunk, Unreadable


@dataclass(frozen=True, slots=True)
class CsvSource:
    """Comma, semicolon or tab separated text with a header. Every cell is text; an empty one is None."""

    path: Path
    chunk_rows: int = CHUNK_ROWS
    columns: tuple[str, ...] = field(init=False)
    delimiter: str = field(init=False)
    total: int = field(init=False)

    def __post_init__(self) -> None:
        csv.field_size_limit(MAX_LINE)
        object.__setattr__(self, "total", self.path.stat().st_size)
        with _Lines(self.path) as lines:
            header = next(iter(lines), "")
        object.__setattr__(self, "delimiter", max(",;\t|", key=header.count))
        names = next(csv.reader([header], delimiter=self.delimiter), [])
        object.__setattr__(self, "columns", _names(self.path, names))

    def chunks(self) -> Iterator[Chunk]:
        with _Lines(self.path) as lines:
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            next(reader)
            row = 1
            while True:
                start, first = lines.read, row
                good, numbers, bad, more = [], [], list[Unreadable](), True
                while row - first < self.chunk_rows and lines.read - start < CHUNK_CHARACTERS:
                    row += 1
                    cells = self._next(reader, row)
                    if cells is None:
                        more = False
                        break
                    if isinstance(cells, Unreadable):
                        bad.append(cells)
                    elif cells:
                        good.append(cells)
                        numbers.append(row)
                if good or bad:
                    yield self._chunk(good, numbers, bad, lines.done)
                if not more:
                    return

    def _next(self, reader: Iterator[list[str]], row: int) -> list[str] | Unreadable | None:
        try:
            cells = next(reader)
        except StopIteration:
            return None
        except csv.Error as error:
            if "field larger" in str(error) or "unexpected end" in str(error):
                raise InvalidInput(
                    f"{self.path.name}: row {row}: a quote is opened there and never closed. Close it and "
                    "import again; rows before it are in, and are not taken twice."
                ) from error
            return Unreadable(row, "bad-csv", f"row {row} is not valid CSV: {error}")
        if cells and len(cells) != len(self.columns):
            return Unreadable(
                row, "ragged", f"row {row} has {len(cells)} cells, the header has {len(self.columns)}"
            )
        return cells

    def _chunk(self, good: list[list[str]], rows: list[int], bad: list[Unreadable], done: int) -> Chunk:
        cells = zip(*good, strict=True) if good else ((),) * len(self.columns)
        columns = {
            name: [cell or None for cell in column] for name, column in zip(self.columns, cells, strict=True)
        }
        return Chunk(rows, columns, None, bad, done)


@dataclass(frozen=True, slots=True)
class JsonLinesSource:
    """One JSON object a line."""

    path: Path
    chunk_rows: int = CHUNK_ROWS
    columns: tuple[str, ...] = field(init=False)
    total: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", self.path.stat().st_size)
        first = next(JsonLinesSource._read(self.path, 100), None)
        records = first.records if first and first.records else []
        object.__setattr__(self, "columns", tuple(dict.fromkeys(name for r in records for name in r)))
        if not records:
            raise InvalidInput(
                f"{self.path.name}: no line of the first {len(first.unreadable) if first else 0} is a JSON "
                "object; give one object a line"
            )

    def chunks(self) -> Iterator[Chunk]:
        return self._read(self.path, self.chunk_rows)

    @staticmethod
    def _read(path: Path, chunk_rows: int) -> Iterator[Chunk]:
        decoder = msgspec.json.Decoder()
        with _Lines(path) as lines:
            records, numbers, bad, start = list[Any](), list[int](), list[Unreadable](), 0
            for row, line in enumerate(lines, start=1):
                if line.isspace():
                    continue
                found = _json_object(decoder, line, row)
                if isinstance(found, Unreadable):
                    bad.append(found)
                else:
                    records.append(found)
                    numbers.append(row)
                if len(records) + len(bad) >= chunk_rows or lines.read - start >= CHUNK_CHARACTERS:
                    yield Chunk(numbers, None, records, bad, lines.done)
                    records, numbers, bad, start = [], [], [], lines.read
            if records or bad:
                yield Chunk(numbers, None, records, bad, lines.done)


def _json_object(decoder: msgspec.json.Decoder[Any], line: str, row: int) -> dict[str, Any] | Unreadable:
    try:
        found = decoder.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        return Unreadable(row, "bad-json", f"line {row} is not valid JSON: {error}")
    if not isinstance(found, dict):
        return Unreadable(row, "bad-json", f"line {row} is a {type(found).__name__}, not a JSON object")
    return found


class _Lines:
    """Lines of a text file, plain or gzip, that know how far they are. Bytes that are not UTF-8 stay
    visible as lone surrogates, so that the rules can name the cell."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw: IO[bytes] = path.open("rb")
        zipped = path.suffix.lower() == ".gz"
        self._text: IO[str] = (
            gzip.open(  # noqa: SIM115 - closed in __exit__
                self._raw, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=""
            )
            if zipped
            else self._path.open("r", encoding="utf-8-sig", errors="surrogateescape", newline="")
        )
        self._zipped = zipped
        self.read = 0

    @property
    def done(self) -> int:
        """Bytes of the file consumed; for plain text the characters read, which is close."""
        return self._raw.tell() if self._zipped else self.read

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()
        self._raw.close()

    def __iter__(self) -> Iterator[str]:
        try:
            while line := self._text.readline(MAX_LINE):
                self.read += len(line)
                if len(line) == MAX_LINE:
                    raise InvalidInput(f"{self._path.name}: a line of more than {MAX_LINE} characters")
                yield line
        except (EOFError, gzip.BadGzipFile, OSError) as error:
            raise InvalidInput(
                f"{self._path.name}: cannot be read further: {error}. Make the file again and import it; "
                "rows that are in are not taken twice."
            ) from error


def _names(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in header)
    if not any(names):
        raise InvalidInput(f"{path.name}: row 1: no column names; the first row must name the columns")
    double = sorted({name for name in names if names.count(name) > 1})
    if double or "" in names:
        what = f"column {double[0]!r} is named twice" if double and double[0] else "a column has no name"
        raise InvalidInput(f"{path.name}: row 1: {what}; each column needs a name of its own")
    return names
