"""A panel from a table of sales: a row for each item and period."""

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from penchant.decide.periods import EPOCH, Kind, day_of, period_name, period_numbers
from penchant.decide.stock.panel import Floats, Panel, Rows, panel_of
from penchant.decide.tables import Column, Table, coded
from penchant.errors import InvalidInput

MOST_PERIODS = 5_000
EXACT = 2.0**53
"""Whole numbers from here on are not told apart."""
YEARS = (1900, 2100)
"""Numbers that begin with one of these years and end in a month or week are read as such."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Columns of a table of sales. ``price``, ``stock`` and ``category`` may be absent from it.

    ``stock``: pieces that could be sold in the period, on hand at its beginning or arrived in it.
    """

    item: str = "item"
    period: str = "period"
    quantity: str = "quantity"
    price: str = "price"
    stock: str = "stock"
    category: str = "category"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Periods of equal length: the number of each, and what people call it.

    Attributes:
        first: number of the first one. kind: "number", "month" or "days". step: numbers, months or days
            from one to the next.
    """

    first: int
    kind: Kind
    step: int = 1

    def name(self, place: int) -> str:
        """Of the period at ``place`` from the first.

        >>> Calendar(0, "days", 7).name(1), Calendar(24_288, "month").name(1), Calendar(5, "number").name(1)
        ('1970-01-08', '2024-02', '6')
        """
        return period_name(self.first + place * self.step, self.kind)

    @property
    def season(self) -> int:
        """Periods after which the same comes again; 1 where that is not known."""
        if self.kind == "days":
            return {1: 7, 7: 52}.get(self.step, 1)
        return 12 // self.step if self.kind == "month" and 12 % self.step == 0 else 1

    @property
    def length(self) -> str:
        """Of a period, in words.

        >>> Calendar(0, "days", 7).length, Calendar(0, "month").length, Calendar(0, "number").length
        ('7 days', '1 month', 'a number, 1 after the one before')
        """
        if self.kind == "number":
            return f"a number, {self.step} after the one before"
        unit = "day" if self.kind == "days" else self.kind
        return f"{self.step} {unit}" + ("s" if self.step > 1 else "")


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A panel, what its periods are, and what of the table was not used."""

    panel: Panel
    calendar: Calendar
    ignored: list[str]
    left_out: int


