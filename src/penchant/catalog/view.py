"""The catalogue as arrays by id row: what a request reads. Never changed once made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penchant.types import Item

MOVES = 32
"""Changes that a view knows of."""

LEVEL = " > "
"""Separates the levels of a category, widest first."""


def top_level(category: str) -> str:
    """The widest level of a category.

    >>> top_level("Beauty > Nails > Polish")
    'Beauty'
    """
    return category.split(LEVEL, 1)[0]


@dataclass(slots=True)
class Codes:
    """Names and their numbers, append-only; -1 stands for the empty name.

    >>> codes = Codes()
    >>> codes.code("Dairy"), codes.code(""), codes.code("Dairy"), codes.find("Meat")
    (0, -1, 0, -1)
    """

    names: list[str] = field(default_factory=list[str])
    _known: dict[str, int] = field(default_factory=dict[str, int])

    def code(self, name: str) -> int:
        """Number of ``name``, made where it is new."""
        if not name:
            return -1
        if name not in self._known:
            self._known[name] = len(self.names)
            self.names.append(name)
        return self._known[name]

    def find(self, name: str) -> int:
        """Number of ``name``; -1 where nobody has it."""
        return self._known.get(name, -1)

    def name(self, code: int) -> str:
        """Name of a number; empty for -1."""
        return self.names[code] if code >= 0 else ""


@dataclass(frozen=True, slots=True, eq=False)
class CatalogView:
    """One version of the catalogue, N id rows; rows without an item are not available.

    Attributes:
        version: of the store. ids: item id of each row (may be longer than N: rows that came later).
        row_of: row of each item id. titles: N texts. notes: N texts, what its attributes say.
        available: (N,) bool. listed: (N,) bool, in the catalogue at all.
        category, department, brand: (N,) int32 codes of the full category, its widest level, the brand.
        price: (N,) float32, the shop's currency, NaN where there is none.
        moved: the last changes before it: the version that each came after, and its rows.
    """

    version: int
    ids: list[str]
    row_of: dict[str, int]
    titles: list[str]
    notes: list[str]
    available: NDArray[np.bool_]
    listed: NDArray[np.bool_]
    category: NDArray[np.int32]
    department: NDArray[np.int32]
    brand: NDArray[np.int32]
    price: NDArray[np.float32]
    categories: Codes
    departments: Codes
    brands: Codes
    moved: tuple[tuple[int, tuple[int, ...]], ...] = ()

    def __len__(self) -> int:
        return len(self.available)

    def row(self, item_id: str) -> int:
        """Row of an item; -1 where the view does not know it."""
        row = self.row_of.get(item_id, -1)
        return row if row < len(self) else -1

    def name(self, row: int) -> str:
        """Id of the item of a row; empty for a row that came after the view."""
        return self.ids[row] if row < len(self.ids) else ""

    def changed_since(self, version: int) -> list[int] | None:
        """Rows that differ from an earlier version, each once; None where that is not known any more."""
        start = next((n for n, (before, _) in enumerate(self.moved) if before == version), None)
        if start is None:
            return [] if version == self.version else None
        return list(dict.fromkeys(row for _, rows in self.moved[start:] for row in rows))

    def available_to(self, length: int) -> NDArray[np.bool_]:
        """Availability of the first ``length`` rows, shape (length,); false beyond the view."""
        if length <= len(self):
            return self.available[:length]
        return np.concatenate([self.available, np.zeros(length - len(self), dtype=bool)])

    def title_of(self, item_id: str) -> str:
        """Title of an item, or its id where it has none."""
        row = self.row(item_id)
        return (self.titles[row] if row >= 0 else "") or item_id

    def patched(self, version: int, ids: Sequence[str], items: Mapping[int, Item | None]) -> Self:
        """The next version: ``items`` by row replace what was there, None takes a row out.

        ``ids`` are those of rows that are new since. Work: one copy of the arrays, no re-reading.
        """
        for item_id in ids:
            self.row_of[item_id] = len(self.ids)
            self.ids.append(item_id)
        size = max(len(self), 1 + max(items, default=-1))
        new = type(self)(
            version=version,
            ids=self.ids,
            row_of=self.row_of,
            titles=[*self.titles, *([""] * (size - len(self)))],
            notes=[*self.notes, *([""] * (size - len(self)))],
            available=_grown(self.available, size, False),
            listed=_grown(self.listed, size, False),
            category=_grown(self.category, size, -1),
            department=_grown(self.department, size, -1),
            brand=_grown(self.brand, size, -1),
            price=_grown(self.price, size, np.nan),
            categories=self.categories,
            departments=self.departments,
            brands=self.brands,
            # What the first one of all came after is no version of a catalogue.
            moved=() if self.version < 0 else (*self.moved[1 - MOVES :], (self.version, tuple(items))),
        )
        for row, item in items.items():
            new._fill(row, item)
        return new

    def _fill(self, row: int, item: Item | None) -> None:
        if item is None:
            self.available[row] = self.listed[row] = False
            return
        self.titles[row], self.notes[row] = item.title, note_of(item)
        self.available[row], self.listed[row] = item.available, True
        self.category[row] = self.categories.code(item.category)
        self.department[row] = self.departments.code(top_level(item.category))
        self.brand[row] = self.brands.code(item.brand)
        self.price[row] = np.nan if item.price is None else item.price


def note_of(item: Item) -> str:
    """The values of an item's attributes that are texts or numbers.

    >>> note_of(Item(item_id="1", attributes={"colour": "red", "new": True, "volume": 15, "scent": None}))
    'red 15'
    """
    values = (value for value in item.attributes.values() if not isinstance(value, bool))
    return " ".join(str(value) for value in values if value is not None and value != "")


def _grown(array: NDArray[Any], size: int, fill: float) -> NDArray[Any]:
    """A copy of ``array`` with ``fill`` at its end, shape (size,)."""
    grown = np.full(size, fill, dtype=array.dtype)
    grown[: len(array)] = array
    return grown


def empty_view() -> CatalogView:
    """A catalogue of nothing, to patch."""
    codes = np.zeros(0, dtype=np.int32)
    nothing = np.zeros(0, dtype=bool)
    return CatalogView(
        -1,
        [],
        {},
        [],
        [],
        nothing,
        nothing,
        codes,
        codes,
        codes,
        codes.astype(np.float32),
        Codes(),
        Codes(),
        Codes(),
    )


def view_of(version: int, ids: Sequence[str], items: Mapping[int, Item]) -> CatalogView:
    """A view from scratch: all ids in the order of their rows, and the items by row.

    >>> view = view_of(1, ["a", "b"], {1: Item(item_id="b", category="Dairy > Milk", price=0.99)})
    >>> view.available.tolist(), view.departments.name(int(view.department[1]))
    ([False, True], 'Dairy')
    """
    base = empty_view()
    view = base.patched(version, ids, dict(items))
    missing = len(ids) - len(view)
    return replace(view.patched(version, (), {len(ids) - 1: None}), moved=()) if missing > 0 else view
