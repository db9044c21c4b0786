"""A table of any columns, read whole: what kind each column is, and its values as an array."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.events.cells import BadCell, time_of
from penchant.events.chunks import Chunk
from penchant.events.sources import open_source

Floats = NDArray[np.float64]
Kind = Literal["number", "time", "text", "empty"]

_ABSENT = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
_DAY = re.compile(r"\s*\d{4}-\d\d-\d\d")
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of n rows.

    Attributes:
        name: as in the file.
        kind: number (true and false are 1 and 0), time (unix seconds), text, or empty.
        numbers: (n,) of a number or time, NaN where missing; of text the code of its level, NaN where
            missing.
        levels: of text, each value once, sorted.
        cells: (n,) as the file gave them.
    """

    name: str
    kind: Kind
    numbers: Floats
    levels: tuple[str, ...] = ()
    cells: Sequence[Any] = ()

    def names(self) -> list[str | None]:
        """Every row as text as it is written, for ids and treatments; None only where a cell is empty.

        "007" is not "7", and "none" is a name. Blanks around it do not count; a whole number that is kept
        as one, as in Parquet, has no decimal point.

        >>> typed("item", ["007", "7 ", "none", ""]).names()
        ['007', '7', 'none', None]
        >>> typed("item", [4006381333900, 2.0, True, None]).names()
        ['4006381333900', '2', 'true', None]
        """
        return [_written(cell) for cell in self.cells] if self.cells else self.labels()

    def labels(self) -> list[str | None]:
        """Every row as text: a level, or a number as people write it; None where missing."""
        if self.kind == "text":
            return [None if np.isnan(code) else self.levels[int(code)] for code in self.numbers]
        return [None if np.isnan(value) else _short(value) for value in self.numbers]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of equal length.

    Attributes:
        name: of the file.
        columns: by name, in the order of the file.
        rows: how many.
        unreadable: rows of the file that could not be told apart into columns; they are not here.
        lost: places of these in the file, from 0, a heading not counted.
    """

    name: str
    columns: dict[str, Column]
    rows: int
    unreadable: int = 0
    lost: tuple[int, ...] = ()

    def places(self) -> NDArray[np.int64]:
        """Place of each row in the file, (rows,), from 0: rows that could not be read count."""
        return np.setdiff1d(np.arange(self.rows + len(self.lost)), self.lost)

    def column(self, name: str, what: str) -> Column:
        """One of them. ``what`` names its part in a message, such as "the treatment".

        Raises:
            InvalidInput: there is none of this name, or it has no value.
        """
        if name not in self.columns:
            listed = ", ".join(list(self.columns)[:30])
            raise InvalidInput(f"{self.name}: no column {name!r} for {what}; the file has: {listed}")
        found = self.columns[name]
        if found.kind == "empty":
            raise InvalidInput(f"{self.name}: column {name!r}, {what}, is empty")
        return found

    def names(self, name: str, what: str) -> list[str | None]:
        """A column as text as it is written: :meth:`Column.names`.

        Raises:
            InvalidInput: there is none of this name, or all its cells are empty.
        """
        found = self.columns[name] if name in self.columns else self.column(name, what)
        written = found.names()
        return written if any(value is not None for value in written) else self.column(name, what).names()

    def number(self, name: str, what: str) -> Floats:
        """Values of a column of numbers.

        Raises:
            InvalidInput: as :meth:`column`, or it holds text.
        """
        found = self.column(name, what)
        if found.kind == "text":
            first = found.levels[0]
            raise InvalidInput(f"{self.name}: column {name!r}, {what}, must hold numbers, not {first!r}")
        return found.numbers


def read_table(path: Path, names: Sequence[str] | None = None) -> Table:
    """Read a CSV, Parquet or JSON lines file; only the columns ``names``, where these are given.

    Raises:
        InvalidInput: it cannot be read, holds no row, or a cell holds a list or an object.
    """
    source = open_source(path)
    cells: dict[str, list[Any]] = {}
    rows = 0
    lost: list[int] = []
    for chunk in source.chunks():
        lost += _lost(chunk, rows + len(lost))
        records = chunk.records
        rows_here = len(records) if records is not None else len(chunk.rows)
        if records is not None:
            found = {name: [record.get(name) for record in records] for name in _names_of(records, cells)}
        else:
            found = dict(chunk.columns or {})
        for name, values in found.items():
            if names is None or name in names:
                cells.setdefault(name, [None] * rows).extend(values)
        rows += rows_here
    if not rows:
        raise InvalidInput(f"{path.name}: no row can be read")
    columns = {name: typed(name, values, path.name) for name, values in cells.items()}
    return Table(path.name, columns, rows, len(lost), tuple(lost))


def _lost(chunk: Chunk, before: int) -> list[int]:
    """Places of the rows that cannot be read, among those of a chunk that begins at the place ``before``."""
    if not chunk.unreadable:
        return []
    bad = [row.row for row in chunk.unreadable]
    order = np.argsort([*chunk.rows, *bad], kind="stable")
    return (before + np.flatnonzero(order >= len(chunk.rows))).tolist()


def _names_of(records: Iterable[dict[str, Any]], known: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*known, *(name for record in records for name in record)]))


def typed(name: str, values: Sequence[Any], file: str = "table") -> Column:
    """Values of one column as what they are.

    Raises:
        InvalidInput: a list or an object.

    >>> typed("a", ["1", "", "2.5"]).numbers.tolist()
    [1.0, nan, 2.5]
    >>> typed("b", ["red", None, "blue"]).levels
    ('blue', 'red')
    >>> typed("c", ["2026-01-01", "2026-01-02"]).kind
    'time'
    """
    return replace(_typed(name, values, file), cells=values)


def _typed(name: str, values: Sequence[Any], file: str) -> Column:
    plain = [_plain(value, name, file) for value in values]
    present = [value for value in plain if value is not None]
    if not present:
        return Column(name, "empty", np.full(len(plain), np.nan))
    if all(isinstance(value, float) for value in present):
        return Column(name, "number", _finite(plain))
    texts = [None if value is None else str(value) for value in plain]
    as_numbers = _all_numbers(texts)
    if as_numbers is not None:
        return Column(name, "number", as_numbers)
    as_times = _all_times(texts)
    if as_times is not None:
        return Column(name, "time", as_times)
    levels = sorted({text for text in texts if text is not None})
    code = {level: float(number) for number, level in enumerate(levels)}
    numbers = np.array([np.nan if text is None else code[text] for text in texts])
    return Column(name, "text", numbers, tuple(levels))


def _plain(value: Any, name: str, file: str) -> float | str | None:
    """Missing, a number or text."""
    if value is None:
        return None
    if isinstance(value, str):
        return None if value.strip().lower() in _ABSENT else value
    if isinstance(value, (bool, int, float, Decimal)):
        return float(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise InvalidInput(f"{file}: column {name!r} holds a {type(value).__name__}; give text or numbers")


def coded(names: Sequence[str | None]) -> tuple[list[str], NDArray[np.int64]]:
    """Each name once, sorted, and which of them each row has, (n,): -1 for none.

    >>> names, codes = coded(["b", None, "a", "b"])
    >>> names, codes.tolist()
    (['a', 'b'], [1, -1, 0, 1])
    """
    once = sorted({name for name in names if name is not None})
    code = {name: place for place, name in enumerate(once)}
    return once, np.array([-1 if name is None else code[name] for name in names], np.int64)


def _written(cell: Any) -> str | None:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return (cell.isoformat() if isinstance(cell, date) else str(cell)).strip() or None


def _short(value: float) -> str:
    return str(int(value)) if value.is_integer() else f"{value:.12g}"


def _finite(values: Sequence[Any]) -> Floats:
    found = np.array([np.nan if value is None else value for value in values], np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def _all_numbers(texts: Sequence[str | None]) -> Floats | None:
    try:
        return _finite([None if t is None else _TRUTH.get(t.strip().lower(), t) for t in texts])
    except (ValueError, OverflowError):
        return None


def _all_times(texts: Sequence[str | None]) -> Floats | None:
    if not all(text is None or _DAY.match(text) for text in texts):
        return None
    known: dict[str | None, float] = {None: np.nan}
    try:
        for text in texts:
            if text not in known:
                known[text] = time_of(text)
    except BadCell:
        return None
    return np.array([known[text] for text in texts])
