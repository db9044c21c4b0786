"""A checksum in each row of the log: a bit that flips on the disk is noticed when the row is read.

SQLite has none for its pages. A row holds two CRC-32 in one integer, of the columns that training reads
and of the others, so that neither way of reading pays for what it does not read.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import starmap
from math import isnan
from typing import Any, Final
from zlib import crc32

import msgspec

from penchant.errors import DamagedLog

_encode = msgspec.msgpack.Encoder().encode
_HALF: Final = 1 << 63
_COLUMNS: Final = 11
_REST: Final = _COLUMNS - 4

Cells = Sequence[Any]


def number(value: float | None) -> float | None:
    """As SQLite gives it back: no -0, no NaN, and always a float.

    >>> number(2), number(-0.0), number(float("nan"))
    (2.0, 0.0, None)
    """
    return None if value is None or isnan(value) else value + 0.0


def row_checks(position: int, person: int, timestamp: float | None, sequence: int | None, *rest: Any) -> int:
    """Both checksums of one row of ``events``, of all its columns but this one, in their order.

    >>> cells = (1, 2, 3.0, None, 0, "tea", None, None, None, 3.5, None, None, None, "e1", b"digest")
    >>> row_checks(*cells) == row_checks(*cells[:5], "tee", *cells[6:])
    False
    """
    trained = (position, person, timestamp, sequence or 0, *rest[:_REST])
    return checks_of(trained, (position, sequence, *rest[_REST:]))


def checks_of(trained: Cells, others: Cells) -> int:
    """Those of the columns that training reads (no ``sequence`` counts as 0), and of position, ``sequence``
    and the columns behind them."""
    return (crc32(_encode(trained)) << 32 | crc32(_encode(others))) - _HALF


def text_check(text: str) -> int:
    """Checksum of a name."""
    return crc32(text.encode("utf-8", "surrogatepass"))


def verify_row(cells: Cells, checks: Any) -> None:
    """Raises DamagedLog where a whole row is not what was written."""
    if checks != row_checks(*cells):
        raise DamagedLog(_where(cells[0]))


def verify_order(positions: Iterable[int], after: int) -> None:
    """Raises DamagedLog where positions do not grow: a page stands where another belongs.

    Whoever reads on from the last position would read for ever.
    """
    for position in positions:
        if position <= after:
            raise DamagedLog(f"the log is damaged on the disk near its position {position}. {_WHAT_TO_DO}")
        after = position


def verify_columns(rows: Sequence[Cells]) -> None:
    """The same as :func:`verify_row` of the columns that training reads, the checksums behind them."""
    for row in rows:
        checks = row[_COLUMNS]
        if not isinstance(checks, int) or (checks + _HALF) >> 32 != crc32(_encode(row[:_COLUMNS])):
            raise DamagedLog(_where(row[0]))


def verify_names(names: Sequence[tuple[Any, Any]]) -> None:
    """Raises DamagedLog where a pseudonym is not what was written; each comes with its checksum."""
    if not all(starmap(_is_whole, names)):
        raise DamagedLog(f"a person's row is damaged on the disk. {_WHAT_TO_DO}")


def _is_whole(name: Any, check: Any) -> bool:
    return isinstance(name, str) and check == text_check(name)


def add_functions(connection: sqlite3.Connection) -> None:
    """For the migration that gives older rows their checksums."""
    connection.create_function("row_checks", 15, row_checks, deterministic=True)
    connection.create_function("text_check", 1, text_check, deterministic=True)


_WHAT_TO_DO = (
    "Nothing else was lost: other rows are read as before. Restore a backup, or look at the disk first."
)


def _where(position: Any) -> str:
    return f"the event at position {position} of the log is damaged on the disk. {_WHAT_TO_DO}"