def panel_from(table: Table, names: Names) -> Read:
    """Sales of a table. Before its first row an item was not there; a period without a row had no sale.

    Any other column of numbers is a signal that may run ahead of sales, such as views.

    Raises:
        InvalidInput: a column is missing or cannot be read, a quantity is negative, or periods do not fit.
    """
    item, quantity = table.column(names.item, "the items"), table.number(names.quantity, "the quantities")
    calendar, place = _calendar(table.column(names.period, "the periods"), table.name)
    labels, code = coded(item_names(item, table.name))
    good = ~(np.isnan(item.numbers) | np.isnan(quantity) | (place < 0))
    if (quantity[good] < 0).any():
        raise InvalidInput(
            f"{table.name}: column {names.quantity!r} has negative quantities; leave returns out"
        )
    if not good.any():
        raise InvalidInput(f"{table.name}: no row has an item, a period and a quantity")
    used, first, rows = np.unique(code[good], return_index=True, return_inverse=True)
    cells = _Cells(rows, place[good], (len(used), int(place.max()) + 1))
    first_row = np.flatnonzero(good)[first]
    sold = cells.sum(quantity[good])
    there = np.maximum.accumulate(cells.count() > 0, axis=1)
    optional = {names.price, names.stock, names.category} & set(table.columns)
    core = {names.item, names.period, names.quantity, *optional}
    signals = {
        name: np.where(there, cells.mean(column.numbers[good], absent=0.0), np.nan)
        for name, column in table.columns.items()
        if name not in core and column.kind == "number"
    }
    panel = panel_of(
        [labels[one] for one in used.tolist()],
        [calendar.name(at) for at in range(sold.shape[1])],
        np.where(there, sold, np.nan),
        categories=_categories(table, names.category, first_row),
        signals=signals,
        season=calendar.season,
        **_prices(table, names.price, cells, good, quantity[good]),
        **_stock(table, names.stock, cells, good, sold),
    )
    ignored = [name for name in table.columns if name not in core and name not in signals]
    return Read(panel, calendar, ignored, int((~good).sum()) + table.unreadable)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Rows that fall into cells of a matrix of ``shape``."""

    rows: Rows
    columns: Rows
    shape: tuple[int, int]

    def sum(self, values: Floats) -> Floats:
        found = np.zeros(self.shape)
        np.add.at(found, (self.rows, self.columns), np.nan_to_num(values))
        return found

    def count(self) -> Floats:
        return self.sum(np.ones(len(self.rows)))

    def mean(self, values: Floats, absent: float = math.nan) -> Floats:
        """Mean of what is known in each cell, ``absent`` where nothing is."""
        known = self.sum((~np.isnan(values)).astype(np.float64))
        return np.where(known > 0, self.sum(values) / np.maximum(known, 1), absent)


def item_names(column: Column, file: str) -> list[str | None]:
    """Of each row, as written.

    Raises:
        InvalidInput: numbers so long that different ones are read as the same.
    """
    if column.kind == "number" and (np.abs(np.nan_to_num(column.numbers)) >= EXACT).any():
        raise InvalidInput(
            f"{file}: column {column.name!r} has numbers of more than 15 digits, which cannot be told apart; "
            "write a letter before them"
        )
    return column.names()


def _categories(table: Table, name: str, rows: NDArray[np.int64]) -> list[str]:
    if name not in table.columns:
        return [""] * len(rows)
    labels = table.columns[name].labels()
    return [labels[row] or "" for row in rows]


def _prices(
    table: Table, name: str, cells: _Cells, good: NDArray[np.bool_], quantity: Floats
) -> dict[str, Floats]:
    """What a piece was sold for; where nothing was, the mean of the prices named."""
    if name not in table.columns:
        return {}
    prices = table.number(name, "the prices")[good]
    prices = np.where(prices > 0, prices, np.nan)
    pieces = cells.sum(np.where(np.isnan(prices), 0.0, quantity))
    paid = cells.sum(prices * quantity) / np.where(pieces > 0, pieces, 1.0)
    return {"prices": np.where(pieces > 0, paid, cells.mean(prices))}


def _stock(
    table: Table, name: str, cells: _Cells, good: NDArray[np.bool_], sold: Floats
) -> dict[str, NDArray[np.bool_] | Floats]:
    """Without stock and sale nothing can be known; where all is sold, more may have been wanted."""
    if name not in table.columns:
        return {}
    stock = cells.mean(table.number(name, "the stock")[good])
    none, out = (stock <= 0) & (sold == 0), (stock > 0) & (sold >= stock)
    return {"in_stock": np.where(none, 0.0, 1.0), "sold_out": out}


def _calendar(column: Column, file: str) -> tuple[Calendar, Rows]:
    """What the periods are, and the place of each row among them; -1 where it has none."""
    known = ~np.isnan(column.numbers)
    numbers, kind = period_numbers(column, file)
    if kind == "number":
        numbers, kind = _year_and_part(column, file)
    distinct = np.unique(numbers[known]).astype(np.int64)
    if kind == "days" and all(day_of(number).day == 1 for number in distinct.tolist()) and len(distinct) > 1:
        months = {number: day_of(number).year * 12 + day_of(number).month - 1 for number in distinct.tolist()}
        numbers = np.array([months.get(int(n), math.nan) if np.isfinite(n) else n for n in numbers])
        distinct, kind = np.unique(numbers[known]).astype(np.int64), "month"
    calendar = Calendar(int(distinct[0]), kind, int(np.gcd.reduce(np.diff(distinct))) or 1)
    _check_span(calendar, distinct, f"{file}: column {column.name!r}")
    place = np.where(known, (np.nan_to_num(numbers) - calendar.first) // calendar.step, -1).astype(np.int64)
    return calendar, place


def _check_span(calendar: Calendar, distinct: Rows, column: str) -> None:
    """Neither more periods than can be read, nor most of them without any row: these would be no sales."""
    count = int(distinct[-1] - distinct[0]) // calendar.step + 1
    if count > MOST_PERIODS:
        raise InvalidInput(
            f"{column} spans {count} periods; {MOST_PERIODS} can be read. "
            "Number weeks one after the other, or give dates of their first days"
        )
    if 2 * len(distinct) >= count:
        return
    steps, often = np.unique(np.diff(distinct), return_counts=True)
    usual = int(steps[np.argmax(often)])
    odd = distinct[np.flatnonzero((distinct - distinct[0]) % usual != 0)]
    off = (
        f"; most are {usual} apart, {_named_at(calendar, int(odd[0]))} is not in that row" if len(odd) else ""
    )
    raise InvalidInput(
        f"{column}: its periods fit one step only, {calendar.length}, and then {count - len(distinct)} of "
        f"{count} periods have no row of any item, which would count as no sales{off}"
    )


def _named_at(calendar: Calendar, number: int) -> str:
    return period_name(number, calendar.kind)


def _year_and_part(column: Column, file: str) -> tuple[Floats, Kind]:
    """Numbers such as 202612 as months, such as 202652 as weeks, where all can be; else as they are."""
    numbers = column.numbers
    year, part = numbers // 100, numbers % 100
    known = ~np.isnan(numbers)
    fits = (year >= YEARS[0]) & (year <= YEARS[1]) & (part >= 1) & (part <= 53) & (part % 1 == 0)
    if not fits[known].all():
        return numbers, "number"
    if (part[known] <= 12).all():
        return 12 * year + part - 1, "month"
    weeks: dict[float, float] = {}
    for number in np.unique(numbers[known]).tolist():
        try:
            monday = date.fromisocalendar(int(number) // 100, int(number) % 100, 1)
        except ValueError as error:
            raise InvalidInput(
                f"{file}: column {column.name!r} looks like years and weeks, but {number:.0f} is no ISO "
                "week; give dates of their first days"
            ) from error
        weeks[number] = float((monday - EPOCH).days)
    return np.array([weeks.get(number, math.nan) for number in numbers.tolist()]), "days"
