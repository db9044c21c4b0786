"""A table of sales as arrays: one row an item and period. No column of a person is read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penchant.decide.periods import period_name, period_numbers
from penchant.decide.tables import Column, Table, coded, read_table
from penchant.errors import InvalidInput, NotEnoughData
from penchant.events.sources import open_source

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

LEAST: Final = 8
"""Periods of an item that are needed to say anything of it alone."""
_PEOPLE: Final = re.compile(
    "user|customer|person|people|client|shopper|buyer|visitor|household|member|pseudonym|taste|cookie"
    "|session_id|loyalty|gender|address|e[-_ ]?mail"
    # Parts of other words, such as package and headphone: only by themselves.
    "|(?<![a-z])(?:age|sex|cust(?:id|no)?|(?:tele)?phone)(?![a-z])",
    re.IGNORECASE,
)
"""Names of columns that tell of people, or may: what is refused is told, and can be renamed."""
_MOST_LEVELS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Columns of the table. ``group`` is one that alike items share, such as a category; it may be absent."""

    item: str = "item"
    period: str = "period"
    price: str = "price"
    quantity: str = "quantity"
    group: str = "category"


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Sales in the order of items and, within an item, of time.

    Attributes:
        items: names, sorted. periods: names, in order of time.
        item, period: (n,) code of each row. group: (I,) code of each item's group.
        group_names: of each code; one empty name where there are no groups.
        log_price, quantity: (n,).
        controls: (n, c) other columns, each with standard deviation 1.
        control_names: columns that they come from.
        refused: columns that tell of people; they were not read.
        left_out: rows without a price above 0, a quantity, an item or a period.
    """

    items: list[str]
    periods: list[str]
    item: Rows
    period: Rows
    group: Rows
    log_price: Floats
    quantity: Floats
    controls: Floats
    control_names: list[str]
    refused: list[str]
    left_out: int
    group_names: list[str]

    def __len__(self) -> int:
        return len(self.item)

    def of(self, rows: Rows) -> "Panel":
        """Some of the rows; items, periods and groups keep their codes."""
        return Panel(
            self.items, self.periods, self.item[rows], self.period[rows], self.group, self.log_price[rows],
            self.quantity[rows], self.controls[rows], self.control_names, self.refused, self.left_out,
            self.group_names,
        )  # fmt: skip


def read_panel(path: Path, names: Names) -> Panel:
    """Read a table of sales. Columns whose names tell of people are left in the file.

    Raises:
        InvalidInput: it cannot be read, a column is missing, no number or no period, or one of ``names``
            tells of people.
        NotEnoughData: no row has item, period, price and quantity.
    """
    columns = list(open_source(path).columns)
    core = {names.item, names.period, names.price, names.quantity}
    for name in [*sorted(core), names.group]:
        if _PEOPLE.search(name):
            raise InvalidInput(
                f"column {name!r} tells of people by its name: a price is for an item, the same for "
                "everybody. Name another column, or rename this one if it is of no person"
            )
    refused = [name for name in columns if name not in core and _PEOPLE.search(name)]
    return panel_of(read_table(path, [name for name in columns if name not in refused]), names, refused)


def panel_of(table: Table, names: Names, refused: list[str] | None = None) -> Panel:
    """Rows of one item and period become one: quantities are added, other columns averaged.

    The price of both is what a piece cost: their mean, by the quantity sold at each.
    """
    item, period = table.column(names.item, "the items"), table.column(names.period, "the periods")
    price, quantity = table.number(names.price, "the prices"), table.number(names.quantity, "the quantities")
    time, kind = period_numbers(period, table.name)
    good = (price > 0) & (quantity >= 0) & ~np.isnan(item.numbers) & ~np.isnan(time)
    if not good.any():
        raise NotEnoughData(f"{table.name}: no row has an item, a period, a price above 0 and a quantity")
    rows = np.flatnonzero(good)
    item_codes, item_names = _coded(item, rows)
    times, period_codes = np.unique(time[rows], return_inverse=True)
    period_names = [period_name(int(number), kind) for number in times.tolist()]
    key = item_codes * len(period_names) + period_codes
    cells, cell = np.unique(key, return_inverse=True)
    counts = np.bincount(cell).astype(np.float64)

    def mean(values: Floats) -> Floats:
        return np.bincount(cell, weights=values[rows]) / counts

    sold = np.bincount(cell, weights=quantity[rows]).astype(np.float64)
    paid = np.bincount(cell, weights=(price * quantity)[rows])
    group, group_names = np.zeros(len(item_names), np.int64), [""]
    if names.group in table.columns and table.columns[names.group].kind != "empty":
        codes, group_names = _coded(table.columns[names.group], np.arange(table.rows))
        group[item_codes] = codes[rows]
    core = {names.item, names.period, names.price, names.quantity, names.group}
    others = [column for name, column in table.columns.items() if name not in core]
    controls, used = _controls(others, mean, len(cells))
    return Panel(
        items=item_names,
        periods=period_names,
        item=cells // len(period_names),
        period=cells % len(period_names),
        group=group,
        log_price=np.log(np.divide(paid, sold, out=mean(price), where=sold > 0)),
        quantity=sold,
        controls=controls,
        control_names=used,
        refused=refused or [],
        left_out=int((~good).sum()) + table.unreadable,
        group_names=group_names,
    )


def piece(quantity: Floats) -> float:
    """The largest amount of which all quantities are whole multiples: 1 where pieces are counted.

    0 where nothing was sold, or quantities are too large to tell.

    >>> piece(np.array([12.0, 30.0, 0.0])), piece(np.array([0.196, 0.225]))
    (6.0, 0.001)
    """
    if not len(quantity) or float(quantity.max()) > 1e12:
        return 0.0
    return float(np.gcd.reduce(np.rint(quantity * 1e6).astype(np.int64))) / 1e6


def _coded(column: Column, rows: Rows) -> tuple[Rows, list[str]]:
    """Codes of the values in their order, and the values as text."""
    names, given = coded([name or "" for name in column.names()])
    used, codes = np.unique(given[rows], return_inverse=True)
    return codes, [names[code] for code in used.tolist()]


def _controls(
    columns: list[Column], mean: Callable[[Floats], Floats], cells: int
) -> tuple[Floats, list[str]]:
    found: list[Floats] = []
    names: list[str] = []
    for column in columns:
        for values in _parts(column):
            one = mean(values)
            deviation = float(one.std())
            if deviation > 1e-9:
                found.append((one - one.mean()) / deviation)
                names.append(column.name)
    return (np.column_stack(found) if found else np.zeros((cells, 0))), list(dict.fromkeys(names))


def _parts(column: Column) -> list[Floats]:
    """A number with its mean where it is missing; a text as one column a level."""
    if column.kind == "empty":
        return []
    if column.kind != "text":
        absent = np.isnan(column.numbers)
        return [np.where(absent, np.nanmean(column.numbers), column.numbers)]
    if len(column.levels) > _MOST_LEVELS:
        return []
    return [(column.numbers == code).astype(np.float64) for code in range(len(column.levels))]
