"""What the periods of a table are: the number of each, and its name."""

import re
from datetime import UTC, date, datetime
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from penchant.decide.tables import Column
from penchant.errors import InvalidInput

Floats = NDArray[np.float64]
Kind = Literal["number", "days", "month"]
"""What a period's number counts: as the table gives it, days since 1970, or months since the year 0."""

DAY: Final = 86_400
"""Seconds."""
EPOCH: Final = date(1970, 1, 1)
_WEEK: Final = re.compile(r"\d{4}-?W\d\d")
_MONTH: Final = re.compile(r"\d{4}-\d\d")


def period_numbers(column: Column, file: str) -> tuple[Floats, Kind]:
    """(n,) number of each row's period, larger where it is later, and what it counts; NaN where it is
    missing.

    Times of a day are that day, weeks their Monday. Other text would be put in the order of its letters: it
    is refused.

    Raises:
        InvalidInput: neither whole numbers, dates, weeks like 2026-W07 nor months like 2026-02.

    >>> from penchant.decide.tables import typed
    >>> numbers, kind = period_numbers(typed("week", ["2026-W07", "2025-W52"]), "t.csv")
    >>> numbers.tolist(), kind
    ([20493.0, 20444.0], 'days')
    """
    if column.kind == "time":
        return np.floor(column.numbers / DAY), "days"
    if column.kind == "number":
        known = column.numbers[~np.isnan(column.numbers)]
        if (known % 1 != 0).any():
            raise _unreadable(column, f"{known[known % 1 != 0][0]:g}, not whole numbers", file)
        return column.numbers, "number"
    names = [name.strip() for name in column.levels]
    months = all(_MONTH.fullmatch(name) for name in names)
    levels = np.array([_level(column, name, file, month=months) for name in names])
    codes = np.where(np.isnan(column.numbers), 0, column.numbers).astype(np.int64)
    return np.where(np.isnan(column.numbers), np.nan, levels[codes]), "month" if months else "days"


def period_name(number: int, kind: Kind) -> str:
    """What people call the period of this number.

    >>> period_name(20458, "days"), period_name(24_288, "month"), period_name(7, "number")
    ('2026-01-05', '2024-01', '7')
    """
    if kind == "number":
        return str(number)
    if kind == "month":
        return f"{number // 12:04d}-{number % 12 + 1:02d}"
    return day_of(number).isoformat()


def day_of(number: int) -> date:
    """The day of so many days since 1970."""
    return datetime.fromtimestamp(number * DAY, UTC).date()


def _level(column: Column, name: str, file: str, *, month: bool) -> float:
    """Number of the name of a week or a month."""
    try:
        if month and 1 <= int(name[5:]) <= 12:
            return float(int(name[:4]) * 12 + int(name[5:]) - 1)
        if not month and _WEEK.fullmatch(name):
            return float((date.fromisoformat(name) - EPOCH).days)
    except ValueError as error:
        raise _unreadable(column, repr(name), file) from error
    raise _unreadable(column, repr(name), file)


def _unreadable(column: Column, value: str, file: str) -> InvalidInput:
    return InvalidInput(
        f"{file}: column {column.name!r} holds {value}; give periods as whole numbers, dates like "
        "2026-02-09, weeks like 2026-W07 or months like 2026-02"
    )
